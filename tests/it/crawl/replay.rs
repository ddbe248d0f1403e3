//! A captured forum played back on loopback, with its ground truth.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dyepack::domain::watchlist::{
    Alerts, Anchors, Canary, Contact, ContactRole, Custodian, Dataset, Engagement, Language, Organization,
    OrganizationId, Watchlist,
};
use jiff::Timestamp;
use serde_json::Value;

/// A forum being played back; dropped, it stops.
pub(super) struct Replay {
    pub(super) base: String,
    pub(super) truth: Value,
    folder: PathBuf,
    log: PathBuf,
    server: Child,
}

/// What a public post must look like in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TruePost {
    pub(super) thread: String,
    pub(super) author: String,
    pub(super) posted_at: Timestamp,
    /// Without white space; `None` where a guest sees less than the truth holds.
    pub(super) text: Option<String>,
}

impl Replay {
    /// Starts a set of the shared corpus; `None`, with a word on stderr, where the corpus or python3 is not there.
    pub(super) fn start(set: &str, faults: &[&str], log: &Path) -> Option<Self> {
        let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
        let folder = shared.join("forums").join(set);
        if !folder.is_dir() {
            eprintln!("skipped: no captured forum {set} beside the project");
            return None;
        }
        let log = log.join(format!("{set}.log"));
        let mut server = Command::new("python3")
            .arg(shared.join("tools/replay"))
            .arg(&folder)
            .arg("--log")
            .arg(&log)
            .args(faults)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let truth = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
        Some(Self { base: text(&started["base"]), truth, folder, log, server })
    }

    fn list(&self, name: &str) -> &[Value] {
        self.truth[name].as_array().map_or(&[], Vec::as_slice)
    }

    /// Addresses of the boards, as they are played back.
    pub(super) fn board_urls(&self) -> Vec<String> {
        let origin = |url: &str| url.split('/').take(3).collect::<Vec<_>>().join("/");
        let (captured, played) = (origin(&text(&self.truth["base_url"])), origin(&self.base));
        self.list("boards").iter().map(|board| text(&board["url"]).replacen(&captured, &played, 1)).collect()
    }

    /// Threads that a guest may read and whose pages were captured.
    pub(super) fn public_threads(&self) -> BTreeMap<String, &Value> {
        let public: BTreeSet<String> = self
            .list("boards")
            .iter()
            .filter(|board| board["members_only"] != true)
            .map(|board| key(&board["id"]))
            .collect();
        self.list("threads")
            .iter()
            .filter(|thread| public.contains(&key(&thread["board_id"])) && is_captured(&thread["files"]))
            .map(|thread| (key(&thread["id"]), thread))
            .collect()
    }

    /// Posts of those threads, by id.
    pub(super) fn public_posts(&self) -> BTreeMap<String, TruePost> {
        let threads = self.public_threads();
        let hidden: BTreeSet<String> = self.list("hide_tag_posts").iter().map(key).collect();
        self.list("posts")
            .iter()
            .filter(|post| threads.contains_key(&key(&post["thread_id"])))
            .map(|post| {
                let id = key(&post["id"]);
                let text = (!hidden.contains(&id)).then(|| squeeze(&text(&post["text"])));
                let true_post = TruePost {
                    thread: key(&post["thread_id"]),
                    author: self::text(&post["author"]),
                    posted_at: self::text(&post["time_utc"]).parse().unwrap(),
                    text,
                };
                (id, true_post)
            })
            .collect()
    }

    /// Ids of posts on boards for members, as far as their threads were captured.
    pub(super) fn member_posts(&self) -> BTreeSet<String> {
        let hidden: BTreeSet<String> = self
            .list("boards")
            .iter()
            .filter(|board| board["members_only"] == true)
            .map(|board| key(&board["id"]))
            .collect();
        let has_files = |thread: &&Value| thread["files"].as_array().is_some_and(|files| !files.is_empty());
        let threads: BTreeSet<String> = self
            .list("threads")
            .iter()
            .filter(|thread| hidden.contains(&key(&thread["board_id"])))
            .filter(has_files)
            .map(|thread| key(&thread["id"]))
            .collect();
        let posts = self.list("posts").iter().filter(|post| threads.contains(&key(&post["thread_id"])));
        posts.map(|post| key(&post["id"])).collect()
    }

    /// Planted records as (canary, post) that a guest can see; masked forms apart.
    pub(super) fn planted(&self) -> Planted {
        let posts = self.public_posts();
        let fetchable = self.guest_attachments();
        let mut planted = Planted::default();
        for occurrence in self.list("canary_occurrences") {
            let place = (text(&occurrence["canary"]), key(&occurrence["post"]));
            planted.anywhere.insert(place.clone());
            planted.threads.insert((place.0.clone(), key(&occurrence["thread"])));
            let attachment = occurrence["attachment"].as_str();
            let is_visible = posts.contains_key(&place.1)
                && occurrence["hidden_from_guest"] != true
                && attachment.is_none_or(|name| fetchable.contains(&(place.1.clone(), name.to_owned())));
            if !is_visible {
                continue;
            }
            if occurrence["form"] == "masked" {
                planted.masked.insert(place);
            } else if attachment.is_some() {
                planted.in_attachments.insert(place);
            } else {
                planted.in_posts.insert(place);
            }
        }
        planted
    }

    /// (post, name) of the attachments that were captured as a guest.
    fn guest_attachments(&self) -> BTreeSet<(String, String)> {
        let captures = std::fs::read_to_string(self.folder.join("captures.jsonl")).unwrap();
        let urls: BTreeSet<String> = captures
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|capture| capture["as_user"] == "guest" && capture["kind"] == "attachment")
            .map(|capture| text(&capture["request"]["url"]))
            .collect();
        let mut found = BTreeSet::new();
        for post in self.list("posts") {
            for attachment in post["attachments"].as_array().into_iter().flatten() {
                if attachment["url"].as_str().is_some_and(|url| urls.contains(url)) {
                    found.insert((key(&post["id"]), text(&attachment["name"])));
                }
            }
        }
        found
    }

    /// Pages that a guest needs to read everything: start page, pages of boards and threads, attachments linked.
    pub(super) fn needed_pages(&self) -> usize {
        let files = |value: &Value| value["files"].as_array().map_or(0, Vec::len);
        let boards: usize = self.list("boards").iter().map(files).sum();
        let threads: usize = self.public_threads().values().map(|thread| files(thread)).sum();
        let posts = self.public_posts();
        let attachments = self
            .list("posts")
            .iter()
            .filter(|post| posts.contains_key(&key(&post["id"])))
            .flat_map(|post| post["attachments"].as_array().into_iter().flatten())
            .filter(|attachment| attachment["url"].is_string())
            .count();
        1 + boards + threads + attachments
    }

    /// Addresses asked for so far, in order.
    pub(super) fn requests(&self) -> Vec<String> {
        self.log().iter().map(|row| text(&row["url"])).collect()
    }

    /// Everything asked for so far, in order.
    pub(super) fn log(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The set's canaries as a watchlist.
    pub(super) fn watchlist(&self) -> Watchlist {
        let canaries = self.list("canaries").iter().map(canary).collect();
        Watchlist {
            organization: Organization {
                id: OrganizationId("example-bank".to_owned()),
                name: "Example Bank".to_owned(),
                aliases: Vec::new(),
                language: Language::En,
                market_share: None,
                auditor: None,
                contacts: vec![Contact {
                    address: "soc@example-bank.example".to_owned(),
                    role: ContactRole::Security,
                    openpgp: None,
                    key: None,
                    after: None,
                }],
                custodians: vec![Custodian {
                    code: "H01".to_owned(),
                    name: "Hosting One".to_owned(),
                    prior: None,
                    engagement: Engagement::default(),
                }],
                datasets: vec![Dataset {
                    id: "customers".to_owned(),
                    rows: None,
                    issuer_unique: Vec::new(),
                    universal: Vec::new(),
                }],
                anchors: Anchors::default(),
                alerts: Alerts::default(),
            },
            canaries,
            deliveries: Vec::new(),
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Where planted records are: (canary, post).
#[derive(Debug, Default)]
pub(super) struct Planted {
    pub(super) in_posts: BTreeSet<(String, String)>,
    pub(super) in_attachments: BTreeSet<(String, String)>,
    pub(super) masked: BTreeSet<(String, String)>,
    /// Everywhere, seen by a guest or not: a hit elsewhere is false.
    pub(super) anywhere: BTreeSet<(String, String)>,
    /// The same as (canary, thread), for hits outside of any post.
    pub(super) threads: BTreeSet<(String, String)>,
}

fn canary(record: &Value) -> Canary {
    let idno = text(&record["idno"]);
    let idno_kind = match idno.as_bytes() {
        [_, _, _, b'-', ..] => "national_id",
        bytes if bytes.len() == 18 => "resident_id",
        _ => "passport",
    };
    let fields = [
        ("name", text(&record["name"])),
        ("email", text(&record["email"])),
        ("phone", text(&record["phone"])),
        ("pan", text(&record["card"])),
        ("account", text(&record["account"])),
        (idno_kind, idno),
    ];
    Canary {
        id: text(&record["id"]),
        dataset: "customers".to_owned(),
        holders: vec!["H01".to_owned()],
        planted_at: None,
        retired_at: None,
        p: None,
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

fn is_captured(files: &Value) -> bool {
    files.as_array().is_some_and(|files| files.iter().any(|file| !text(file).contains("-user")))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn key(value: &Value) -> String {
    value.to_string().trim_matches('"').to_owned()
}

/// The text without white space, which engines lay out differently.
pub(super) fn squeeze(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}
