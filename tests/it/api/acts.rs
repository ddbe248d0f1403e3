//! What programs do to cases: everything that the console's case page does, with the same rights and the same audit log.

use serde_json::json;

use super::*;

const WORK: [Grant; 3] = [Grant::Read, Grant::Triage, Grant::Reveal];

/// One case, worked on by a program.
struct Work<'a> {
    desk: &'a Desk,
    token: String,
}

impl Work<'_> {
    async fn get(&self, case: &str) -> Answer {
        self.desk.get(&self.token, &format!("/api/v1/cases/{case}")).await
    }

    /// Sends what is meant for the case as it stands.
    async fn act(&self, (case, act): (&str, &str), body: Value) -> Answer {
        let tag = self.get(case).await.headers["etag"].clone();
        self.act_at(&tag, (case, act), body).await
    }

    async fn act_at(&self, tag: &str, (case, act): (&str, &str), body: Value) -> Answer {
        let method = if act == "assignee" { Method::PUT } else { Method::POST };
        let request = self.desk.client.request(method, format!("{}/api/v1/cases/{case}/{act}", self.desk.base));
        let request = request.bearer_auth(&self.token).header("if-match", tag);
        answer(request.header("content-type", "application/json").body(body.to_string())).await
    }

    /// What the audit log says was done to the case.
    async fn acts(&self, case: &str) -> Vec<String> {
        let moves = self.get(case).await.json()["moves"].clone();
        moves.as_array().unwrap().iter().map(|step| step["to"].as_str().unwrap().to_owned()).collect()
    }
}

async fn work<'a>(desk: &'a Desk, user: &str, role: Role, grants: &[Grant]) -> Work<'a> {
    Work { desk, token: desk.token(user, role, grants).await }
}

/// Cases of the bank that are new.
async fn new_cases(desk: &Desk, token: &str) -> Vec<String> {
    let new = desk.get(token, "/api/v1/cases?state=new&organization=example-bank").await.json();
    new["items"].as_array().unwrap().iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_program_assigns_notes_silences_holds_and_takes_a_move_back() {
    let desk = Desk::open().await;
    let ana = work(&desk, "ana", Role::Analyst, &WORK).await;
    let case = new_cases(&desk, &ana.token).await.remove(0);
    let old = ana.get(&case).await.headers["etag"].clone();

    let given = ana.act((&case, "assignee"), json!({"assignee": "root"})).await;
    assert_eq!((given.status, &given.json()["assignee"]), (200, &json!("root")), "{}", given.text);
    assert_eq!(ana.act((&case, "assignee"), json!({"assignee": "nobody"})).await.status, 422);
    assert_eq!(ana.act((&case, "assignee"), json!({})).await.status, 400, "nobody is said with null");
    assert_eq!(ana.act_at(&old, (&case, "assignee"), json!({"assignee": null})).await.status, 412);

    let noted = ana.act((&case, "notes"), json!({"text": "first\nsecond <b>"})).await;
    assert_eq!((noted.status, &noted.json()["notes"][0]["text"]), (201, &json!("first\nsecond <b>")));
    assert_ne!(noted.headers["etag"], given.headers["etag"], "whoever has the case without the note is told");
    let written = desk.get(&ana.token, &format!("/api/v1/cases/{case}/notes")).await.json();
    assert_eq!(written["items"][0]["who"], "ana");

    let source = ana.get(&case).await.json()["sources"][0]["id"].as_str().unwrap().to_owned();
    let quiet = ana.act((&case, "silence"), json!({"source": source, "why": "an old list"})).await;
    assert_eq!((quiet.status, &quiet.json()["entries"]), (200, &json!(1)), "{}", quiet.text);
    assert_eq!(ana.get(&case).await.json()["silences"][0]["source"], source);
    assert_eq!(ana.act((&case, "unsilence"), json!({"why": ""})).await.json()["entries"], 1);

    assert_eq!(ana.act((&case, "hold"), json!({"why": "a court asked"})).await.json()["hold"]["why"], "a court asked");
    assert_eq!(ana.act((&case, "release"), json!({"why": "done"})).await.json()["hold"], Value::Null);

    assert_eq!(ana.act((&case, "undo"), json!({})).await.status, 409, "the last thing was no move");
    assert_eq!(ana.act((&case, "moves"), json!({"to": "confirmed", "why": "ours"})).await.status, 200);
    let undone = ana.act((&case, "undo"), json!({})).await;
    assert_eq!((undone.status, &undone.json()["state"]), (200, &json!("new")), "{}", undone.text);
    assert_eq!(
        ana.acts(&case).await,
        ["new", "assigned", "silenced", "unsilenced", "hold", "", "confirmed", "new"],
        "the audit log has it all"
    );
    let verdict = desk.store.verify_audit().await.unwrap();
    assert!(matches!(verdict, dyepack::ports::store::AuditVerdict::Whole { .. }), "{verdict:?}");
}

#[tokio::test]
async fn cases_are_merged_and_split_from_the_version_that_was_seen() {
    let desk = Desk::open().await;
    let ana = work(&desk, "ana", Role::Analyst, &WORK).await;
    let cases = new_cases(&desk, &ana.token).await;
    let (from, into) = (&cases[0], &cases[1]);
    let other = desk.cases_of("other-bank").await.remove(0);
    let old = ana.get(from).await.headers["etag"].clone();
    assert_eq!(ana.act((from, "assignee"), json!({"assignee": "ana"})).await.status, 200);
    let wish = json!({"into": into, "why": "one post sold both"});
    assert_eq!(ana.act_at(&old, (from, "merge"), wish.clone()).await.status, 412, "somebody was faster");
    for (into, status) in [(from.as_str(), 409), (&other, 409), ("C-00000000", 404), ("nonsense", 404)] {
        assert_eq!(ana.act((from, "merge"), json!({"into": into, "why": "x"})).await.status, status, "{into}");
    }
    assert_eq!(ana.act((from, "merge"), json!({"into": into, "why": " "})).await.status, 422);
    let merged = ana.act((from, "merge"), wish).await;
    let both = merged.json();
    assert_eq!((merged.status, &both["id"], &both["entries"]), (200, &json!(into), &json!(2)), "{}", merged.text);
    assert_eq!(both["merged"], json!([from]));
    assert_eq!(ana.get(from).await.json()["id"], json!(into), "the old id leads to it");

    let entries = desk.get(&ana.token, &format!("/api/v1/cases/{into}/entries")).await.json();
    let names: Vec<&str> =
        entries["items"].as_array().unwrap().iter().map(|entry| entry["entry"].as_str().unwrap()).collect();
    let old = ana.get(into).await.headers["etag"].clone();
    assert_eq!(ana.act((into, "moves"), json!({"to": "acknowledged", "why": "seen"})).await.status, 200);
    let wish = json!({"entries": [names[0]], "why": "two leaks after all"});
    assert_eq!(ana.act_at(&old, (into, "split"), wish.clone()).await.status, 412);
    for (entries, status) in [(json!([]), 409), (json!(names), 409), (json!(["c99"]), 409), (json!("c1"), 400)] {
        assert_eq!(ana.act((into, "split"), json!({"entries": entries, "why": "x"})).await.status, status);
    }
    let split = ana.act((into, "split"), wish).await;
    let fresh = split.json();
    assert_eq!((split.status, &fresh["entries"], &fresh["state"]), (201, &json!(1), &json!("acknowledged")));
    assert_eq!(ana.get(into).await.json()["entries"], 1);
    // Taking a split back is merging again.
    let back = ana.act((fresh["id"].as_str().unwrap(), "merge"), json!({"into": into, "why": "taken back"})).await;
    assert_eq!((back.status, &back.json()["entries"]), (200, &json!(2)), "{}", back.text);
}

#[tokio::test]
async fn who_may_not_judge_or_reveal_does_not_by_a_program_either() {
    let desk = Desk::open().await;
    let member = work(&desk, "mem", Role::Member, &[Grant::Read, Grant::Triage]).await;
    let case = new_cases(&desk, &member.token).await.remove(0);
    let before = member.get(&case).await.json();
    for (act, body) in [
        ("assignee", json!({"assignee": null})),
        ("silence", json!({"source": "forum.example", "why": "x"})),
        ("unsilence", json!({"why": "x"})),
        ("hold", json!({"why": "x"})),
        ("release", json!({"why": "x"})),
        ("second", json!({"asker": "ana"})),
        ("merge", json!({"into": case, "why": "x"})),
        ("split", json!({"entries": ["c1"], "why": "x"})),
        ("reveal", json!({"why": "x"})),
        ("warc", json!({"why": "x"})),
    ] {
        let answer = member.act((&case, act), body).await;
        assert_eq!(answer.status, 403, "{act}: {}", answer.text);
    }
    assert_eq!(member.get(&case).await.json(), before, "nothing was changed");
    assert_eq!(member.act((&case, "notes"), json!({"text": "we look"})).await.status, 201);
    let wanted = Wanted { label: "x", grants: vec![Grant::Reveal], days: 1 };
    assert!(tokens::make(&desk.store, ("mem", Role::Member), wanted, desk.clock.now()).await.is_err());
    // A token that is not for it does not reveal for an analyst.
    let ana = work(&desk, "ana", Role::Analyst, &[Grant::Read, Grant::Triage]).await;
    assert_eq!(ana.act((&case, "reveal"), json!({"why": "x"})).await.status, 403);
}

#[tokio::test]
async fn full_values_take_a_reason_and_a_second_person_where_that_is_set() {
    let desk = Desk::with(Options { takes_two: true, ..Options::default() }).await;
    let (ana, root) = (work(&desk, "ana", Role::Analyst, &WORK).await, work(&desk, "root", Role::Admin, &WORK).await);
    let case = new_cases(&desk, &ana.token).await.remove(0);
    assert_eq!(ana.act((&case, "reveal"), json!({"why": ""})).await.status, 422);
    assert_eq!(ana.act((&case, "reveal"), json!({"why": "compare"})).await.status, 409);
    assert_eq!(ana.get(&case).await.json()["pledges"][0]["what"], "reveal");
    assert_eq!(ana.act((&case, "second"), json!({"asker": "ana"})).await.status, 409, "not by who asked");
    assert_eq!(root.act((&case, "second"), json!({"asker": "nobody"})).await.status, 409);
    let agreed = root.act((&case, "second"), json!({"asker": "ana"})).await;
    assert_eq!(agreed.json()["pledges"][0]["seconded"]["who"], "root", "{}", agreed.text);
    let shown = ana.act((&case, "reveal"), json!({"why": "compare"})).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.json()["items"].is_array());
    assert_eq!(root.act((&case, "reveal"), json!({"why": "me too"})).await.status, 409, "consent is for who asked");
    assert!(ana.acts(&case).await.contains(&"revealed".to_owned()));
    assert_eq!(ana.act((&case, "moves"), json!({"to": "confirmed", "why": "ours"})).await.status, 409);
    assert_eq!(root.act((&case, "moves"), json!({"to": "confirmed", "why": "ours, too"})).await.status, 200);
}
