//! A headless Chromium, driven over W3C's `WebDriver`: only the commands that the tests use.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The driver, and one browser of it with a profile of its own.
#[derive(Debug)]
pub(crate) struct Browser {
    driver: Child,
    session: String,
    client: reqwest::Client,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser when it ends.
        let _ = Command::new("kill").arg(self.driver.id().to_string()).status();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Starts a browser in a language, `dark` or light.
    pub(crate) async fn start(language: &str, dark: bool) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is missing: run tests/run, which installs it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            let port = line.split_once("started successfully on port ")?.1;
            Some(port.trim_end_matches('.').to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        let base = format!("http://127.0.0.1:{}", port.expect("chromedriver names its port"));
        let profile = tempfile::tempdir().unwrap();
        let mut args: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1360,900",
            "--force-device-scale-factor=1",
        ]
        .map(str::to_owned)
        .into();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        args.push(format!("--accept-lang={language}"));
        let options = json!({"args": args, "prefs": {"intl.accept_languages": language}});
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let mut browser = Self { driver, session: base, client, _profile: profile };
        let answer = browser.command("/session", Some(body)).await.expect("a browser starts");
        browser.session = format!("{}/session/{}", browser.session, answer["sessionId"].as_str().unwrap());
        let scheme = json!([{"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }}]);
        browser.devtools("Emulation.setEmulatedMedia", json!({"features": scheme})).await;
        browser
    }

    async fn command(&self, path: &str, body: Option<Value>) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let request = match body {
            Some(body) => self.client.post(&url).body(body.to_string()).header("content-type", "application/json"),
            None => self.client.get(&url),
        };
        let answer = request.timeout(Duration::from_mins(1)).send().await.map_err(|error| error.to_string())?;
        let answer: Value =
            serde_json::from_slice(&answer.bytes().await.unwrap()).map_err(|error| error.to_string())?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].clone()),
        }
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) async fn go(&self, url: &str) {
        self.command("/url", Some(json!({"url": url}))).await.unwrap();
    }

    /// Returns the address.
    pub(crate) async fn url(&self) -> String {
        self.command("/url", None).await.unwrap().as_str().unwrap().to_owned()
    }

    /// Runs a script in the page.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.command("/execute/sync", Some(json!({"script": script, "args": []}))).await.unwrap()
    }

    /// Runs a script that calls its last argument when it is done.
    pub(crate) async fn async_script(&self, script: &str) -> Value {
        self.command("/execute/async", Some(json!({"script": script, "args": []}))).await.unwrap()
    }

    async fn find(&self, css: &str) -> Result<String, String> {
        let found = self.command("/element", Some(json!({"using": "css selector", "value": css}))).await?;
        Ok(found[ELEMENT].as_str().unwrap().to_owned())
    }

    /// Waits until something of the page matches.
    pub(crate) async fn wait(&self, css: &str) -> String {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            match self.find(css).await {
                Ok(element) => return element,
                Err(error) if std::time::Instant::now() > until => {
                    panic!("{css} is not on {}: {error}\n{}", self.url().await, self.text("body").await)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Waits until the page says something.
    pub(crate) async fn wait_text(&self, text: &str) {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let said = self.text("body").await;
            if said.contains(text) {
                return;
            }
            assert!(std::time::Instant::now() < until, "{text:?} is not on {}:\n{said}", self.url().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks on what matches.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.wait(css).await;
        self.command(&format!("/element/{element}/click"), Some(json!({}))).await.unwrap();
    }

    /// Types into what matches.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.wait(css).await;
        self.command(&format!("/element/{element}/clear"), Some(json!({}))).await.unwrap();
        self.command(&format!("/element/{element}/value"), Some(json!({"text": text}))).await.unwrap();
    }

    /// Chooses files for what matches.
    pub(crate) async fn choose(&self, css: &str, files: &[std::path::PathBuf]) {
        let element = self.wait(css).await;
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        self.command(&format!("/element/{element}/value"), Some(json!({"text": names.join("\n")}))).await.unwrap();
    }

    /// Returns by how much the page has moved under its reader while it was built (cumulative layout shift).
    pub(crate) async fn shift(&self) -> f64 {
        let script = "const done = arguments[arguments.length - 1]; let sum = 0;\
                      new PerformanceObserver((list) => list.getEntries().forEach((one) => { sum += one.value; }))\
                      .observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(sum), 250)";
        self.async_script(script).await.as_f64().unwrap()
    }

    /// Presses keys where the focus is; `\n` is Enter.
    pub(crate) async fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                let key = if key == '\n' { "\u{e007}".to_owned() } else { key.to_string() };
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.command("/actions", Some(actions)).await.unwrap();
    }

    /// Returns the text that is seen of what matches first.
    pub(crate) async fn text(&self, css: &str) -> String {
        let script = format!("const e = document.querySelector({}); return e ? e.innerText : ''", json!(css));
        self.script(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// Returns the session's cookie, to be sent by other means.
    pub(crate) async fn cookie(&self) -> String {
        let cookie = self.command("/cookie/dyepack", None).await.unwrap();
        format!("dyepack={}", cookie["value"].as_str().unwrap())
    }

    /// Makes the window so many pixels wide and high, as narrow as a phone.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    async fn devtools(&self, command: &str, params: Value) {
        self.command("/goog/cdp/execute", Some(json!({"cmd": command, "params": params}))).await.unwrap();
    }

    /// Returns what axe-core finds serious or worse on the page, one line a finding.
    pub(crate) async fn barriers(&self) -> Vec<String> {
        let axe = axe();
        let script = format!(
            "{axe};const done = arguments[arguments.length - 1];\
             axe.run(document, {{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}})\
             .then((found) => done(found.violations.filter((one) => ['serious', 'critical'].includes(one.impact))\
             .map((one) => one.id + ': ' + one.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | '))))"
        );
        let found = self.async_script(&script).await;
        found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }
}

/// The script of axe-core, which the Python packages of the tests bring.
fn axe() -> String {
    let venv = crate::world::program::python();
    let lib = venv.parent().unwrap().parent().unwrap().join("lib");
    let script = std::fs::read_dir(lib)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("site-packages/axe_playwright_python/axe.min.js"))
        .find(|path| path.exists());
    std::fs::read_to_string(script.expect("axe-core is missing: run tests/run, which installs it")).unwrap()
}
