//! Users by program and by page: roles, the last administrator; and what is a user's own: filters, sessions, tokens.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_program_invites_changes_and_disables_users() {
    let desk = Desk::open().await;
    let token = desk.token("root", Role::Admin, &[Grant::Read, Grant::Users]).await;
    let call = async |method: Method, path: &str, body: Value| {
        desk.call(&token, (method, &format!("/api/v1/users{path}")), Some(&body)).await
    };
    let invited = call(Method::POST, "", json!({"name": "Eve@bank.example", "role": "analyst"})).await;
    assert_eq!((invited.status, &invited.json()["name"]), (201, &json!("eve@bank.example")), "{}", invited.text);
    assert!(invited.json()["link"].as_str().unwrap().contains("/welcome/"));
    for (body, status) in [
        (json!({"name": "eve@bank.example", "role": "analyst"}), 422),
        (json!({"name": "x", "role": "analyst"}), 422),
        (json!({"name": "fay", "role": "member"}), 422),
        (json!({"name": "fay", "role": "member", "organization": "nowhere-bank"}), 422),
        (json!({"name": "fay", "role": "analyst", "organization": "example-bank"}), 422),
        (json!({"name": "fay", "role": "owner"}), 400),
    ] {
        assert_eq!(call(Method::POST, "", body.clone()).await.status, status, "{body}");
    }
    let (cookie, _) = desk.log_in("ana").await;
    assert_eq!(desk.page(&cookie, "/cases").await.status, 200);
    let demoted = call(Method::PATCH, "/ana", json!({"role": "member", "organization": "example-bank"})).await;
    assert_eq!(demoted.json()["organization"], "example-bank", "{}", demoted.text);
    assert_eq!(desk.page(&cookie, "/cases").await.status, 303, "the sessions ended");
    assert_eq!(call(Method::PATCH, "/ana", json!({"role": "analyst"})).await.json()["organization"], Value::Null);
    for (user, body, status) in [
        ("ana", json!({"role": "member"}), 422),
        ("ana", json!({"role": "member", "organization": "nowhere-bank"}), 404),
        ("ana", json!({"role": "analyst", "organization": "example-bank"}), 422),
        ("root", json!({"role": "analyst"}), 422),
        ("nobody", json!({"role": "analyst"}), 404),
    ] {
        assert_eq!(call(Method::PATCH, &format!("/{user}"), body.clone()).await.status, status, "{user} {body}");
    }
    desk.log_in("ana").await;
    assert_eq!(call(Method::DELETE, "/ana/sessions", json!({})).await.json()["sessions"], 1);
    assert_eq!(call(Method::DELETE, "/ana/factor", json!({})).await.json()["has_second_factor"], false);
    assert!(call(Method::POST, "/ana/link", json!({})).await.json()["link"].is_string());
    let disabled = call(Method::PATCH, "/ana", json!({"disabled": true})).await;
    assert!(disabled.json()["disabled_at"].is_string(), "{}", disabled.text);
    assert_eq!(call(Method::GET, "", Value::Null).await.json()["items"].as_array().unwrap().len(), 4);
    let reader = desk.token("root", Role::Admin, &[Grant::Read]).await;
    assert_eq!(desk.get(&reader, "/api/v1/users").await.status, 403);
}

#[tokio::test]
async fn the_last_administrator_who_can_log_in_stays_one() {
    let desk = Desk::open().await;
    let now = desk.clock.now();
    for name in ["root", "boss"] {
        if name != "root" {
            assert!(desk.store.add_user((name, name), Role::Admin, None, now).await.unwrap());
        }
        desk.store.set_password(name, &Secret::new("$argon2id$none".to_owned())).await.unwrap();
    }
    let (cookie, form_token) = desk.log_in("root").await;
    let change = async |fields: &[(&str, &str)]| {
        let fields = [&[("token", form_token.as_str())], fields].concat();
        desk.form(&cookie, "/users/change", &fields).await
    };
    let role = async |user: &str| desk.store.user(user).await.unwrap().unwrap();
    let own = change(&[("user", "root"), ("what", "role"), ("role", "analyst")]).await;
    assert_eq!((own.status, role("root").await.role), (422, Role::Admin));
    let to_member = [("user", "boss"), ("what", "role"), ("role", "member"), ("organization", "example-bank")];
    assert_eq!(change(&to_member).await.status, 303);
    let boss = role("boss").await;
    assert_eq!((boss.role, boss.organization), (Role::Member, Some(crate::store::bank())));
    assert_eq!(change(&[("user", "boss"), ("what", "role"), ("role", "member")]).await.status, 303, "it stays there");
    assert_eq!(change(&[("user", "ana"), ("what", "role"), ("role", "member")]).await.status, 422);
    // Another administrator's token cannot take the last one away either.
    let boss = desk.store.change_user("boss", (Role::Admin, None), None).await.unwrap();
    assert_eq!(boss, dyepack::ports::store::Changed::Done);
    assert_eq!(change(&[("user", "boss"), ("what", "disable")]).await.status, 303);
    let token = desk.token("ana", Role::Admin, &[Grant::Users]).await;
    desk.store.change_user("ana", (Role::Admin, None), None).await.unwrap();
    for body in [json!({"role": "analyst"}), json!({"disabled": true})] {
        let refused = desk.call(&token, (Method::PATCH, "/api/v1/users/root"), Some(&body)).await;
        assert_eq!((refused.status, role("root").await.role), (409, Role::Admin), "{}", refused.text);
        assert!(role("root").await.disabled_at.is_none());
    }
    let (analyst, analyst_token) = desk.log_in("mem").await;
    let fields = [("token", analyst_token.as_str()), ("user", "root"), ("what", "role"), ("role", "member")];
    assert_eq!(desk.form(&analyst, "/users/change", &fields).await.status, 403);
}

#[tokio::test]
async fn filters_sessions_and_tokens_are_each_users_own() {
    let desk = Desk::open().await;
    let ana = desk.token("ana", Role::Analyst, &[Grant::Read, Grant::Account]).await;
    let root = desk.token("root", Role::Admin, &Grant::ALL).await;
    let put = async |token: &str, name: &str, query: &str| {
        desk.call(token, (Method::PUT, &format!("/api/v1/filters/{name}")), Some(&json!({"query": query}))).await
    };
    let saved = put(&ana, "mine", "severity=high&else=1&state=new").await;
    assert_eq!(saved.json(), json!({"name": "mine", "query": "state=new&severity=high"}), "{}", saved.text);
    assert_eq!(put(&ana, "all", "").await.json()["query"], "state=");
    assert_eq!(put(&ana, &"x".repeat(61), "").await.status, 422);
    let names = async |token: &str| desk.get(token, "/api/v1/filters").await.json()["items"].as_array().unwrap().len();
    assert_eq!((names(&ana).await, names(&root).await), (2, 0));
    // The page shows what the program saved.
    let (cookie, _) = desk.log_in("ana").await;
    assert!(desk.page(&cookie, "/cases").await.text.contains("/cases?state=new&#38;severity=high"));
    let forget = async |token: &str| desk.call(token, (Method::DELETE, "/api/v1/filters/mine"), None).await.status;
    assert_eq!((forget(&root).await, forget(&ana).await, forget(&ana).await), (404, 204, 404));

    let sessions = desk.get(&ana, "/api/v1/me/sessions").await.json();
    let session = sessions["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(!cookie.contains(&session), "its name opens nothing");
    let end = async |token: &str| {
        desk.call(token, (Method::DELETE, &format!("/api/v1/me/sessions/{session}")), None).await.status
    };
    assert_eq!((end(&root).await, end(&ana).await), (404, 204));
    assert_eq!(desk.page(&cookie, "/cases").await.status, 303);

    let tokens = desk.get(&ana, "/api/v1/me/tokens").await;
    assert!(!tokens.text.contains(&ana) && !tokens.text.contains("digest"), "{}", tokens.text);
    let own = tokens.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let revoke =
        async |token: &str| desk.call(token, (Method::DELETE, &format!("/api/v1/me/tokens/{own}")), None).await.status;
    assert_eq!((revoke(&root).await, revoke(&ana).await), (404, 204));
    assert_eq!(desk.get(&ana, "/api/v1/me").await.status, 401, "it has revoked itself");
}
