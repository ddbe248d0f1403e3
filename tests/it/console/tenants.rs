//! A member of one organization asks for everything of another, route by route: nothing comes back.

use super::*;

/// Asks for a page as a logged-in browser would; returns status and text.
async fn ask(running: &Running, cookie: &str, path: &str, form: Option<&str>) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = running.page(path);
    let request = match form {
        Some(form) => client
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &running.base)
            .body(form.to_owned()),
        None => client.get(&url),
    };
    let answer = request.header("cookie", cookie).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_and_changes_nothing_of_another_organization() {
    let running = Running::demo();
    let cases = running.installation.rows(&["case", "list"]);
    let of = |organization: &str| -> Vec<String> {
        let own = cases.iter().filter(|case| case["organization"] == organization);
        own.map(|case| case["id"].as_str().unwrap().to_owned()).collect()
    };
    let (banks, insurers) = (of("example-bank"), of("example-insurer"));
    assert!(!banks.is_empty() && !insurers.is_empty(), "the demo has cases of both: {cases:?}");

    let (admin, browser) = (Browser::start("en", false).await, Browser::start("en", false).await);
    admin.go(&running.link).await;
    let link = invite(&admin, &running, ("ann@insurer.example", "member", "example-insurer")).await;
    take_up(&browser, &link, "nine yellow walruses").await;
    browser.go(&running.page("/cases?state=")).await;
    browser.wait("[data-row]").await;
    let list = browser.text("main").await;
    assert!(insurers.iter().all(|id| list.contains(id)) && banks.iter().all(|id| !list.contains(id)), "{list}");

    let cookie = browser.cookie().await;
    let token = browser.script("return document.querySelector('input[name=token]').value").await;
    let token = token.as_str().unwrap().to_owned();

    let foreign = &banks[0];
    let before = running.installation.rows(&["case", "show", foreign]);
    for suffix in ["", "/version", "/copy"] {
        let (status, text) = ask(&running, &cookie, &format!("/cases/{foreign}{suffix}"), None).await;
        assert_eq!(status, 404, "{suffix}: {text}");
        assert!(!text.contains("Example Bank"), "{suffix}");
    }
    let rest = "why=x&to=acknowledged&version=1&text=x&number=1&assignee=&source=x&asker=x&hold=yes";
    for act in ["move", "undo", "assign", "notes", "silence", "unsilence", "reveal", "second", "hold", "warc"] {
        let form = format!("token={token}&{rest}");
        let (status, text) = ask(&running, &cookie, &format!("/cases/{foreign}/{act}"), Some(&form)).await;
        assert!(matches!(status, 403 | 404), "{act}: {status} {text}");
    }
    let form = format!("token={token}&to=acknowledged&why=x&case={foreign}%40new");
    let (status, _) = ask(&running, &cookie, "/cases/move", Some(&form)).await;
    assert_eq!(status, 404);
    for query in ["organization=example-bank", "state=&organization=example-bank", "custodian=H07", "q=Example+Bank"] {
        let (status, text) = ask(&running, &cookie, &format!("/cases?{query}"), None).await;
        assert_eq!(status, 200);
        assert!(banks.iter().all(|id| !text.contains(id)), "{query}");
    }
    assert_eq!(ask(&running, &cookie, "/users", None).await.0, 403);
    let (status, log) = ask(&running, &cookie, "/audit?check=yes", None).await;
    assert!(status == 200 && insurers.iter().any(|id| log.contains(id)) && banks.iter().all(|id| !log.contains(id)));
    let form = format!("token={token}&name=eve&role=admin");
    assert_eq!(ask(&running, &cookie, "/users/invite", Some(&form)).await.0, 403);
    assert_eq!(running.installation.rows(&["case", "show", foreign]), before, "nothing was changed");

    own_case(&running, &cookie, &token, &insurers[0]).await;
}

/// Of its own cases a member acknowledges one, and neither judges nor reveals.
async fn own_case(running: &Running, cookie: &str, token: &str, own: &str) {
    let page = ask(running, cookie, &format!("/cases/{own}"), None).await.1;
    let version = page.split_once("data-version=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    for (act, form, expected) in [
        ("move", format!("token={token}&to=confirmed&why=x&version={version}"), 403),
        ("reveal", format!("token={token}&why=x"), 403),
        ("warc", format!("token={token}&why=x"), 403),
        ("assign", format!("token={token}&assignee=&version={version}"), 403),
        ("move", format!("to=acknowledged&why=x&version={version}"), 403),
        ("move", format!("token={token}&to=acknowledged&why=&version={version}"), 422),
        ("move", format!("token={token}&to=acknowledged&why=we+look&version={version}"), 303),
        ("notes", format!("token={token}&text=a+note"), 303),
    ] {
        let (status, text) = ask(running, cookie, &format!("/cases/{own}/{act}"), Some(&form)).await;
        assert_eq!(status, expected, "{act} {form}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_strict_and_forms_of_other_sites_are_refused() {
    let running = Running::demo();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for path in ["/login", "/healthz", "/nowhere", "/cases", "/assets/console.css"] {
        let answer = client.get(running.page(path)).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let policy = header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-frame-options").as_deref(), Some("DENY"), "{path}");
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        let is_kept = header("cache-control").unwrap() != "no-store";
        assert_eq!(is_kept, path.starts_with("/assets"), "{path}");
    }
    let entered = client.get(&running.link).send().await.unwrap();
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let post = |site: &'static str| {
        client
            .post(running.page("/logout"))
            .header("cookie", cookie.split(';').next().unwrap())
            .header("sec-fetch-site", site)
            .body("token=x")
            .send()
    };
    assert_eq!(post("cross-site").await.unwrap().status().as_u16(), 403);
    assert_eq!(post("same-origin").await.unwrap().status().as_u16(), 403, "without its token a form is nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_serves_the_console_while_there_is_nothing_to_crawl_yet() {
    let running = Running::start(&["run"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, said) in [("/healthz", "ok"), ("/readyz", "ready"), ("/cases", "Password")] {
        let answer = client.get(running.page(path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(said), "{path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_passwords_is_slowed_down() {
    let running = Running::start(&["serve"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut statuses = Vec::new();
    for attempt in 0..7 {
        let form = format!("name=admin&password=guess{attempt}");
        let answer = client.post(running.page("/login")).body(form).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
}
