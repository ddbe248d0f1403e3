//! What the store promises about custody: signed heads, commitments, sealing anew, clocks that were ahead.

use std::collections::BTreeMap;

use dyepack::domain::evidence::head::Head;
use dyepack::domain::evidence::ledger::Kind;
use dyepack::ports::store::{HeadRow, OperatorWay, Reached};
use jiff::SignedDuration;

use super::*;

async fn head(store: &Store, day: &str, seconds: i64) -> HeadRow {
    let (number, hash) = store.ledger_head().await.unwrap();
    let head = Head {
        day: day.parse().unwrap(),
        signed_at: at(seconds),
        rows: u64::try_from(number).unwrap(),
        hash,
        counts: store.ledger_counts(number).await.unwrap(),
        previous: None,
        key: "00".repeat(32),
    };
    HeadRow {
        day: day.to_owned(),
        number,
        signed_at: at(seconds),
        document: head.text(),
        signature: "c2ln".to_owned(),
        public_key: "pem".to_owned(),
        stamp: None,
        stamp_due_at: Some(at(seconds)),
        stamp_attempts: 0,
        stamp_error: None,
    }
}

pub(super) async fn a_days_head_is_recorded_once_with_its_mails_and_its_stamp_follows(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let counts = store.ledger_counts(100).await.unwrap();
    assert_eq!(counts, BTreeMap::from([(Kind::Canaries, 1)]));
    let first = head(store, "2026-05-28", 10).await;
    let recipients = ["audit@example-bank.example".to_owned(), "operator@ours.example".to_owned()];
    assert!(store.record_head(&first, &recipients, at(10)).await.unwrap());
    let again = head(&subject.another().await, "2026-05-28", 20).await;
    assert!(!subject.another().await.record_head(&again, &recipients, at(20)).await.unwrap(), "one a day");
    let mut mails = Vec::new();
    while let Some(mail) = store.claim_operator_mail(OperatorWay::Mail, "w", LEASE, at(30)).await.unwrap() {
        assert!(mail.body.contains(&first.document), "{}", mail.body);
        store.operator_mail_sent(&mail, at(31)).await.unwrap();
        mails.push(mail.recipient);
    }
    mails.sort();
    assert_eq!(mails, recipients);
    assert_eq!(store.newest_head().await.unwrap(), Some(first.clone()));
    assert!(store.has_head("2026-05-28").await.unwrap() && !store.has_head("2026-05-29").await.unwrap());
    // Asked in vain, then answered; the first answer counts.
    assert_eq!(store.heads_to_stamp(at(10)).await.unwrap().len(), 1);
    store.stamp_failed("2026-05-28", "it is down", at(70)).await.unwrap();
    assert!(store.heads_to_stamp(at(60)).await.unwrap().is_empty());
    store.hurry_stamps(at(60)).await.unwrap();
    let due = store.heads_to_stamp(at(60)).await.unwrap().remove(0);
    assert_eq!((due.stamp_attempts, due.stamp_error.as_deref()), (1, Some("it is down")));
    for answer in [b"one", b"two"] {
        store.keep_stamp("2026-05-28", (answer, at(61)), at(62)).await.unwrap();
    }
    let kept = store.heads().await.unwrap().remove(0);
    assert_eq!((kept.stamp_due_at, kept.digest()), (None, first.digest()));
    assert_eq!(kept.stamp, Some((b"one".to_vec(), at(61))));
    let rows: Vec<(Kind, String)> =
        store.ledger_after(1).await.unwrap().into_iter().map(|row| (row.entry.kind, row.entry.subject)).collect();
    assert_eq!(rows, [(Kind::Head, "2026-05-28".to_owned()), (Kind::Stamp, "2026-05-28".to_owned())]);
    // One signed while no authority was known is stamped later.
    let second = HeadRow { stamp_due_at: None, ..head(store, "2026-05-29", 90).await };
    assert!(store.record_head(&second, &[], at(90)).await.unwrap());
    assert!(store.heads_to_stamp(at(99)).await.unwrap().is_empty());
    assert_eq!((store.want_stamps(at(99)).await.unwrap(), store.want_stamps(at(99)).await.unwrap()), (1, 0));
    assert_eq!(store.heads_to_stamp(at(99)).await.unwrap().len(), 1);
}

pub(super) async fn canaries_are_committed_to_when_new_or_changed_and_each_is_proved(subject: Subject) {
    let store = &subject.store;
    let mut watchlist = enrol(store).await;
    let roots = async || -> Vec<(String, String)> {
        let rows = store.ledger_after(0).await.unwrap().into_iter().map(|row| row.entry);
        rows.filter(|entry| entry.kind == Kind::Canaries).map(|entry| (entry.subject, entry.digest)).collect()
    };
    store.replace_watchlist(&watchlist, at(5)).await.unwrap();
    assert_eq!(roots().await.len(), 1, "nothing new, nothing to commit to");
    watchlist.canaries[2].fields.insert("email", "other@mail.example");
    watchlist.canaries.push(Canary { id: "c99".to_owned(), ..watchlist.canaries[0].clone() });
    store.replace_watchlist(&watchlist, at(9)).await.unwrap();
    let roots = roots().await;
    assert_eq!(
        roots.iter().map(|(subject, _)| subject.as_str()).collect::<Vec<_>>(),
        ["example-bank/1", "example-bank/2"]
    );
    assert_eq!(store.commitment_subjects().await.unwrap(), ["example-bank/1", "example-bank/2"]);
    for (number, (_, root)) in (1..).zip(&roots) {
        assert_eq!(store.committed_root("example-bank", number).await.unwrap().as_ref(), Some(root));
    }
    assert_eq!(store.committed_root("example-bank", 3).await.unwrap(), None);
    let wanted = ["c1", "c3", "c99", "none"].map(str::to_owned).into();
    let proofs = subject.another().await.canary_proofs(&bank(), &wanted).await.unwrap();
    let told: Vec<(&str, i64)> = proofs.iter().map(|proof| (proof.canary.as_str(), proof.commitment)).collect();
    assert_eq!(told, [("c1", 1), ("c3", 1), ("c3", 2), ("c99", 2)]);
    for proof in &proofs {
        let (_, root) = roots.iter().find(|(subject, _)| *subject == proof.subject()).unwrap();
        assert_eq!(proof.root, *root);
    }
    assert!(
        proofs[1].opening.entry.contains("c3@mail.example") && proofs[2].opening.entry.contains("other@mail.example")
    );
    let other = OrganizationId("example-insurer".to_owned());
    assert!(store.canary_proofs(&other, &["c1".to_owned()].into()).await.unwrap().is_empty());
}

pub(super) async fn everything_sealed_is_sealed_anew_and_reads_as_before(subject: Subject) {
    let seal = Seal::from_key(&KEY);
    let store = Store::open(&subject.url, seal.clone()).await.unwrap();
    let watchlist = enrol(&store).await;
    let source = forum(&store, "forum.example").await;
    for number in 0..260 {
        let page = thread_page("t1", &format!("p{number:03}"), if number == 7 { &["c1"] } else { &[] });
        crawl(&store, &source, (&format!("t1/{number}"), 10 + number), page).await;
    }
    assert_eq!(send_all(&store, 1_000).await, 1);
    let texts = async || -> Vec<String> {
        let posts = store.posts(&source).await.unwrap().into_iter();
        posts.map(|post| format!("{} {} {:?}", post.post, post.text.reveal(), post.listing)).collect()
    };
    let before = texts().await;
    assert!(seal.begin_rekey().unwrap());
    let (mut reached, mut changed) = (Reached::default(), 0);
    while let Some(step) = store.reseal_step(&mut reached).await.unwrap() {
        assert_eq!(step.broken, Vec::<String>::new());
        changed += step.changed;
    }
    // Posts and what they offer, canaries and their openings, the organization, the mail, the check of the key.
    assert!(changed > 2 * 260 + 2 * 9 + 3 - 1, "{changed}");
    let (mut reached, mut again) = (Reached::default(), 0);
    while let Some(step) = store.reseal_step(&mut reached).await.unwrap() {
        again += step.changed;
    }
    assert_eq!(again, 0, "a second pass finds nothing");
    seal.end_rekey().unwrap();
    assert_eq!(seal.forget_old_keys().unwrap(), 1);
    assert_eq!(before.len(), 260);
    assert_eq!(texts().await, before);
    assert_eq!(store.watchlist(&bank()).await.unwrap(), Some(watchlist.clone()));
    assert!(store.replace_watchlist(&watchlist, at(2_000)).await.unwrap().is_empty(), "digests are those of before");
    let alert = store.alerts(&AlertFilter::default()).await.unwrap().remove(0);
    assert!(store.frozen_digest(&alert.id).await.unwrap().is_some());
    let strange = Store::open(&subject.url, Seal::from_key(&KEY)).await.unwrap_err();
    assert!(matches!(strange, StoreError::OtherKey { .. }), "{strange}");
}

pub(super) async fn what_a_clock_that_was_ahead_planned_is_pulled_back(Subject { store, .. }: Subject) {
    const DAY: i64 = 86_400;
    enrol(&store).await;
    let source = forum(&store, "forum.example").await;
    // Read a hundred days ahead of time: links and alerts found then are due then.
    crawl(&store, &source, ("t1", 100 * DAY), thread_page("t1", "p1", &["c1"])).await;
    let found = ReadPage { links: vec![link("t2", LinkKind::Thread)], ..page() };
    crawl(&store, &source, ("t3", 100 * DAY + 1), found).await;
    assert!(store.claim(&request("w", 9), at(60)).await.unwrap().is_empty());
    assert_eq!(store.mend_clock(at(100 * DAY)).await.unwrap(), None, "not as long as it shows the same time");
    let by = store.mend_clock(at(60)).await.unwrap().unwrap();
    assert_eq!(by, SignedDuration::from_secs(100 * DAY + 1 - 60));
    let claims = store.claim(&request("w", 9), at(61)).await.unwrap();
    assert!(claims.iter().any(|claim| claim.link.key == "t2"), "{claims:?}");
    assert_eq!(claim_alerts(&store, 200).await.len(), 1);
    assert_eq!(store.mend_clock(at(62)).await.unwrap(), None, "once");
}
