//! What stands behind a case, for programs: excerpts, whose copy, full values, captures; on the demo, which has captured some.

use serde_json::json;

use super::*;
use crate::console::Running;

/// Makes a token by the console's own form.
async fn token(running: &Running, client: &reqwest::Client) -> String {
    let entered = client.get(&running.link).send().await.unwrap();
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = async |request: reqwest::RequestBuilder| {
        request.header("cookie", &cookie).send().await.unwrap().text().await.unwrap()
    };
    let form = page(client.get(running.page("/account/tokens"))).await;
    let mark = form.split_once("name=\"token\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let body = format!("token={mark}&label=test&read=1&reveal=1&days=1");
    let made = page(client.post(running.page("/account/tokens")).body(body)).await;
    made.split_once("class=\"secret\">").unwrap().1.split_once('<').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reads_excerpts_reveals_with_a_reason_and_takes_captures_away() {
    let running = Running::demo();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let token = token(&running, &client).await;
    let get =
        async |path: &str| answer(client.get(running.page(&format!("/api/v1/cases{path}"))).bearer_auth(&token)).await;
    let cases = get("?organization=example-bank").await.json();
    let case = cases["items"][0]["id"].as_str().unwrap().to_owned();
    let evidence = get(&format!("/{case}/evidence")).await;
    let captures = evidence.json()["items"].as_array().unwrap().clone();
    let excerpts: Vec<&Value> = captures.iter().flat_map(|one| one["excerpts"].as_array().unwrap()).collect();
    assert!(!captures.is_empty() && !excerpts.is_empty(), "{}", evidence.text);
    assert!(excerpts.iter().all(|excerpt| excerpt["is_replayed"] == true), "{}", evidence.text);
    let attribution = get(&format!("/{case}/attribution")).await.json();
    assert!(attribution["verdict"].is_string() && attribution["posterior"].is_array(), "{attribution}");

    let post = async |path: &str, why: &str| {
        let request = client.post(running.page(&format!("/api/v1/cases/{case}/{path}"))).bearer_auth(&token);
        request.header("content-type", "application/json").body(json!({"why": why}).to_string()).send().await.unwrap()
    };
    assert_eq!(post("reveal", " ").await.status().as_u16(), 422);
    let shown: Value = serde_json::from_str(&post("reveal", "compare with March").await.text().await.unwrap()).unwrap();
    let values = shown["items"].as_array().unwrap();
    let planted: Vec<&str> = values.iter().filter_map(|value| value["planted"].as_str()).collect();
    assert!(!planted.is_empty(), "{shown}");
    assert!(planted.iter().all(|value| !evidence.text.contains(value)), "excerpts show no full value");
    let warc = post("warc", "for the court").await;
    assert_eq!(warc.headers()["content-type"], "application/octet-stream");
    let warc = warc.bytes().await.unwrap();
    assert!(warc.starts_with(&[0x1f, 0x8b]) && warc.len() > 500, "a compressed WARC of {} bytes", warc.len());
    let moves = running.installation.rows(&["case", "show", &case])[0]["moves"].clone();
    let told = |what: &str, why: &str| {
        moves.as_array().unwrap().iter().any(|step| step["to"] == what && step["why"] == why && step["who"] == "demo")
    };
    assert!(told("revealed", "compare with March") && told("downloaded", "for the court"), "{moves}");
}
