//! Tokens, versions, pages, limits: how programs use the API.

use serde_json::json;

use super::*;

#[tokio::test]
async fn the_description_names_what_is_there_and_nothing_is_answered_without_a_token() {
    let desk = Desk::open().await;
    let operations = operations();
    assert!(operations.len() > 50, "{operations:?}");
    for (method, path) in &operations {
        let place = path
            .replace("{case}", "C-7F3K9Q2M")
            .replace("{source}", "forum.example")
            .replace("{organization}", "example-bank");
        let body = json!({});
        for token in ["", "dyt_guess"] {
            let answer = desk.call(token, (method.clone(), &place), Some(&body)).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text);
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{method} {path}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        let described: Vec<&Method> =
            operations.iter().filter(|(_, other)| other == path).map(|(method, _)| method).collect();
        for other in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if !described.contains(&&other) {
                let answer = desk.call("", (other.clone(), &place), Some(&body)).await;
                assert_eq!(answer.status, 405, "{other} {path} is served and not described");
            }
        }
    }
    let served = desk.get("", "/api/v1/openapi.json").await;
    assert_eq!((served.status, served.json()), (200, description()));
    assert_eq!(desk.get("", "/api/v1/nowhere").await.status, 404);
    assert_eq!(desk.get("", "/metrics").await.status, 401);
}

#[tokio::test]
async fn a_token_does_what_it_is_for_until_it_is_revoked() {
    let desk = Desk::open().await;
    let reader = desk.token("root", Role::Admin, &[Grant::Read]).await;
    assert_eq!(desk.get(&reader, "/api/v1/me").await.json()["grants"], json!(["read"]));
    assert_eq!(desk.get(&reader, "/api/v1/cases").await.status, 200);
    let refused = desk.call(&reader, (Method::POST, "/api/v1/sources/forum.example/pause"), None).await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["title"].as_str().unwrap().contains("sources"), "{}", refused.text);
    let stopper = desk.token("root", Role::Admin, &[Grant::Sources]).await;
    assert_eq!(desk.get(&stopper, "/api/v1/cases").await.status, 403);
    let paused = desk.call(&stopper, (Method::POST, "/api/v1/sources/forum.example/pause"), None).await;
    assert!(paused.json()["paused_at"].is_string(), "{}", paused.text);

    let too_much = Wanted { label: "x", grants: vec![Grant::Sources], days: 1 };
    assert!(tokens::make(&desk.store, ("ana", Role::Analyst), too_much, desk.clock.now()).await.is_err());
    // A user who may less than before takes the token along.
    desk.store.change_user("root", (Role::Analyst, None), None).await.unwrap();
    assert_eq!(desk.call(&stopper, (Method::POST, "/api/v1/sources/forum.example/resume"), None).await.status, 403);
    let id = desk
        .store
        .api_tokens("root")
        .await
        .unwrap()
        .into_iter()
        .find(|token| token.grants == [Grant::Read])
        .unwrap()
        .id;
    assert!(!desk.store.revoke_api_token("ana", &id, desk.clock.now()).await.unwrap(), "it is another's");
    assert!(desk.store.revoke_api_token("root", &id, desk.clock.now()).await.unwrap());
    assert_eq!(desk.get(&reader, "/api/v1/me").await.status, 401);
    desk.store.change_user("root", (Role::Analyst, None), Some(desk.clock.now())).await.unwrap();
    assert_eq!(desk.get(&stopper, "/api/v1/me").await.status, 401, "a disabled user's token is none");
}

#[tokio::test]
async fn a_case_moves_only_from_the_version_that_was_seen() {
    let desk = Desk::open().await;
    let token = desk.token("ana", Role::Analyst, &[Grant::Read, Grant::Triage]).await;
    let new = desk.get(&token, "/api/v1/cases?state=new&organization=example-bank").await.json();
    let case = new["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/cases/{case}");
    let seen = desk.get(&token, &path).await;
    let tag = seen.headers["etag"].clone();
    let known =
        answer(desk.client.get(format!("{}{path}", desk.base)).bearer_auth(&token).header("if-none-match", &tag)).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));

    let moving = async |tag: Option<&str>, body: Value| {
        let mut request = desk.client.post(format!("{}{path}/moves", desk.base)).bearer_auth(&token);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        answer(request.header("content-type", "application/json").body(body.to_string())).await
    };
    let confirm = json!({"to": "confirmed", "why": "the copy is ours"});
    assert_eq!(moving(None, confirm.clone()).await.status, 428);
    assert_eq!(moving(Some("\"0.0\""), confirm.clone()).await.status, 412);
    assert_eq!(moving(Some(&tag), json!({"to": "confirmed", "why": " "})).await.status, 422);
    assert_eq!(moving(Some(&tag), json!({"to": "confirmed"})).await.status, 400);
    assert_eq!(moving(Some(&tag), json!({"to": "confirmed", "why": "x", "else": 1})).await.status, 400);
    assert_eq!(moving(Some(&tag), json!({"to": "closed", "why": "x"})).await.status, 409, "not from new");
    let moved = moving(Some(&tag), confirm.clone()).await;
    assert_eq!((moved.status, moved.json()["state"].as_str()), (200, Some("confirmed")), "{}", moved.text);
    let last = moved.json()["moves"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((last["who"].as_str(), last["why"].as_str()), (Some("ana"), Some("the copy is ours")));
    assert_ne!(moved.headers["etag"], tag);
    assert_eq!(moving(Some(&tag), json!({"to": "closed", "why": "done"})).await.status, 412, "somebody was faster");
    let text = answer(desk.client.post(format!("{}{path}/moves", desk.base)).bearer_auth(&token).body("{}")).await;
    assert_eq!(text.status, 415);
}

#[tokio::test]
async fn lists_come_in_pages_and_what_is_not_understood_is_refused() {
    let desk = Desk::open().await;
    let token = desk.token("ana", Role::Analyst, &[Grant::Read]).await;
    for (list, count) in [
        ("/api/v1/cases?limit=7", 40),
        ("/api/v1/cases?limit=9&order=gravest", 40),
        ("/api/v1/hits?limit=11", 40),
        ("/api/v1/alerts?limit=13", 40),
        ("/api/v1/audit?limit=16", 65),
    ] {
        let (mut items, mut next) = (Vec::new(), None::<String>);
        loop {
            let cursor = next.map_or_else(String::new, |next| format!("&cursor={next}"));
            let page = desk.get(&token, &format!("{list}{cursor}")).await.json();
            items.extend(page["items"].as_array().unwrap().iter().map(Value::to_string));
            next = page["next"].as_str().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        assert_eq!(items.len(), count, "{list}");
        assert_eq!(items.iter().collect::<std::collections::BTreeSet<_>>().len(), count, "{list}");
    }
    for bad in [
        "cases?limit=0",
        "cases?limit=501",
        "cases?limit=-1",
        "cases?limit=%2B5",
        "cases?limit=x",
        "cases?limit=5&limit=6",
        "cases?state=open",
        "cases?severity=bad",
        "cases?cursor=x",
        "cases?from=yesterday",
        "cases?offer=maybe",
        "cases?order=best",
        "cases?organization=No",
        "cases?else=1",
        "hits?cursor=1",
        "alerts?state=new",
        "audit?cursor=0",
        "overview?days=0",
    ] {
        let answer = desk.get(&token, &format!("/api/v1/{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
        assert_eq!(answer.json()["status"], 400);
    }
}

#[tokio::test]
async fn who_asks_too_often_waits_and_prometheus_reads_the_figures() {
    let desk = Desk::open().await;
    let token = desk.token("root", Role::Admin, &[Grant::Read]).await;
    let metrics = desk.get(&token, "/metrics").await;
    assert!(metrics.headers["content-type"].starts_with("text/plain; version=0.0.4"));
    let sum = |name: &str| -> u64 {
        let lines = metrics.text.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    };
    assert_eq!((sum("dyepack_cases{"), sum("dyepack_alerts_queued ")), (40, 40), "{}", metrics.text);
    assert_eq!(metrics.text.lines().filter(|line| line.starts_with("dyepack_source_last_success_seconds{")).count(), 2);
    let overview = desk.get(&token, "/api/v1/overview?days=366").await.json();
    let seen: u64 =
        overview["sightings"].as_array().unwrap().iter().map(|day| day["sightings"].as_u64().unwrap()).sum();
    assert_eq!((seen, overview["lags"][0]["cases"].as_u64()), (40, Some(40)), "{overview}");

    let mut statuses = BTreeMap::new();
    let mut wait = None;
    for _ in 0..700 {
        let answer = desk.get(&token, "/api/v1/me").await;
        *statuses.entry(answer.status).or_insert(0) += 1;
        wait = wait.or(answer.headers.get("retry-after").cloned());
    }
    assert!(statuses[&200] >= 290 && statuses.contains_key(&429), "{statuses:?}");
    assert_eq!(wait.as_deref(), Some("1"));
}
