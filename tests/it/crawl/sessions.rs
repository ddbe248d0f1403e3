//! Reading as a member: logging in, being forgotten, being turned away, cookies that a person brings.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dyepack::domain::session::{Jar, State};
use dyepack::domain::source::{Rest, SourceId};
use jiff::Timestamp;
use url::Url;

use super::Scene;
use crate::site::{Answer, Asked, Site, html, response};
use crate::world::forum::{self, Content};

const USER: &str = "lurker";
const PASSWORD: &str = "open sesame";
const THREADS: usize = 30;

/// Writes a login file that only its owner may read.
pub(super) fn account(folder: &Path, user: &str, password: &str) -> PathBuf {
    let path = folder.join("account.toml");
    std::fs::write(&path, format!("user = {user:?}\npassword = {password:?}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// What the club at the door does differently.
#[derive(Debug, Default)]
struct Rules {
    /// Wants a challenge solved.
    has_captcha: bool,
    /// Wants a code after the password.
    has_second_factor: bool,
    /// Forgets everybody after so many pages read as a member.
    forgets_after: Option<usize>,
    /// Looks the same to everybody on this page.
    is_vague_at: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Ledger {
    sessions: BTreeSet<String>,
    logins: usize,
    pages: usize,
}

/// A forum whose only board is for members.
struct Club {
    site: Site,
    ledger: Arc<Mutex<Ledger>>,
}

impl Club {
    async fn open(rules: Rules) -> Self {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let content = Content { threads: (0..THREADS).map(|number| vec![format!("post {number}")]).collect() };
        let kept = Arc::clone(&ledger);
        let site = Site::start(move |asked| serve(&rules, &content, &mut kept.lock().unwrap(), asked)).await;
        Self { site, ledger }
    }

    /// Lets somebody in as a browser would have been.
    fn admit(&self, session: &str) {
        self.ledger.lock().unwrap().sessions.insert(session.to_owned());
    }

    fn posted(&self) -> usize {
        self.site.asked().iter().filter(|asked| asked.is_post()).count()
    }

    fn nothing_acts(&self) {
        for asked in self.site.asked() {
            assert!(!asked.target.contains("logout") && !asked.target.contains("newreply"), "{}", asked.target);
        }
    }
}

/// A browser's cookies in a file.
fn exported(folder: &Path, session: &str) -> PathBuf {
    let path = folder.join("cookies.txt");
    std::fs::write(&path, format!("127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{session}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn serve(rules: &Rules, content: &Content, ledger: &mut Ledger, asked: &Asked) -> Answer {
    let session = asked
        .header("cookie")
        .and_then(|cookies| cookies.split("; ").find_map(|pair| pair.strip_prefix("sid=").map(str::to_owned)));
    let is_member = session.as_ref().is_some_and(|session| ledger.sessions.contains(session));
    let path = asked.target.split('?').next().unwrap_or_default();
    if path == "/member.php" && asked.is_post() {
        return log_in(rules, ledger, &asked.body);
    }
    let is_hidden = ["/forumdisplay.php", "/showthread.php"].contains(&path);
    if is_hidden && !is_member {
        return html(&framed(
            "You are either not logged in or do not have permission to view this page.",
            &door(rules),
        ));
    }
    let Some(page) = forum::page(content, &asked.target) else {
        return Answer::Whole(response("404 Not Found", "", b"nothing here"));
    };
    if is_hidden {
        ledger.pages += 1;
        if rules.forgets_after.is_some_and(|pages| ledger.pages == pages) {
            ledger.sessions.clear();
        }
    }
    let header = if rules.is_vague_at.is_some_and(|target| asked.target.contains(target)) {
        door(rules)
    } else if is_member {
        "<a href=\"member.php?action=logout&amp;logoutkey=1\">Log Out</a> <a href=\"newreply.php?tid=1\">Reply</a>"
            .to_owned()
    } else {
        door(rules)
    };
    html(&page.replace("<div id=\"container\">", &format!("<div id=\"container\">{header}")))
}

/// Takes a form that was made more than a second ago, as phpBB does.
fn log_in(rules: &Rules, ledger: &mut Ledger, body: &str) -> Answer {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
    let made_at: i64 = field("creation_time").parse().unwrap_or(i64::MAX);
    let is_human = made_at < Timestamp::now().as_second();
    let is_known = field("username") == USER && field("password") == PASSWORD && field("form_token") == "t0ken";
    if !is_human || !is_known || field("remember") != "yes" {
        return html(&framed("You have entered an invalid username/password combination.", &door(rules)));
    }
    if rules.has_second_factor {
        return html(&framed(
            "Two-factor authentication: enter the code",
            "<form method=post><input name=totp></form>",
        ));
    }
    ledger.logins += 1;
    let session = format!("s{}", ledger.logins);
    ledger.sessions.insert(session.clone());
    let headers = format!("Content-Type: text/html\r\nSet-Cookie: sid={session}; path=/; HttpOnly\r\n");
    let page = framed("You have successfully been logged in.", "<meta http-equiv=refresh content='2;URL=index.php'>");
    Answer::Whole(response("200 OK", &headers, page.as_bytes()))
}

fn door(rules: &Rules) -> String {
    let captcha = if rules.has_captcha { "<input name=captcha_code>" } else { "" };
    format!(
        "<form action=\"member.php\" method=\"post\"><input type=hidden name=action value=do_login>\
         <input type=hidden name=creation_time value={}><input type=hidden name=form_token value=t0ken>\
         <input name=username><input type=password name=password>{captcha}<input type=checkbox name=remember value=yes>\
         <input type=submit name=submit value=Login></form>",
        Timestamp::now().as_second()
    )
}

fn framed(words: &str, more: &str) -> String {
    format!(
        "<html><head><title>Club</title><script>var my_post_key = \"0\"; MyBB = {{}};</script></head>\
         <body><div id=container>{more}<p>{words}</p></div>Powered By MyBB</body></html>"
    )
}

async fn state(scene: &Scene, source: &SourceId) -> State {
    scene.ports.store.session(source).await.unwrap().unwrap().session.state
}

async fn rest(scene: &Scene, source: &SourceId) -> Option<(Rest, Timestamp)> {
    let rows = scene.ports.store.sources(scene.ports.clock.now()).await.unwrap();
    rows.into_iter().find(|row| row.source.id == *source).unwrap().rest
}

#[tokio::test]
async fn what_is_for_members_is_read_only_after_a_login_and_nothing_acts() {
    let club = Club::open(Rules::default()).await;
    let scene = Scene::new().await;
    let guest = scene.add_source(&club.site.base).await;
    scene.crawl().await;
    assert!(scene.posts(&guest).await.is_empty(), "a guest sees nothing");

    let login = account(scene.folder.path(), USER, PASSWORD);
    let source = scene.add_member(&club.site.base, &login).await;
    let summary = scene.again().await.crawl().await;
    assert_eq!(
        scene.posts(&source).await.len(),
        THREADS,
        "what was refused to the guest is asked for again: {summary:?}"
    );
    assert_eq!((club.posted(), state(&scene, &source).await), (1, State::Member));
    club.nothing_acts();
}

#[tokio::test]
async fn a_session_outlives_the_process() {
    let club = Club::open(Rules::default()).await;
    let scene = Scene::new().await;
    let login = account(scene.folder.path(), USER, PASSWORD);
    let source = scene.add_member(&club.site.base, &login).await;
    scene.crawl().await;
    let kept = std::fs::read(scene.folder.path().join("dyepack.db")).unwrap();
    assert!(!kept.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes()));
    let asked = club.site.asked().len();
    let due = scene.ports.store.recall(None, 1, scene.ports.clock.now()).await.unwrap();
    assert_eq!(due, None, "nothing to recall");

    let again = scene.again().await;
    again
        .ports
        .store
        .add_source(&again.ports.store.source(&source).await.unwrap().unwrap(), Timestamp::now())
        .await
        .unwrap();
    make_due(&again, &source).await;
    again.crawl().await;
    assert!(club.site.asked().len() > asked, "it was read again");
    assert_eq!(club.posted(), 1, "without another login");
}

/// Makes everything due as if a new member had come.
async fn make_due(scene: &Scene, source: &SourceId) {
    let row = scene.ports.store.session(source).await.unwrap().unwrap();
    let now = scene.ports.clock.now();
    scene.ports.store.keep_session(source, &row, dyepack::ports::store::News::NewReader, now).await.unwrap();
}

#[tokio::test]
async fn a_session_that_the_site_forgets_is_begun_anew_and_nothing_is_lost() {
    let club = Club::open(Rules { forgets_after: Some(9), ..Rules::default() }).await;
    let scene = Scene::new().await;
    let login = account(scene.folder.path(), USER, PASSWORD);
    let source = scene.add_member(&club.site.base, &login).await;
    let summary = scene.crawl().await;
    let posts = scene.posts(&source).await;
    assert_eq!((posts.len(), club.posted()), (THREADS, 2), "{summary:?}");
    club.nothing_acts();
}

#[tokio::test]
async fn a_page_that_looks_the_same_to_everybody_is_read_without_another_login() {
    let club = Club::open(Rules { is_vague_at: Some("tid=7"), ..Rules::default() }).await;
    let scene = Scene::new().await;
    let login = account(scene.folder.path(), USER, PASSWORD);
    let source = scene.add_member(&club.site.base, &login).await;
    scene.crawl().await;
    assert_eq!((scene.posts(&source).await.len(), club.posted()), (THREADS, 1));
}

#[tokio::test]
async fn a_password_that_is_refused_twice_is_not_tried_a_third_time() {
    let club = Club::open(Rules::default()).await;
    let scene = Scene::new().await;
    let login = account(scene.folder.path(), USER, "wrong");
    let source = scene.add_member(&club.site.base, &login).await;
    scene.crawl().await;
    assert_eq!((club.posted(), state(&scene, &source).await), (2, State::Person(Rest::Refused)));
    assert_eq!(rest(&scene, &source).await, Some((Rest::Refused, Timestamp::MAX)));
    let asked = club.site.asked().len();
    scene.again().await.crawl().await;
    assert_eq!(club.site.asked().len(), asked, "the source is left alone until a person has seen to it");
}

#[tokio::test]
async fn a_challenge_is_never_solved_and_fresh_cookies_go_on() {
    for (rules, expected, posted) in [
        (Rules { has_captcha: true, ..Rules::default() }, Rest::Captcha, 0),
        (Rules { has_second_factor: true, ..Rules::default() }, Rest::TwoStep, 1),
    ] {
        let club = Club::open(rules).await;
        let scene = Scene::new().await;
        let login = account(scene.folder.path(), USER, PASSWORD);
        let source = scene.add_member(&club.site.base, &login).await;
        scene.crawl().await;
        assert_eq!((state(&scene, &source).await, club.posted()), (State::Person(expected), posted));
        assert!(scene.posts(&source).await.is_empty());

        club.admit("brought");
        let text = std::fs::read_to_string(exported(scene.folder.path(), "brought")).unwrap();
        let jar = Jar::import(&text, &Url::parse(&club.site.base).unwrap(), Timestamp::now()).unwrap();
        scene.ports.store.import_session(&source, &jar, Timestamp::now()).await.unwrap();
        assert_eq!(rest(&scene, &source).await, None);
        scene.crawl().await;
        assert_eq!((scene.posts(&source).await.len(), club.posted()), (THREADS, posted), "{expected:?}");
    }
}

#[tokio::test]
async fn exported_cookies_are_a_login_and_cookies_that_ended_need_a_person() {
    let club = Club::open(Rules::default()).await;
    club.admit("browser");
    let scene = Scene::new().await;
    let source = scene.add_member(&club.site.base, &exported(scene.folder.path(), "browser")).await;
    scene.crawl().await;
    assert_eq!((scene.posts(&source).await.len(), club.posted()), (THREADS, 0));

    club.ledger.lock().unwrap().sessions.clear();
    make_due(&scene, &source).await;
    scene.crawl().await;
    assert_eq!(state(&scene, &source).await, State::Person(Rest::Cookies));
    assert_eq!(club.posted(), 0);
}

#[tokio::test]
async fn a_login_file_that_went_away_stops_the_source_and_says_so() {
    let club = Club::open(Rules::default()).await;
    let scene = Scene::new().await;
    let source = scene.add_member(&club.site.base, Path::new("/nowhere/account.toml")).await;
    scene.crawl().await;
    assert_eq!(rest(&scene, &source).await, Some((Rest::LoginFile, Timestamp::MAX)));
    assert!(scene.posts(&source).await.is_empty(), "it is not read as a guest instead");
}
