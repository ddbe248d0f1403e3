//! Managing in a browser: watchlists, sources, cases merged and split, roles.

use std::path::PathBuf;

use super::*;
use crate::world::forum::{Content, Forum};

const ORGANIZATION: &str = "id = \"third-bank\"\nname = \"Third Bank\"\n[[contact]]\naddress = \"soc@third-bank.example\"\n\
                            role = \"security\"\n[[custodian]]\ncode = \"H01\"\nname = \"Hosting One\"\n\
                            [[dataset]]\nid = \"customers\"\nrows = 10\n";

/// Lays the files of a watchlist out; the second canary's holder is given.
fn watchlist(folder: &std::path::Path, holder: &str) -> Vec<PathBuf> {
    let canaries = format!(
        "canary,dataset,holders,planted_at,retired_at,email\nk1,customers,H01,2026-05-01,,k1@post.example\n\
         k2,customers,{holder},2026-05-01,,k2@post.example\n"
    );
    [("organization.toml", ORGANIZATION), ("canaries.csv", &canaries)]
        .map(|(name, text)| {
            std::fs::write(folder.join(name), text).unwrap();
            folder.join(name)
        })
        .into()
}

async fn demo() -> (Running, Browser) {
    let running = Running::demo();
    let browser = Browser::start("en", false).await;
    browser.go(&running.link).await;
    browser.wait("[data-row]").await;
    (running, browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_watchlist_is_told_by_row_and_a_good_one_is_taken() {
    let (running, browser) = demo().await;
    let folder = tempfile::tempdir().unwrap();
    browser.go(&running.page("/enrolment")).await;
    browser.choose("input[type=file]", &watchlist(folder.path(), "H09")).await;
    browser.click("form.stack button.main").await;
    browser.wait_text("There is something to mend").await;
    let flaws = browser.text(".flaws").await;
    assert!(flaws.contains("canaries.csv") && flaws.contains("H09") && flaws.contains('3'), "{flaws}");
    assert_eq!(browser.barriers().await, Vec::<String>::new());
    browser.choose("input[type=file]", &watchlist(folder.path(), "H01")).await;
    browser.click("form.stack button.main").await;
    browser.wait_text("This is what would change").await;
    assert!(browser.text("main").await.contains("k1, k2"));
    assert!(running.installation.rows(&["watchlist", "list"]).iter().all(|row| row["organization"] != "third-bank"));
    browser.click("button[name=upload]").await;
    browser.wait_text("Taken: it is looked for from now on").await;
    assert!(running.installation.rows(&["watchlist", "list"]).iter().any(|row| row["organization"] == "third-bank"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_looked_at_before_it_is_added() {
    let (running, browser) = demo().await;
    let forum = Forum::serve(Content { threads: vec![vec!["nothing of note".to_owned()]; 3] });
    browser.go(&running.page("/sources")).await;
    browser.click("a.button.main").await;
    browser.fill("input[name=url]", &forum.url()).await;
    browser.click("form.row button.main").await;
    browser.wait_text("What the recipe reads").await;
    assert!(browser.text("main").await.contains("mybb"), "{}", browser.text("main").await);
    assert_eq!(browser.barriers().await, Vec::<String>::new());
    browser.fill("input[name=label]", "market A").await;
    browser.click("form[action='/sources/add'] button.main").await;
    browser.wait_text("market A").await;
    assert!(running.installation.rows(&["source", "list"]).iter().any(|row| row["label"] == "market A"));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_split_off_put_back_and_cases_merged_with_a_reason() {
    let (running, browser) = demo().await;
    let cases = running.installation.rows(&["case", "list"]);
    let of_bank = |row: &&serde_json::Value| row["organization"] == "example-bank";
    let id = |row: &serde_json::Value| row["id"].as_str().unwrap().to_owned();
    let large = cases.iter().filter(of_bank).find(|row| row["entries"].as_u64().unwrap() > 2).map(id).unwrap();
    let entries = || {
        let of_case = running.installation.rows(&["case", "show", &large]);
        of_case[0]["entries"].as_u64().unwrap()
    };
    let all = entries();
    browser.go(&running.page(&format!("/cases/{large}"))).await;
    browser.click("details:has(#split) summary").await;
    browser.fill("#split input[name=why]", "another leak").await;
    browser.click("#split button").await;
    browser.wait_text("Choose the entries").await;
    browser.go(&running.page(&format!("/cases/{large}"))).await;
    browser.click("tr:first-child input[form=split]").await;
    browser.click("details:has(#split) summary").await;
    browser.fill("#split input[name=why]", "another leak").await;
    browser.click("#split button").await;
    browser.wait_text("Split off; this is the new case").await;
    let fresh = browser.text(".crumbs .id").await;
    assert_ne!(fresh, large);
    assert_eq!(entries(), all - 1);
    assert_eq!(browser.barriers().await, Vec::<String>::new());
    browser.click("form.note[action$='/merge'] button").await;
    browser.wait_text("Merged.").await;
    assert_eq!((browser.text(".crumbs .id").await, entries()), (large.clone(), all));

    // Somebody has done something meanwhile: nothing is merged unseen.
    browser.click("tr:first-child input[form=split]").await;
    browser.click("details:has(#split) summary").await;
    browser.fill("#split input[name=why]", "another leak, after all").await;
    running.installation.run(&["case", "move", &large, "acknowledged", "--who", "bob", "--why", "seen"]);
    browser.click("#split button").await;
    browser.wait_text("Somebody changed the case meanwhile").await;
    assert_eq!(entries(), all);
    let other = cases.iter().filter(|row| row["organization"] == "example-insurer").map(id).next().unwrap();
    browser.go(&running.page(&format!("/cases/{large}"))).await;
    browser.click("details:has([name=into]) summary").await;
    browser.fill("input[name=into]", &other).await;
    browser.fill("form:has([name=into]) input[name=why]", "one leak").await;
    browser.click("form:has([name=into]) button").await;
    browser.wait_text("belong").await;
    let history = running.installation.rows(&["case", "show", &large])[0]["moves"].to_string();
    assert!(history.contains("another leak") && !history.contains("after all"), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_ends_the_users_sessions_and_shows_what_is_theirs() {
    let (running, admin) = demo().await;
    let bob = Browser::start("en", false).await;
    let link = invite(&admin, &running, ("bob", "analyst", "")).await;
    take_up(&bob, &link, "seven purple otters").await;
    bob.go(&running.page("/sources")).await;
    bob.wait("table").await;
    admin.go(&running.page("/users")).await;
    admin.click("td details summary").await;
    admin.script("document.querySelector('td select[name=role]').value = 'member'").await;
    admin.script("document.querySelector('td select[name=organization]').value = 'example-insurer'").await;
    admin.click("button[value=role]").await;
    admin.wait_text("Changed; the user's sessions ended").await;
    assert_eq!(admin.barriers().await, Vec::<String>::new());
    bob.go(&running.page("/sources")).await;
    assert!(bob.url().await.contains("/login"), "{}", bob.url().await);
    let users = running.installation.rows(&["user", "list"]);
    let changed = users.iter().find(|user| user["name"] == "bob").unwrap();
    assert_eq!((changed["role"].as_str(), changed["organization"].as_str()), (Some("member"), Some("example-insurer")));
}
