//! A member asks for everything of another organization, page by page and path by path, with every id there is.

use serde_json::json;

use super::*;

/// What of the other bank no member of the first may read.
async fn secrets(desk: &Desk) -> Vec<String> {
    let mut secrets = vec!["other-bank".to_owned()];
    secrets.extend(desk.cases_of("other-bank").await);
    secrets
}

fn leaks(answer: &Answer, secrets: &[String], asked: &str) -> Vec<String> {
    // What somebody asked for may be said back.
    secrets.iter().filter(|secret| answer.text.contains(*secret) && !asked.contains(*secret)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_token_shows_nothing_of_another_organization_on_any_path() {
    let desk = Desk::open().await;
    let member = desk.token("mem", Role::Member, &[Grant::Read, Grant::Triage]).await;
    let admin = desk.token("root", Role::Admin, &[Grant::Read]).await;
    let (secrets, others) = (secrets(&desk).await, desk.cases_of("other-bank").await);
    let mut told = 0;
    for (method, path) in operations().into_iter().filter(|(method, _)| *method == Method::GET) {
        let mut places = Vec::new();
        if path.contains("{case}") {
            places.extend(others.iter().map(|case| path.replace("{case}", case)));
        } else if path.contains('{') {
            places.push(path.replace("{organization}", "other-bank").replace("{source}", "forum.example"));
        } else {
            places.extend([path.clone(), format!("{path}?organization=other-bank"), format!("{path}?limit=500")]);
        }
        for place in places {
            let is_of_other = path.contains("{case}") || path.contains("{organization}");
            let answer = desk.call_patiently(&member, (method.clone(), &place), None).await;
            if is_of_other {
                assert_eq!(answer.status, 404, "{place}: {}", answer.text);
            } else {
                assert!(matches!(answer.status, 200 | 400 | 403 | 404), "{place}: {}", answer.text);
            }
            assert_eq!(leaks(&answer, &secrets, &place), Vec::<String>::new(), "{place}: {}", answer.text);
            let seen = desk.call_patiently(&admin, (method.clone(), &place), None).await;
            told += usize::from(!leaks(&seen, &secrets, "").is_empty());
        }
    }
    assert!(told > 35, "an administrator reads of the other bank on these paths: {told}");
    assert_eq!(desk.get(&member, "/api/v1/sources").await.status, 403);
    assert_eq!(desk.get(&member, "/metrics").await.status, 403);
}

#[tokio::test]
async fn a_members_token_changes_nothing_of_another_organization() {
    let desk = Desk::open().await;
    let member = desk.token("mem", Role::Member, &[Grant::Read, Grant::Triage]).await;
    let (others, own) = (desk.cases_of("other-bank").await, desk.cases_of("example-bank").await);
    let state = async || {
        let cases = desk.store.cases(&dyepack::ports::store::model::CaseFilter::default()).await.unwrap();
        (cases, desk.store.watchlists().await.unwrap(), desk.store.sources(desk.clock.now()).await.unwrap().len())
    };
    let before = state().await;
    for (method, path) in operations().into_iter().filter(|(method, _)| *method != Method::GET) {
        for case in &others {
            let place = path
                .replace("{case}", case)
                .replace("{organization}", "other-bank")
                .replace("{source}", "forum.example");
            let answer = desk.call_patiently(&member, (method.clone(), &place), sample(&method, &path).as_ref()).await;
            assert!(matches!(answer.status, 403 | 404), "{method} {place}: {} {}", answer.status, answer.text);
        }
    }
    let after = state().await;
    assert_eq!((&before.0, &before.1, before.2), (&after.0, &after.1, after.2));

    // Of its own cases a member acknowledges, and no more.
    let new = own.iter().map(|case| format!("/api/v1/cases/{case}"));
    for path in new {
        let seen = desk.get(&member, &path).await;
        if seen.json()["state"] == "new" {
            let moving = async |to: &str| {
                let request = desk.client.post(format!("{}{path}/moves", desk.base)).bearer_auth(&member);
                let body = json!({"to": to, "why": "we look"}).to_string();
                answer(
                    request
                        .header("if-match", &seen.headers["etag"])
                        .header("content-type", "application/json")
                        .body(body),
                )
                .await
                .status
            };
            assert_eq!((moving("confirmed").await, moving("acknowledged").await), (403, 200));
            return;
        }
    }
    panic!("no case of the bank is new");
}

#[tokio::test]
async fn a_member_sees_nothing_of_another_organization_on_any_page() {
    let desk = Desk::open().await;
    let (cookie, form_token) = desk.log_in("mem").await;
    let (admin, _) = desk.log_in("root").await;
    let (secrets, others) = (secrets(&desk).await, desk.cases_of("other-bank").await);
    let mut places: Vec<(String, bool)> = [
        "/",
        "/cases",
        "/cases?state=",
        "/cases?organization=other-bank",
        "/cases.csv",
        "/cases.csv?organization=other-bank",
        "/overview",
        "/overview?days=90",
        "/enrolment",
        "/enrolment/of/example-bank",
        "/account/tokens",
    ]
    .map(|place| (place.to_owned(), false))
    .into();
    for place in [
        "/overview?organization=other-bank",
        "/enrolment/of/other-bank",
        "/sources",
        "/sources/new",
        "/sources/of/forum.example",
    ] {
        places.push((place.to_owned(), true));
    }
    places.extend(others.iter().map(|case| (format!("/cases/{case}"), true)));
    for (place, is_refused) in &places {
        let answer = desk.page(&cookie, place).await;
        assert!(answer.status < 500, "{place}: {}", answer.text);
        assert_eq!(matches!(answer.status, 403 | 404), *is_refused, "{place}: {}", answer.status);
        assert_eq!(leaks(&answer, &secrets, place), Vec::<String>::new(), "{place}: {}", answer.text);
    }
    for place in ["/cases.csv", "/enrolment", "/enrolment/of/other-bank", "/overview"] {
        let answer = desk.page(&admin, place).await;
        assert!(!leaks(&answer, &secrets, "").is_empty(), "an administrator reads of the other bank at {place}");
    }
    let token = ("token", form_token.as_str());
    for (path, fields) in [
        ("/sources/new", vec![token, ("url", "https://new.example/")]),
        ("/sources/add", vec![token, ("url", "https://new.example/")]),
        ("/sources/of/forum.example/change", vec![token, ("what", "pause")]),
        ("/enrolment/accept", vec![token, ("upload", "x")]),
    ] {
        assert_eq!(desk.form(&cookie, path, &fields).await.status, 403, "{path}");
    }
    let answer = desk.upload(&cookie, &[token], &[("organization.toml", b"id = \"other-bank\"".as_slice())]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(desk.store.sources(desk.clock.now()).await.unwrap().len(), 2);
    assert_eq!(desk.form(&cookie, "/account/tokens", &[("label", "x")]).await.status, 403, "a form without its token");
}
