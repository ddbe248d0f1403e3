//! Single sign-on, against a provider that we did not write and against one that answers wrongly.

use std::collections::BTreeMap;

use super::*;

/// `tests/servers/oidc.py`.
struct Providers {
    child: Child,
    urls: BTreeMap<String, String>,
}

impl Drop for Providers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Providers {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/oidc.py");
        let mut command = std::process::Command::new(crate::world::program::python());
        let mut child = command.arg(script).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let urls = lines.take(2).filter_map(|line| {
            let (name, url) = line.split_once(' ')?;
            Some((name.to_owned(), url.to_owned()))
        });
        let urls: BTreeMap<String, String> = urls.collect();
        assert_eq!(urls.len(), 2, "the providers do not start: run tests/run, which installs what they need");
        Self { child, urls }
    }

    /// A console that trusts one of them, with users.
    fn console(&self, name: &str, more: &str) -> Running {
        let settings = format!(
            "[console.oidc]\nissuer = \"{}\"\nclient_id = \"dyepack\"\nclient_secret_file = \"oidc.secret\"\n\
             label = \"Example Bank\"\n{more}",
            self.urls[name]
        );
        let running = Running::with_files(&["serve"], &settings, &[("oidc.secret", "s3cret & more\n")]);
        for name in ["ann@bank.example", "bob@bank.example", "carl"] {
            running.installation.rows(&["user", "invite", name, "--role", "analyst"]);
        }
        running
    }
}

/// What came back of a login.
#[derive(Debug)]
struct Came {
    status: u16,
    target: String,
    cookies: Vec<String>,
    text: String,
}

impl Came {
    fn session(&self) -> Option<&str> {
        self.cookies.iter().find_map(|cookie| cookie.strip_prefix("dyepack=")?.split(';').next())
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn came(request: reqwest::RequestBuilder) -> Came {
    let answer = request.send().await.unwrap();
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    Came {
        status: answer.status().as_u16(),
        target: answer.headers().get("location").map(text).unwrap_or_default(),
        cookies: answer.headers().get_all("set-cookie").iter().map(text).collect(),
        text: answer.text().await.unwrap(),
    }
}

/// Goes to the provider and comes back with its answer's address and the login's cookie.
async fn answered(running: &Running, sub: Option<&str>) -> (String, String) {
    let began = came(client().get(running.page("/login/oidc?next=/account"))).await;
    assert_eq!(began.status, 303, "{}", began.text);
    let kept = began.cookies[0].split(';').next().unwrap().to_owned();
    let request = match sub {
        // The form of oidc-provider-mock.
        Some(sub) => client().post(&began.target).body(format!("sub={sub}")),
        None => client().get(&began.target),
    };
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = came(request).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    (answer.target, kept)
}

async fn log_in(running: &Running, sub: Option<&str>) -> Came {
    let (answer, kept) = answered(running, sub).await;
    came(client().get(answer).header("cookie", kept)).await
}

async fn name(running: &Running, came: &Came) -> String {
    let session = came.session().unwrap_or_else(|| panic!("nobody is logged in: {came:?}"));
    let page = client().get(running.page("/account")).header("cookie", format!("dyepack={session}"));
    let page = page.send().await.unwrap().text().await.unwrap();
    page.split_once("<h1>").unwrap().1.split_once('<').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_somebody_has_invited_comes_in_by_another_peoples_provider() {
    let providers = Providers::start();
    let running = providers.console("mock", "");
    let came_in = log_in(&running, Some("ann")).await;
    assert_eq!((came_in.status, came_in.target.as_str()), (303, "/account"), "{}", came_in.text);
    assert_eq!(name(&running, &came_in).await, "ann@bank.example");
    assert_eq!(name(&running, &log_in(&running, Some("ann")).await).await, "ann@bank.example", "again, by the subject");

    let unknown = log_in(&running, Some("eve")).await;
    assert_eq!((unknown.status, unknown.session()), (403, None));
    assert!(unknown.text.contains("eve@bank.example is not invited here"), "{}", unknown.text);
    // The provider does not say that this address is verified.
    let unverified = log_in(&running, Some("bob@bank.example")).await;
    assert_eq!((unverified.status, unverified.session()), (403, None));
    assert!(unverified.text.contains("verified"), "{}", unverified.text);
    let users = running.installation.rows(&["user", "list"]);
    assert_eq!(users.len(), 4, "nobody was added: {users:?}");

    running.installation.rows(&["user", "disable", "ann@bank.example"]);
    let disabled = log_in(&running, Some("ann")).await;
    assert_eq!((disabled.status, disabled.session()), (403, None), "{}", disabled.text);

    let began = came(client().get(running.page("/login/oidc"))).await;
    let kept = began.cookies[0].split(';').next().unwrap().to_owned();
    let denied = came(
        client().post(&began.target).header("content-type", "application/x-www-form-urlencoded").body("action=deny"),
    )
    .await;
    let state = began.target.split_once("state=").unwrap().1.split('&').next().unwrap();
    let target = format!("{}&state={state}", denied.target.split("&state=").next().unwrap());
    let refused = came(client().get(target).header("cookie", kept)).await;
    assert!(refused.status == 403 && refused.text.contains("access_denied"), "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_right_lets_nobody_in() {
    let providers = Providers::start();
    let running = providers.console("bent", "");
    let bend = async |how: &str| {
        let bent = client().post(format!("{}/bend", providers.urls["bent"])).body(how.to_owned());
        assert_eq!(bent.send().await.unwrap().status().as_u16(), 200, "{how}");
    };
    for how in ["nonce", "audience", "expired", "issuer", "forged", "unsigned", "hmac"] {
        bend(how).await;
        let refused = log_in(&running, None).await;
        assert_eq!((refused.status, refused.session()), (403, None), "{how}: {}", refused.text);
        assert!(refused.text.contains("does not count"), "{how}: {}", refused.text);
    }
    for how in ["unverified", "swapped"] {
        bend(how).await;
        let refused = log_in(&running, None).await;
        assert_eq!((refused.status, refused.session()), (403, None), "{how}: {}", refused.text);
    }
    // Right ones, among them keys that change and a token that leaves the address to be asked for.
    for how in ["brief", "", "es256", "rotated"] {
        bend(how).await;
        assert_eq!(name(&running, &log_in(&running, None).await).await, "bob@bank.example", "{how}");
    }
    // Somebody else was given the address since: the subject decides.
    bend(" robert").await;
    let other = log_in(&running, None).await;
    assert_eq!((other.status, other.session()), (403, None), "{}", other.text);
    bend("").await;

    // An answer counts once, for the browser that has begun.
    let (answer, kept) = answered(&running, None).await;
    let foreign = came(client().get(&answer)).await;
    assert_eq!((foreign.status, foreign.session()), (403, None), "without the cookie");
    let spent = came(client().get(&answer).header("cookie", &kept)).await;
    assert_eq!((spent.status, spent.session()), (403, None), "{}", spent.text);
    let (answer, kept) = answered(&running, None).await;
    let changed = answer.replace("code=", "code=0");
    assert_eq!(came(client().get(changed).header("cookie", &kept)).await.status, 502, "the provider refuses the code");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_may_be_asked_for_and_a_provider_that_is_not_what_it_says_is_told() {
    let providers = Providers::start();
    let running = providers.console("bent", "group = \"soc\"\n");
    let bend = async |how: &str| {
        client().post(format!("{}/bend", providers.urls["bent"])).body(how.to_owned()).send().await.unwrap();
    };
    bend("renamed").await;
    let renamed = came(client().get(running.page("/login/oidc"))).await;
    assert!(renamed.status == 502 && renamed.text.contains("cannot be used now"), "{}", renamed.text);
    bend("").await;
    let outside = log_in(&running, None).await;
    assert!(outside.status == 403 && outside.text.contains("in the group soc"), "{}", outside.text);
    bend("grouped").await;
    let inside = log_in(&running, None).await;
    assert_eq!(name(&running, &inside).await, "bob@bank.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_a_button_leads_to_the_organizations_login_and_back() {
    let providers = Providers::start();
    let running = providers.console("mock", "");
    let browser = Browser::start("en", false).await;
    browser.go(&running.page("/cases")).await;
    browser.wait_text("Log in with Example Bank").await;
    assert_eq!(browser.barriers().await, Vec::<String>::new());
    browser.click(".or a").await;
    browser.wait("button[value=ann]").await;
    browser.click("button[value=ann]").await;
    browser.wait(".side").await;
    assert!(browser.url().await.ends_with("/cases"), "{}", browser.url().await);
    assert_eq!(browser.text(".who-name").await, "ann@bank.example");
    browser.click(".who button").await;
    browser.wait_text("Log out there, too").await;
    browser.go(&running.page("/cases")).await;
    browser.wait("input[name=password]").await;
}
