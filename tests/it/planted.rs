//! The matcher over captured forum pages whose planted records are known, and over pages of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use dyepack::domain::container::{Held, Order, Piece, unpack};
use dyepack::domain::matcher::{Document, Matcher};
use dyepack::domain::text::{decode_known, fold, replay};
use dyepack::domain::watchlist::{Alerts, Anchors, Canary, Language, Organization, OrganizationId, Watchlist};
use dyepack::ports::sandbox::{Allowance, Sandbox};
use flate2::read::GzDecoder;
use serde_json::Value;

const SETS: [&str; 3] = ["mybb-1.8.37", "phpbb-3.3.10", "discuz-x3.4-utf8"];

fn watchlist(id: &str, canaries: Vec<Canary>) -> Watchlist {
    let organization = Organization {
        id: OrganizationId(id.to_owned()),
        name: id.to_owned(),
        aliases: Vec::new(),
        language: Language::En,
        market_share: None,
        auditor: None,
        contacts: Vec::new(),
        custodians: Vec::new(),
        datasets: Vec::new(),
        anchors: Anchors::default(),
        alerts: Alerts::default(),
    };
    Watchlist { organization, canaries, deliveries: Vec::new() }
}

fn canary(id: &str, fields: &[(&str, &str)]) -> Canary {
    Canary {
        id: id.to_owned(),
        dataset: "customers".to_owned(),
        holders: Vec::new(),
        planted_at: None,
        retired_at: None,
        p: None,
        fields: fields.iter().copied().collect(),
    }
}

#[expect(clippy::print_stderr, reason = "a skipped part must be seen")]
fn forums() -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/forums"));
    if folder.is_dir() {
        return Some(folder.to_owned());
    }
    eprintln!("the captured forums are not here: this part is skipped");
    None
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn planted(truth: &Value) -> Vec<Canary> {
    let canaries = truth["canaries"].as_array().unwrap();
    canaries
        .iter()
        .map(|planted| {
            let number = text(planted, "idno");
            let id_field = if number.len() == 18 { "resident_id" } else { "national_id" };
            let fields = [
                ("name", text(planted, "name")),
                ("email", text(planted, "email")),
                ("phone", text(planted, "phone")),
                ("pan", text(planted, "card")),
                ("account", text(planted, "account")),
                (id_field, number),
            ];
            canary(text(planted, "id"), &fields)
        })
        .collect()
}

fn gunzip(path: &Path) -> Vec<u8> {
    let mut body = Vec::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut body).unwrap();
    body
}

/// Guest pages as (file, charset declared, body).
fn guest_pages(set: &Path) -> Vec<(String, Vec<u8>)> {
    let captures = fs::read_to_string(set.join("captures.jsonl")).unwrap();
    let captures = captures.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    captures
        .filter(|capture| text(capture, "as_user") == "guest" && text(capture, "file").contains(".html"))
        .map(|capture| (text(&capture, "file").to_owned(), gunzip(&set.join(text(&capture, "file")))))
        .collect()
}

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_dyepack").into(), Allowance::default())
}

/// Scans a document; every hit must replay to the value it masks.
fn found(matcher: &Matcher, name: &str, media_type: Option<&str>, bytes: &[u8]) -> BTreeSet<String> {
    let scan = sandbox().search(matcher, &Document { bytes, name, media_type, charset: None });
    for hit in scan.hits.iter().filter(|hit| hit.member.is_empty()) {
        let value = replay(bytes, hit.span, &hit.steps).unwrap();
        let first = hit.masked.chars().next().unwrap().to_lowercase().next().unwrap();
        assert!(first == '*' || value.starts_with(first), "{name}: a hit does not replay: {hit:?}");
    }
    scan.hits.into_iter().map(|hit| hit.entry).collect()
}

#[test]
fn planted_records_are_found_on_captured_pages_and_nothing_else() {
    let Some(forums) = forums() else { return };
    for set in SETS {
        let set = forums.join(set);
        let truth: Value = serde_json::from_str(&fs::read_to_string(set.join("truth.json")).unwrap()).unwrap();
        let matcher = Matcher::compile(&[watchlist("example-bank", planted(&truth))]);
        let pages: Found = guest_pages(&set)
            .into_iter()
            .map(|(file, body)| {
                let found = found(&matcher, &file, Some("text/html"), &body);
                (file, found)
            })
            .collect();
        let attachments: Found = fs::read_dir(set.join("attachments"))
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = format!("attachments/{}", path.file_name().unwrap().to_string_lossy());
                let found = found(&matcher, &name, None, &fs::read(&path).unwrap());
                (name, found)
            })
            .collect();
        check(&set, &truth, &pages, &attachments);
    }
}

type Found = BTreeMap<String, BTreeSet<String>>;

fn check(set: &Path, truth: &Value, pages: &Found, attachments: &Found) {
    let posts: BTreeMap<i64, &Value> =
        truth["posts"].as_array().unwrap().iter().map(|post| (post["id"].as_i64().unwrap(), post)).collect();
    let mut expected: Found = BTreeMap::new();
    let (mut due, mut masked_due, mut masked, mut missing) = (0, 0, 0, Vec::new());
    for occurrence in truth["canary_occurrences"].as_array().unwrap() {
        let post = posts[&occurrence["post"].as_i64().unwrap()];
        let canary = text(occurrence, "canary");
        let file = match occurrence["attachment"].as_str() {
            None => text(post, "file").to_owned(),
            Some(name) => {
                let attachments = post["attachments"].as_array().unwrap();
                let attachment = attachments.iter().find(|attachment| text(attachment, "name") == name).unwrap();
                text(attachment, "stored").to_owned()
            }
        };
        expected.entry(file.clone()).or_default().insert(canary.to_owned());
        let is_picture = Path::new(&file).extension().is_some_and(|extension| extension == "png");
        let is_seen = occurrence["hidden_from_guest"].as_bool() != Some(true) && !is_picture;
        let scanned = pages.get(&file).or_else(|| attachments.get(&file));
        if let Some(found) = scanned.filter(|_| is_seen) {
            due += 1;
            let is_masked = text(occurrence, "form") == "masked";
            masked_due += usize::from(is_masked);
            masked += usize::from(is_masked && found.contains(canary));
            if !found.contains(canary) {
                missing.push(format!("{canary} in {file}: {}", text(occurrence, "form")));
            }
        }
    }
    assert_eq!(masked, masked_due, "masked records of {}", set.display());
    assert!(due > 50, "only {due} occurrences are to be found");
    assert!(missing.len() * 100 <= due, "{} of {due} are missing: {missing:#?}", missing.len());
    for (file, found) in pages.iter().chain(attachments) {
        let known = expected.get(file).cloned().unwrap_or_default();
        for canary in found.difference(&known) {
            assert!(holds_value(set, file, truth, canary), "{canary} is not in {file}");
        }
    }
}

/// Tells, without the matcher, whether a document holds a unique value of a canary as it was planted: the truth lists
/// occurrences by post and leaves out other views of a post (print, archive, portal) and chance equalities in attachments.
fn holds_value(set: &Path, file: &str, truth: &Value, id: &str) -> bool {
    let canaries = truth["canaries"].as_array().unwrap();
    let canary = canaries.iter().find(|canary| text(canary, "id") == id).unwrap();
    let path = set.join(file);
    let bytes = if file.starts_with("pages/") { gunzip(&path) } else { fs::read(&path).unwrap() };
    let mut members: Vec<Vec<u8>> = Vec::new();
    let order = Order { name: file.to_owned(), ..Order::default() };
    unpack(&order, Box::new(Held::new(bytes)), &mut |piece| match piece {
        Piece::Start(..) => members.push(Vec::new()),
        Piece::Bytes(bytes) => members.last_mut().unwrap().extend_from_slice(bytes),
        Piece::End => {}
        Piece::Odd(oddity) => panic!("{file}: {oddity:?}"),
    });
    members.iter().any(|member| {
        let content = bare(&String::from_utf8_lossy(member));
        let mut values = ["card", "email", "idno", "phone", "account"].iter().map(|key| bare(text(canary, key)));
        values.any(|value| content.contains(&value))
    })
}

/// Letters and digits of a text, without its tags.
fn bare(text: &str) -> String {
    let pieces = text.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, after)| after));
    fold(&pieces.collect::<String>()).chars().filter(|character| character.is_alphanumeric()).collect()
}

#[test]
fn a_page_in_any_charset_gives_the_same_hits() {
    let page = concat!(
        "<html><body><div class=post>客户资料 样例：欧阳采薇 9990<b>4838</b>3464&nbsp;5856</div>",
        "<table><tr><td>Елисей Тихозеров<td>KELPI681@hualuo-cb.example<td>+7 000 126-40-97</tr></table>",
        "<p>欧阳采薇 and Елисей Тихозеров alone</p></body></html>",
    );
    let canaries = vec![
        canary("c1", &[("name", "欧阳采薇"), ("pan", "9990483834645856")]),
        canary(
            "c2",
            &[("name", "Елисей Тихозеров"), ("email", "kelpi681@hualuo-cb.example"), ("phone", "+7 000 126-40-97")],
        ),
    ];
    let matcher = Matcher::compile(&[watchlist("example-bank", canaries)]);
    for charset in ["utf-8", "gb18030", "utf-16le", "utf-16be"] {
        let bytes: Vec<u8> = match charset {
            "utf-16le" => page.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "utf-16be" => page.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => encode(charset, page),
        };
        let scan = matcher.scan(&Document {
            bytes: &bytes,
            name: "p.html",
            media_type: Some("text/html"),
            charset: Some(charset),
        });
        let hits: Vec<(&str, &str)> = scan.hits.iter().map(|hit| (hit.entry.as_str(), hit.field.as_str())).collect();
        let expected = [("c1", "name"), ("c1", "pan"), ("c2", "name"), ("c2", "email"), ("c2", "phone")];
        assert_eq!(hits, expected, "{charset}");
        for hit in &scan.hits {
            assert!(replay(&bytes, hit.span, &hit.steps).is_some(), "{charset}: {hit:?}");
        }
    }
}

/// Writes GB18030 by hand for the few characters of the page that are not ASCII.
fn encode(charset: &str, page: &str) -> Vec<u8> {
    if charset == "utf-8" {
        return page.as_bytes().to_vec();
    }
    let mut bytes = Vec::new();
    for character in page.chars() {
        if character.is_ascii() {
            bytes.push(character as u8);
        } else {
            bytes.extend(gb18030(character));
        }
    }
    bytes
}

/// Finds the two bytes that decode to a character.
fn gb18030(character: char) -> [u8; 2] {
    let spelled = character.to_string();
    (0x81..=0xfe_u8)
        .flat_map(|lead| (0x40..=0xfe_u8).map(move |trail| [lead, trail]))
        .find(|pair| decode_known(pair, "gb18030").text == spelled)
        .unwrap()
}
