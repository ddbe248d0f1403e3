//! The API and the pages beside the inbox, on a console that listens in this process: rights, tenants, uploads, sources.

mod acts;
mod enrolment;
mod evidence;
mod fuzz;
mod people;
mod programs;
mod sites;
mod tenants;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dyepack::domain::secret::Secret;
use dyepack::domain::user::Role;
use dyepack::domain::user::grant::Grant;
use dyepack::faces::web::{self, Console, Memory, Options};
use dyepack::ports::clock::Clock;
use dyepack::ports::evidence::Evidence;
use dyepack::ports::fetch::FetchOptions;
use dyepack::ports::seal::Seal;
use dyepack::ports::store::{Stage, Store};
use dyepack::ports::vault::Vault;
use dyepack::services::sourcing::Reach;
use dyepack::services::tokens::{self, Wanted};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::store::{KEY, console::fill};

/// A console with two banks' cases, and people who work there.
struct Desk {
    store: Store,
    base: String,
    clock: Clock,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
    _server: JoinSet<std::io::Result<()>>,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Desk {
    /// Opens one whose sources may lie on this machine.
    async fn open() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("desk.db").display());
        let seal = Seal::from_key(&KEY);
        let store = Store::open(&url, seal.clone()).await.unwrap();
        fill(&store).await;
        let clock = Clock::system();
        let now = clock.now();
        for (name, role, organization) in [
            ("root", Role::Admin, None),
            ("ana", Role::Analyst, None),
            ("mem", Role::Member, Some(crate::store::bank())),
        ] {
            assert!(store.add_user((name, name), role, organization.as_ref(), now).await.unwrap());
        }
        let console = Console {
            store: store.clone(),
            evidence: Evidence::new(folder.path(), seal),
            vault: Vault::new(folder.path(), Vec::new()),
            clock: clock.clone(),
            options,
            fetching: FetchOptions::default(),
            reach: Reach::Trial,
            provider: None,
            folder: folder.path().to_owned(),
            memory: Memory::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(web::serve(listener, Arc::new(console), std::future::pending()));
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { store, base, clock, client, _folder: folder, _server: server }
    }

    /// Makes a token of a user.
    async fn token(&self, user: &str, role: Role, grants: &[Grant]) -> String {
        let wanted = Wanted { label: "test", grants: grants.to_vec(), days: 1 };
        let (secret, _) = tokens::make(&self.store, (user, role), wanted, self.clock.now()).await.unwrap();
        secret.reveal().clone()
    }

    /// Logs a user in; returns the cookie and what forms carry.
    async fn log_in(&self, user: &str) -> (String, String) {
        let (secret, now) = (Secret::new(format!("{user}-cookie")), self.clock.now());
        let ends = now + SignedDuration::from_hours(1);
        self.store.begin_console_session(&secret, (user, Stage::Full), ("", ""), (now, ends)).await.unwrap();
        let (session, _) = self.store.console_session(&secret, now).await.unwrap().unwrap();
        (format!("dyepack={}", secret.reveal()), self.store.form_token(&session))
    }

    /// Sends a request as a program does.
    async fn call(&self, token: &str, (method, path): (Method, &str), body: Option<&Value>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer(request).await
    }

    /// The same, by a program that waits as it is told when it asks too often.
    async fn call_patiently(&self, token: &str, (method, path): (Method, &str), body: Option<&Value>) -> Answer {
        loop {
            let answer = self.call(token, (method.clone(), path), body).await;
            if answer.status != 429 {
                return answer;
            }
            tokio::time::sleep(Duration::from_secs(answer.headers["retry-after"].parse().unwrap())).await;
        }
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        self.call(token, (Method::GET, path), None).await
    }

    /// Asks for a page as a browser does.
    async fn page(&self, cookie: &str, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.base)).header("cookie", cookie)).await
    }

    /// Sends a form as a browser does.
    async fn form(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(format!("{}{path}", self.base)).header("cookie", cookie);
        answer(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    /// Sends files as a browser does.
    async fn upload(&self, cookie: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
        let mark = "----dyepack-test";
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(
                format!("--{mark}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        for (name, bytes) in files {
            body.extend(
                format!(
                    "--{mark}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
                         Content-Type: application/octet-stream\r\n\r\n"
                )
                .bytes(),
            );
            body.extend_from_slice(bytes);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{mark}--\r\n").bytes());
        let request = self.client.post(format!("{}/enrolment/upload", self.base)).header("cookie", cookie);
        answer(request.header("content-type", format!("multipart/form-data; boundary={mark}")).body(body)).await
    }

    /// Returns the ids of an organization's cases.
    async fn cases_of(&self, organization: &str) -> Vec<String> {
        let all = self.store.cases(&dyepack::ports::store::model::CaseFilter::default()).await.unwrap();
        all.into_iter().filter(|case| case.organization == organization).map(|case| case.id).collect()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    Answer { status: response.status().as_u16(), headers: headers.collect(), text: response.text().await.unwrap() }
}

/// The API's description.
fn description() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/faces/web/api/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A body that the description of an operation admits, as far as types go; none where none is described.
fn sample(method: &Method, path: &str) -> Option<Value> {
    let description = description();
    let operation = &description["paths"][path][method.as_str().to_lowercase()];
    let schema = operation["requestBody"]["content"].get("application/json")?.get("schema")?.clone();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let value = |name: &str| {
        let property = &schema["properties"][name];
        match (property["enum"].get(1), property["type"].as_str()) {
            (Some(word), _) => word.clone(),
            (None, Some("array")) => Value::from(vec!["c1"]),
            (None, Some("object")) => Value::Object(serde_json::Map::new()),
            (None, Some(_) | None) => Value::from("mine now"),
        }
    };
    Some(required.iter().map(|name| (name.as_str().unwrap().to_owned(), value(name.as_str().unwrap()))).collect())
}

/// Every operation of the description: method and path.
fn operations() -> Vec<(Method, String)> {
    let description = description();
    let paths = description["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods: Vec<String> = methods.as_object().unwrap().keys().cloned().collect();
        methods.into_iter().map(|method| (method.to_uppercase().parse().unwrap(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}
