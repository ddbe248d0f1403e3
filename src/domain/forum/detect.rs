//! Which software a page comes from: several signs, none of them decisive alone.
//!
//! Structure counts more than style: ids, link shapes and script variables survive a change of theme.

use std::collections::HashSet;

use memchr::memmem;
use scraper::ElementRef;
use url::Url;

use crate::domain::forum::route::Route;
use crate::domain::forum::sheet::Survey;
use crate::domain::forum::{Engine, discourse, dom, flarum, invision, nodebb, smf, vbulletin, xenforo};

const ENOUGH: usize = 2;
/// Scripts that name their engine stand at the head and the foot of a page.
const SCRIPT_BYTES: usize = 48 << 10;

/// What tells an engine, whatever its theme.
#[derive(Debug)]
pub(super) struct Signs {
    /// What `meta` generator holds, in lower case; empty if the engine writes none.
    pub(super) generator: &'static str,
    /// What a footer says.
    pub(super) credits: &'static [&'static str],
    /// Ids.
    pub(super) ids: &'static [&'static str],
    /// Ids before their number.
    pub(super) numbered: &'static [&'static str],
    /// Names of attributes.
    pub(super) attributes: &'static [&'static str],
    /// Names in scripts.
    pub(super) globals: &'static [&'static str],
    /// Names the shape of a link.
    pub(super) link: fn(&Route<'_>) -> Option<&'static str>,
}

const TOLD: [(Engine, &Signs); 8] = [
    (Engine::Smf, &smf::SIGNS),
    (Engine::Xenforo, &xenforo::SIGNS),
    (Engine::Vbulletin, &vbulletin::SIGNS),
    (Engine::Vbulletin5, &vbulletin::five::SIGNS),
    (Engine::Invision, &invision::SIGNS),
    (Engine::Nodebb, &nodebb::SIGNS),
    (Engine::Flarum, &flarum::SIGNS),
    (Engine::Discourse, &discourse::SIGNS),
];

/// Tells the engine and what told it; `Generic` where no engine shows two signs.
pub(super) fn engine(
    survey: &Survey<'_>,
    anchors: &[(ElementRef<'_>, Url)],
    text: &str,
) -> (Engine, Vec<&'static str>) {
    let mut signs: HashSet<(Engine, &'static str)> = HashSet::new();
    document_signs(survey, text, &mut signs);
    for (_, url) in anchors {
        link_signs(url, &mut signs);
        let route = Route::of(url);
        signs.extend(TOLD.iter().filter_map(|(engine, told)| Some((*engine, (told.link)(&route)?))));
    }
    for (engine, told) in TOLD {
        table_signs(engine, told, survey, text, &mut signs);
    }
    for id in &survey.order {
        id_signs(id, &mut signs);
    }
    let of = |engine: Engine| signs.iter().filter(move |(found, _)| *found == engine).map(|(_, sign)| *sign);
    let engines = [Engine::Mybb, Engine::Phpbb, Engine::Discuz].into_iter().chain(TOLD.map(|(engine, _)| engine));
    let best = engines.max_by_key(|engine| of(*engine).count()).filter(|engine| of(*engine).count() >= ENOUGH);
    let engine = best.unwrap_or(Engine::Generic);
    let mut held: Vec<&'static str> = of(engine).collect();
    held.sort_unstable();
    (engine, held)
}

fn table_signs(
    engine: Engine,
    told: &Signs,
    survey: &Survey<'_>,
    text: &str,
    signs: &mut HashSet<(Engine, &'static str)>,
) {
    if !told.generator.is_empty() && survey.generator.to_ascii_lowercase().contains(told.generator) {
        signs.insert((engine, "generator"));
    }
    if survey.lines.iter().rev().take(60).any(|line| told.credits.iter().any(|credit| line.contains(credit))) {
        signs.insert((engine, "credit"));
    }
    let has_number = |prefix: &&str| survey.order.iter().any(|id| dom::numbered(id, prefix).is_some());
    let bytes = text.as_bytes();
    let head = bytes.get(..SCRIPT_BYTES.min(bytes.len())).unwrap_or_default();
    let foot = bytes.get(head.len().max(bytes.len().saturating_sub(SCRIPT_BYTES))..).unwrap_or_default();
    let is_named = |global: &&str| [head, foot].iter().any(|part| memmem::find(part, global.as_bytes()).is_some());
    let ids = told.ids.iter().copied().filter(|id| survey.ids.contains_key(id));
    let names = ids
        .chain(told.numbered.iter().copied().filter(has_number))
        .chain(told.attributes.iter().copied().filter(|name| survey.attributes.contains(name)))
        .chain(told.globals.iter().copied().filter(is_named));
    signs.extend(names.map(|sign| (engine, sign)));
}

fn document_signs(survey: &Survey<'_>, text: &str, signs: &mut HashSet<(Engine, &'static str)>) {
    let generator = survey.generator.to_ascii_lowercase();
    for (engine, name) in [(Engine::Mybb, "mybb"), (Engine::Phpbb, "phpbb"), (Engine::Discuz, "discuz")] {
        if generator.contains(name) {
            signs.insert((engine, "generator"));
        }
    }
    if survey.body_id == "phpbb" {
        signs.insert((Engine::Phpbb, "body"));
    }
    if survey.body_id.starts_with("nv_") {
        signs.insert((Engine::Discuz, "body"));
    }
    for (engine, variable) in [
        (Engine::Mybb, "my_post_key"),
        (Engine::Mybb, "MyBBEditor"),
        (Engine::Discuz, "discuz_uid"),
        (Engine::Discuz, "STATICURL"),
        (Engine::Phpbb, "phpbb style name"),
        (Engine::Phpbb, "phpbb_alert"),
    ] {
        if memmem::find(text.as_bytes(), variable.as_bytes()).is_some() {
            signs.insert((engine, variable));
        }
    }
    for line in survey.lines.iter().rev().take(60) {
        for (engine, name) in [(Engine::Mybb, "MyBB"), (Engine::Phpbb, "phpBB"), (Engine::Discuz, "Discuz!")] {
            if line.contains(name) {
                signs.insert((engine, "credit"));
            }
        }
    }
    if survey.title.contains("Powered by Discuz!") {
        signs.insert((Engine::Discuz, "title"));
    }
}

fn link_signs(url: &Url, signs: &mut HashSet<(Engine, &'static str)>) {
    let file = url.path().rsplit('/').next().unwrap_or_default();
    let query = url.query().unwrap_or_default();
    let sign = match file {
        "showthread.php" if query.contains("tid=") => (Engine::Mybb, "showthread"),
        "forumdisplay.php" if query.contains("fid=") => (Engine::Mybb, "forumdisplay"),
        "member.php" if query.contains("action=") && !query.contains("mod=") => (Engine::Mybb, "member"),
        "viewtopic.php" => (Engine::Phpbb, "viewtopic"),
        "viewforum.php" => (Engine::Phpbb, "viewforum"),
        "ucp.php" => (Engine::Phpbb, "ucp"),
        "memberlist.php" if query.contains("mode=") => (Engine::Phpbb, "memberlist"),
        "forum.php" if query.contains("mod=viewthread") => (Engine::Discuz, "viewthread"),
        "forum.php" if query.contains("mod=") => (Engine::Discuz, "forum"),
        "home.php" if query.contains("mod=") => (Engine::Discuz, "home"),
        "member.php" if query.contains("mod=") => (Engine::Discuz, "member"),
        file => match rewritten(file) {
            Some(sign) => sign,
            None => return,
        },
    };
    signs.insert(sign);
}

fn rewritten(file: &str) -> Option<(Engine, &'static str)> {
    let parts: Vec<&str> = file.strip_suffix(".html").unwrap_or(file).split('-').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match parts.as_slice() {
        ["thread", a, b, c] if is_number(a) && is_number(b) && is_number(c) => Some((Engine::Discuz, "thread-a-b-c")),
        ["forum", _, page] if is_number(page) => Some((Engine::Discuz, "forum-a-b")),
        ["space", "uid", uid] if is_number(uid) => Some((Engine::Discuz, "space-uid")),
        ["thread", id] | ["thread", id, "page" | "post", _] if is_number(id) => Some((Engine::Mybb, "thread-a")),
        ["forum", id] if is_number(id) => Some((Engine::Mybb, "forum-a")),
        ["user", id] if is_number(id) => Some((Engine::Mybb, "user-a")),
        ["Thread", _, ..] => Some((Engine::Mybb, "Thread-slug")),
        ["Forum", _, ..] => Some((Engine::Mybb, "Forum-slug")),
        ["User", _, ..] => Some((Engine::Mybb, "User-slug")),
        _ => None,
    }
}

fn id_signs(id: &str, signs: &mut HashSet<(Engine, &'static str)>) {
    for (engine, prefix) in [
        (Engine::Mybb, "pid_"),
        (Engine::Mybb, "tid_"),
        (Engine::Mybb, "post_meta_"),
        (Engine::Phpbb, "post_content"),
        (Engine::Phpbb, "profile"),
        (Engine::Discuz, "postmessage_"),
        (Engine::Discuz, "authorposton"),
        (Engine::Discuz, "normalthread_"),
        (Engine::Discuz, "stickthread_"),
    ] {
        if dom::numbered(id, prefix).is_some() {
            signs.insert((engine, prefix));
        }
    }
}
