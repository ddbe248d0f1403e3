//! Sources at the console: a first look, adding, changing, sessions; and the overview's pages.

use serde_json::json;

use super::*;
use crate::world::forum::{Content, Forum};

#[tokio::test]
async fn a_source_is_looked_at_added_changed_and_paused() {
    let desk = Desk::open().await;
    let (cookie, form_token) = desk.log_in("root").await;
    let forum = Forum::serve(Content { threads: vec![vec!["nothing of note".to_owned()]; 3] });
    let (url, token) = (forum.url(), ("token", form_token.as_str()));
    let looked = desk.form(&cookie, "/sources/new", &[token, ("url", &url)]).await;
    assert_eq!(looked.status, 200, "{}", looked.text);
    assert!(looked.text.contains("mybb") && looked.text.contains("/sources/add"), "{}", looked.text);
    assert_eq!(desk.store.sources(desk.clock.now()).await.unwrap().len(), 2, "a look keeps nothing");
    for bad in ["forum.example", "http://10.1.2.3/", "ftp://forum.example/", "http://127.0.0.1:1/"] {
        let answer = desk.form(&cookie, "/sources/new", &[token, ("url", bad)]).await;
        assert_eq!(answer.status, 422, "{bad}: {}", answer.text);
        assert!(answer.text.contains("role=\"alert\""), "{bad}");
    }
    let fields = [token, ("url", url.as_str()), ("label", "trial <forum>"), ("pace", "2.5"), ("concurrency", "2")];
    let added = desk.form(&cookie, "/sources/add", &fields).await;
    let place = added.headers["location"].clone();
    assert!(place.starts_with("/sources/of/127.0.0.1%3A"), "{place}");
    let page = desk.page(&cookie, &place).await;
    assert!(page.text.contains("trial &#60;forum&#62;") && page.text.contains("value=\"2.5\""), "{}", page.text);
    let change = place.replace("?said=added", "/change");
    assert_eq!(desk.form(&cookie, &change, &[token, ("what", "pause")]).await.status, 303);
    let cookies = format!("{}\tFALSE\t/\tFALSE\t4102444800\tsid\tsecretvalue\n", "127.0.0.1");
    let brought = desk.form(&cookie, &change, &[token, ("what", "session"), ("cookies", &cookies)]).await;
    assert_eq!(brought.status, 303, "{}", brought.text);
    let page = desk.page(&cookie, place.split('?').next().unwrap()).await;
    assert!(page.text.contains("brought, not tried yet") && !page.text.contains("secretvalue"), "{}", page.text);
    assert_eq!(desk.form(&cookie, &change, &[token, ("what", "session"), ("cookies", "nonsense")]).await.status, 422);
    let (analyst, analyst_token) = desk.log_in("ana").await;
    assert_eq!(desk.page(&analyst, "/sources").await.status, 200);
    assert_eq!(desk.form(&analyst, &change, &[("token", &analyst_token), ("what", "pause")]).await.status, 403);
    let list = desk.page(&cookie, "/sources?q=TRIAL").await;
    assert!(list.text.contains("trial &#60;forum&#62;") && !list.text.contains("market.example"), "{}", list.text);
}

#[tokio::test]
async fn a_program_manages_sources_by_versions() {
    let desk = Desk::open().await;
    let token = desk.token("root", Role::Admin, &[Grant::Read, Grant::Sources]).await;
    let added = desk
        .call(&token, (Method::POST, "/api/v1/sources"), Some(&json!({"url": "https://new.example/", "pace_ms": 4000})))
        .await;
    assert_eq!((added.status, added.json()["pace_ms"].as_u64()), (201, Some(4000)), "{}", added.text);
    let again = desk
        .call(&token, (Method::POST, "/api/v1/sources"), Some(&json!({"url": "https://new.example/", "label": "new"})))
        .await;
    assert_eq!((again.status, again.json()["pace_ms"].as_u64()), (200, Some(4000)), "what is not given stays");
    let path = "/api/v1/sources/new.example";
    let mend = async |tag: &str, body: Value| {
        let request = desk.client.patch(format!("{}{path}", desk.base)).bearer_auth(&token);
        answer(request.header("if-match", tag).header("content-type", "application/json").body(body.to_string())).await
    };
    let tag = again.headers["etag"].clone();
    assert_eq!(mend(&tag, json!({"concurrency": 3})).await.json()["concurrency"], 3);
    assert_eq!(mend(&tag, json!({"concurrency": 4})).await.status, 412);
    assert_eq!(mend("nonsense", json!({"concurrency": 4})).await.status, 412);
    let tag = desk.get(&token, path).await.headers["etag"].clone();
    assert_eq!(mend(&tag, json!({"concurrency": 0})).await.status, 422);
    assert_eq!(mend(&tag, json!({"url": "https://else.example/"})).await.status, 400);
    let shown = desk.get(&token, path).await.json();
    assert_eq!((&shown["health"]["fares"], &shown["network"]), (&json!("new"), &json!("open")), "{shown}");
    let hours = desk.get(&token, "/api/v1/sources/forum.example/hours?days=400").await.json();
    assert!(!hours["items"].as_array().unwrap().is_empty());
    assert_eq!(desk.get(&token, "/api/v1/sources/nowhere.example").await.status, 404);
    assert_eq!(desk.call(&token, (Method::DELETE, &format!("{path}/session")), None).await.status, 200);
}

#[tokio::test]
async fn pages_come_in_both_languages_small_and_with_a_table_behind_each_chart() {
    let desk = Desk::open().await;
    let (cookie, _) = desk.log_in("root").await;
    for path in [
        "/overview?days=90",
        "/sources",
        "/sources/of/forum.example",
        "/sources/new",
        "/enrolment",
        "/enrolment/of/example-bank",
        "/account/tokens",
        "/account",
        "/users",
    ] {
        let english = desk.page(&format!("{cookie}; lang=en"), path).await;
        let chinese = desk.page(&format!("{cookie}; lang=zh"), path).await;
        assert_eq!((english.status, chinese.status), (200, 200), "{path}: {}", english.text);
        assert!(english.text.len() < 100_000, "{path}: {}", english.text.len());
        assert!(chinese.text.contains("lang=\"zh-CN\"") && english.text.contains("lang=\"en\""), "{path}");
        assert!(!english.text.contains("<script>") && !english.text.contains("style="), "{path} keeps to the policy");
        let charts = english.text.matches("class=\"chart\"").count();
        assert_eq!(english.text.matches("<details>").count(), charts, "{path}: a table behind each chart");
    }
    let csv = desk.page(&cookie, "/cases.csv?state=new").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let new = desk.store.case_counts(&dyepack::ports::store::console::Scope::Everything).await.unwrap();
    let new: u64 =
        new.iter().filter(|count| count.state == dyepack::domain::case::State::New).map(|count| count.cases).sum();
    assert_eq!(csv.text.lines().count() as u64, new + 1, "{}", csv.text);
}

#[tokio::test]
async fn a_time_zone_is_chosen_without_a_script_and_goes_before_the_browsers() {
    let desk = Desk::open().await;
    let (cookie, _) = desk.log_in("root").await;
    let case = desk.cases_of("example-bank").await.remove(0);
    let at = async |more: &str| desk.page(&format!("{cookie}{more}"), &format!("/cases/{case}")).await.text;
    let chosen = desk.page(&cookie, "/zone?to=Asia/Shanghai").await;
    assert!(chosen.headers["set-cookie"].starts_with("zone=Asia/Shanghai;"), "{chosen:?}");
    let (plain, there) = (at("; tz=Europe%2FBerlin").await, at("; tz=Europe%2FBerlin; zone=Asia/Shanghai").await);
    let shown = |page: &str| page.split_once("<time ").unwrap().1.split_once("</time>").unwrap().0.to_owned();
    let hour = |page: &str| {
        let text = shown(page);
        text.rsplit_once(' ').unwrap().1.split(':').next().unwrap().parse::<i32>().unwrap()
    };
    assert!(shown(&there).contains("UTC\""), "UTC on hover: {}", shown(&there));
    assert!([6, 7].contains(&(hour(&there) - hour(&plain)).rem_euclid(24)), "{} {}", shown(&plain), shown(&there));
    assert!(desk.page(&format!("{cookie}; zone=Asia/Shanghai"), "/account").await.text.contains("As the browser"));
    assert_eq!(desk.page(&cookie, "/zone?to=Nowhere/Land").await.status, 422);
    assert!(desk.page(&cookie, "/zone?to=").await.headers["set-cookie"].starts_with("zone=;"));
}
