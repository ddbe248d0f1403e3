//! Watchlists through the browser and the API: problems by row, the difference, then taken; keys never.

use serde_json::json;

use super::*;

const ORGANIZATION: &str = "id = \"third-bank\"\nname = \"Third Bank\"\n[[contact]]\naddress = \"soc@third-bank.example\"\n\
                            role = \"security\"\n[[custodian]]\ncode = \"H01\"\nname = \"Hosting One\"\n\
                            [[dataset]]\nid = \"customers\"\nrows = 10\n";
const BAD: &str = "canary,dataset,holders,planted_at,retired_at,email\nk1,customers,H01,2026-05-01,,k1@post.example\n\
                   k2,customers,H09,2026-05-01,,k2@post.example\n";
const GOOD: &str = "canary,dataset,holders,planted_at,retired_at,email\nk1,customers,H01,2026-05-01,,k1@post.example\n\
                    k2,customers,H01,2026-05-01,,k2@post.example\n";

#[tokio::test]
async fn a_bad_watchlist_is_told_by_row_and_a_good_one_taken_after_its_difference_was_shown() {
    let desk = Desk::open().await;
    let (cookie, form_token) = desk.log_in("root").await;
    let token = [("token", form_token.as_str())];
    let bad = desk
        .upload(&cookie, &token, &[("organization.toml", ORGANIZATION.as_bytes()), ("canaries.csv", BAD.as_bytes())])
        .await;
    assert_eq!(bad.status, 422);
    assert!(bad.text.contains("canaries.csv") && bad.text.contains("3:") && bad.text.contains("H09"), "{}", bad.text);
    assert!(!bad.text.contains("/tmp") && !bad.text.contains("name=\"upload\""), "{}", bad.text);

    let good = desk
        .upload(
            &cookie,
            &token,
            &[("lists/organization.toml", ORGANIZATION.as_bytes()), ("lists/canaries.csv", GOOD.as_bytes())],
        )
        .await;
    assert_eq!(good.status, 200, "{}", good.text);
    assert!(good.text.contains("third-bank") && good.text.contains("k1, k2"), "{}", good.text);
    let third = dyepack::domain::watchlist::OrganizationId("third-bank".to_owned());
    assert_eq!(desk.store.watchlist(&third).await.unwrap(), None, "a look changes nothing");
    let name = good.text.split_once("name=\"upload\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let (other, other_token) = desk.log_in("ana").await;
    let stolen = desk.form(&other, "/enrolment/accept", &[("token", &other_token), ("upload", &name)]).await;
    assert_eq!(stolen.status, 403);
    let accepted = desk.form(&cookie, "/enrolment/accept", &[token[0], ("upload", &name)]).await;
    assert_eq!(accepted.headers["location"], "/enrolment/of/third-bank?said=taken", "{}", accepted.text);
    assert_eq!(desk.store.watchlist(&third).await.unwrap().unwrap().canaries.len(), 2);
    assert!(desk.store.confirmed_contacts(&third).await.unwrap().is_empty(), "nobody has confirmed the address");
    let again = desk.form(&cookie, "/enrolment/accept", &[token[0], ("upload", &name)]).await;
    assert_eq!(again.headers["location"], "/enrolment?said=spent");
    let page = desk.page(&cookie, "/enrolment/of/third-bank").await;
    assert!(page.text.contains("Hosting One") && page.text.contains("soc@third-bank.example"), "{}", page.text);
}

#[tokio::test]
async fn keys_and_strange_files_are_refused_unread() {
    let desk = Desk::open().await;
    let (cookie, form_token) = desk.log_in("root").await;
    let token = [("token", form_token.as_str()), ("organization", "example-bank")];
    let key = format!("dyepack-fingerprint-key-1 example-bank 1 {}", "ab".repeat(32));
    for (name, content) in
        [("key.dpf", key.as_str()), ("bank.key", "x"), ("notes.txt", "x"), ("pan.dpf", "no fingerprints")]
    {
        let answer = desk.upload(&cookie, &token, &[(name, content.as_bytes())]).await;
        assert_eq!(answer.status, 422, "{name}");
        assert!(answer.text.contains(name) && !answer.text.contains("abababab"), "{name}: {}", answer.text);
    }
    assert_eq!(
        desk.upload(&cookie, &[], &[("canaries.csv", b"x".as_slice())]).await.status,
        403,
        "a form without its token"
    );
    assert!(desk.store.fingerprint_files().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_program_checks_and_enrols_a_watchlist() {
    let desk = Desk::open().await;
    let token = desk.token("root", Role::Admin, &[Grant::Read, Grant::Enrol]).await;
    let put = async |query: &str, canaries: &str| {
        let body = json!({"files": {"organization.toml": ORGANIZATION, "canaries.csv": canaries}});
        let path = format!("/api/v1/organizations/third-bank/watchlist{query}");
        desk.call(&token, (Method::PUT, &path), Some(&body)).await
    };
    let bad = put("", BAD).await;
    assert_eq!((bad.status, bad.json()["problems"][0]["line"].as_u64()), (422, Some(3)), "{}", bad.text);
    let tried = put("?dry_run=true", GOOD).await;
    assert_eq!((tried.status, &tried.json()["taken"], &tried.json()["new"]), (200, &json!(false), &json!(true)));
    assert_eq!(desk.get(&token, "/api/v1/organizations/third-bank").await.status, 404);
    assert_eq!(put("", GOOD).await.json()["taken"], true);
    let shown = desk.get(&token, "/api/v1/organizations/third-bank").await.json();
    assert_eq!(
        (shown["canaries"].as_u64(), shown["contacts"][0]["confirmed_at"].is_null()),
        (Some(2), true),
        "{shown}"
    );
    let elsewhere = desk
        .call(
            &token,
            (Method::PUT, "/api/v1/organizations/other-bank/watchlist"),
            Some(&json!({"files": {"organization.toml": ORGANIZATION, "canaries.csv": GOOD}})),
        )
        .await;
    assert_eq!(elsewhere.status, 422, "{}", elsewhere.text);
}

#[tokio::test]
async fn fingerprints_are_taken_beside_those_that_are_there() {
    let desk = Desk::open().await;
    let token = desk.token("root", Role::Admin, &[Grant::Read, Grant::Enrol]).await;
    let folder = tempfile::tempdir().unwrap();
    let mut made = Vec::new();
    for (kind, value) in [("pan", "9999120000000018"), ("phone", "+8613800138000")] {
        let installation = crate::world::program::Installation::new();
        installation.run(&["init", "--organization", "example-bank"]);
        let (key, values, out) = (
            installation.data().join("keys/example-bank-1.key"),
            folder.path().join("in.txt"),
            folder.path().join(format!("{kind}.dpf")),
        );
        std::fs::write(&values, format!("{value}\n")).unwrap();
        let output = installation.run(&[
            "fingerprint",
            "--organization",
            "example-bank",
            "--kind",
            kind,
            "--key",
            key.to_str().unwrap(),
            "--in",
            values.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        made.push(std::fs::read(&out).unwrap());
    }
    for (number, bytes) in made.iter().enumerate() {
        let request = desk.client.put(format!("{}/api/v1/organizations/example-bank/fingerprints", desk.base));
        let sent =
            answer(request.bearer_auth(&token).header("content-type", "application/octet-stream").body(bytes.clone()))
                .await;
        assert_eq!((sent.status, sent.json()["fingerprints"].as_u64()), (200, Some(1)), "{}", sent.text);
        assert_eq!(desk.store.fingerprint_files().await.unwrap().len(), number + 1);
    }
    let request = desk.client.put(format!("{}/api/v1/organizations/other-bank/fingerprints", desk.base));
    let foreign =
        answer(request.bearer_auth(&token).header("content-type", "application/octet-stream").body(made[0].clone()))
            .await;
    assert_eq!(foreign.status, 422, "they were made for another organization: {}", foreign.text);
    assert_eq!(desk.get(&token, "/api/v1/organizations/example-bank").await.json()["fingerprints"], 2);
}
