//! The promises themselves, one function each; they know nothing of the database below.

pub(super) use super::console::{
    alerts_and_the_audit_log_come_in_pages_within_the_scope, cases_are_found_by_source_custodian_and_words,
    figures_count_what_is_there, pages_of_cases_go_through_all_once_in_order_within_the_scope,
    sources_and_organizations_are_outlined, titles_are_searched_in_every_script_and_follow_their_cases,
    what_a_case_holds_comes_in_pages_and_to_nobody_else, what_many_cases_share_finds_all_of_them_in_order,
};
pub(super) use super::custody::{
    a_days_head_is_recorded_once_with_its_mails_and_its_stamp_follows,
    canaries_are_committed_to_when_new_or_changed_and_each_is_proved,
    everything_sealed_is_sealed_anew_and_reads_as_before, what_a_clock_that_was_ahead_planned_is_pulled_back,
};
pub(super) use super::desk::{
    a_session_ends_when_it_is_told_to_idle_or_its_user_changes,
    a_silenced_entry_is_not_recorded_on_its_source_until_it_is_asked_for_again,
    guesses_wait_ever_longer_and_a_right_one_clears_them, nobody_overwrites_what_they_have_not_seen,
    users_log_in_with_what_was_given_to_them_and_nothing_else, what_is_left_at_a_case_stays_there_and_within_its_scope,
};
pub(super) use super::health::{
    a_network_that_is_down_gives_nothing_to_claim, an_alarm_is_mailed_once_when_it_comes_and_once_when_it_goes,
    each_way_to_the_operator_has_messages_of_its_own, the_last_drill_of_each_place_is_told,
    what_a_source_brings_is_counted_by_the_hour,
};
pub(super) use super::manners::{
    a_grown_thread_is_due_at_its_last_known_page, a_list_goes_on_to_its_next_page_while_its_last_row_is_news,
    a_new_reader_makes_refused_pages_due, a_session_is_kept_sealed_and_an_import_outweighs_a_worker,
    a_source_at_rest_gives_nothing_and_a_longer_rest_stays, a_source_keeps_its_settings_hours_and_budget,
    pages_matched_against_older_lists_are_recalled_oldest_first, robots_txt_is_kept_and_its_delay_paces_claims,
    what_is_gone_is_marked_and_what_is_skipped_is_no_failure,
};
use super::*;

pub(super) async fn fingerprint_files_come_and_go_with_their_watchlist(subject: Subject) {
    let store = &subject.store;
    let watchlist = enrol(store).await;
    let insurer = super::watchlist("example-insurer", &[("c1", &["X9"])]);
    let file = |organization: &Watchlist, kind, epoch, byte| Enrolment {
        label: Label {
            organization: organization.organization.id.clone(),
            kind,
            epoch: Epoch(epoch),
            key_id: KeyId([byte; 8]),
        },
        count: 4_000_000_000,
        checksum: Checksum([byte; 32]),
    };
    let own = [
        file(&watchlist, FingerprintKind::Pan, 1, 0xff),
        file(&watchlist, FingerprintKind::Pan, 2, 2),
        file(&watchlist, FingerprintKind::Ph3l4Nm, u32::MAX, 3),
    ];
    let other = file(&insurer, FingerprintKind::Email, 1, 4);
    store.enrol(&insurer, (std::slice::from_ref(&other), &[]), at(1)).await.unwrap();
    let revision = store.watchlist_revision().await.unwrap();
    let change = store.enrol(&watchlist, (&own, &[]), at(1)).await.unwrap();
    assert_eq!(change.fingerprints.added, ["pan, epoch 1", "pan, epoch 2", "ph3l4|nm, epoch 4294967295"]);
    assert_eq!(change.revision, revision + 1);
    let all = |own: &[Enrolment]| own.iter().chain([&other]).cloned().collect::<Vec<_>>();
    assert_eq!(store.fingerprint_files().await.unwrap(), all(&own));
    assert!(store.enrol(&watchlist, (&own, &[]), at(2)).await.unwrap().is_empty());
    assert!(store.replace_watchlist(&watchlist, at(2)).await.unwrap().is_empty(), "fingerprints stay");
    let newer = [file(&watchlist, FingerprintKind::Pan, 2, 9)];
    let change = store.enrol(&watchlist, (&newer, &[]), at(3)).await.unwrap();
    assert_eq!((change.fingerprints.changed.len(), change.fingerprints.removed.len()), (1, 2));
    assert_eq!(change.revision, revision + 2);
    assert_eq!(subject.another().await.fingerprint_files().await.unwrap(), all(&newer));
}

pub(super) async fn a_watchlist_comes_back_as_it_was_imported(subject: Subject) {
    let store = &subject.store;
    assert_eq!(store.watchlist(&bank()).await.unwrap(), None);
    let watchlist = enrol(store).await;
    assert_eq!(store.watchlist(&bank()).await.unwrap(), Some(watchlist.clone()));
    assert_eq!(store.watchlists().await.unwrap(), std::slice::from_ref(&watchlist));
    assert_eq!(subject.another().await.watchlists().await.unwrap(), [watchlist]);
    let confirmed = store.confirmed_contacts(&bank()).await.unwrap();
    assert_eq!(confirmed, [contact("soc@example-bank.example")]);
    let error = store.confirm_contact(&bank(), "nobody@else.example", "x", at(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::NoSuchContact { .. }), "{error}");
}

pub(super) async fn importing_twice_changes_nothing_and_an_edit_is_told(subject: Subject) {
    let store = &subject.store;
    let mut watchlist = enrol(store).await;
    let revision = store.watchlist_revision().await.unwrap();
    let again = store.replace_watchlist(&watchlist, at(1)).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
    assert_eq!((again.revision, store.watchlist_revision().await.unwrap()), (revision, revision));

    watchlist.canaries.remove(0);
    watchlist.canaries[0].fields.insert("phone", "+100");
    watchlist.canaries.push(Canary { id: "d1".to_owned(), ..watchlist.canaries[1].clone() });
    watchlist.organization.contacts.push(contact("dpo@example-bank.example"));
    watchlist.deliveries.push(delivery("2026-1", Deal::parse("pan-1:00112233445566778899aabbccddeeff")));
    let edit = store.replace_watchlist(&watchlist, at(2)).await.unwrap();
    assert!(!edit.is_new && edit.is_organization_changed);
    assert_eq!((edit.canaries.added, edit.canaries.changed), (vec!["d1".to_owned()], vec!["c2".to_owned()]));
    assert_eq!((edit.canaries.removed, edit.deliveries.added), (vec!["c1".to_owned()], vec!["2026-1".to_owned()]));
    assert_eq!(edit.contacts.added, ["dpo@example-bank.example"]);
    assert!(edit.revision > revision);
    assert_eq!(store.watchlist(&bank()).await.unwrap(), Some(watchlist));
    assert_eq!(store.confirmed_contacts(&bank()).await.unwrap().len(), 1, "a new contact is not confirmed by itself");
}

pub(super) async fn one_organizations_list_never_touches_anothers(subject: Subject) {
    let store = &subject.store;
    let bank = enrol(store).await;
    let insurer = watchlist("example-insurer", &[("c1", &["X9"])]);
    store.replace_watchlist(&insurer, at(1)).await.unwrap();
    assert_eq!(store.watchlists().await.unwrap(), [bank.clone(), insurer.clone()]);
    store.replace_watchlist(&watchlist("example-insurer", &[]), at(2)).await.unwrap();
    assert_eq!(store.watchlist(&bank.organization.id).await.unwrap(), Some(bank));

    let forum = forum(store, "forum.example").await;
    store.replace_watchlist(&insurer, at(3)).await.unwrap();
    let mut page = thread_page("t1", "p1", &["c1"]);
    let mut other = seen("c1", "t1", "p1");
    other.hit.organization = insurer.organization.id.clone();
    page.hits.push(other);
    let recorded = crawl(store, &forum, ("t1", 10), page).await;
    assert_eq!((recorded.hits, recorded.cases, recorded.alerts), (2, 2, 2), "one place, two tenants, two cases");
    let only = |id: &OrganizationId| CaseFilter { organization: Some(id.clone()), state: None };
    let own = store.cases(&only(&insurer.organization.id)).await.unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].holders, [("X9".to_owned(), 1)]);
    let filter = HitFilter { organization: Some(insurer.organization.id.clone()), ..HitFilter::default() };
    let hits = store.hits(&filter).await.unwrap();
    assert!(hits.len() == 1 && hits[0].organization == "example-insurer");
    let detail = store.case(&own[0].id).await.unwrap().unwrap();
    assert_eq!((detail.organization_name.as_str(), detail.sightings[0].entries), ("The example-insurer", 1));
    let filter = AlertFilter { organization: Some(insurer.organization.id) };
    assert_eq!(store.alerts(&filter).await.unwrap().len(), 1);
}

pub(super) async fn two_workers_never_claim_the_same_url(subject: Subject) {
    let store = &subject.store;
    let source = forum(store, "forum.example").await;
    let start = store.claim(&request("w", 1), at(1)).await.unwrap().remove(0);
    let links = (0..200).map(|number| link(&format!("t{number:03}"), LinkKind::Thread)).collect();
    let recorded = store.record(&visit(start, at(1), ReadPage { links, ..page() }), &SETTLE).await.unwrap();
    assert_eq!(recorded.links, 200);
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..4 {
        let (store, source) = (subject.another().await, source.clone());
        workers.spawn(async move {
            let mut keys = Vec::new();
            while keys.len() < 200 {
                let own = ClaimRequest {
                    source: Some(source.clone()),
                    without: Vec::new(),
                    ..request(&format!("w{number}"), 7)
                };
                let claims = store.claim(&own, at(2)).await.unwrap();
                if claims.is_empty() && store.next_due(None, &[]).await.unwrap().is_none_or(|next| next > at(2)) {
                    break;
                }
                for claim in claims {
                    keys.push(claim.link.key.clone());
                    store.record(&visit(claim, at(2), page()), &SETTLE).await.unwrap();
                }
            }
            keys
        });
    }
    let mut keys: Vec<String> = workers.join_all().await.into_iter().flatten().collect();
    let claimed = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!((claimed, keys.len()), (200, 200), "each once, and none forgotten");
}

pub(super) async fn a_lease_that_ran_out_is_claimed_again_and_its_visit_refused(subject: Subject) {
    let store = &subject.store;
    forum(store, "forum.example").await;
    let first = store.claim(&request("w1", 5), at(1)).await.unwrap().remove(0);
    assert!(store.claim(&request("w2", 5), at(2)).await.unwrap().is_empty());
    assert_eq!(store.renew(std::slice::from_ref(&first), LEASE, at(50)).await.unwrap(), 1);
    assert!(store.claim(&request("w2", 5), at(130)).await.unwrap().is_empty(), "the lease was renewed");
    let second = store.claim(&request("w2", 5), at(171)).await.unwrap().remove(0);
    assert_eq!(second.link.key, first.link.key);
    assert_eq!(store.renew(std::slice::from_ref(&first), LEASE, at(172)).await.unwrap(), 0);
    let late = store.record(&visit(first, at(172), thread_page("t", "p", &[])), &SETTLE).await;
    assert!(matches!(late, Err(StoreError::LostLease)), "{late:?}");
    assert!(store.posts(&SourceId("forum.example".to_owned())).await.unwrap().is_empty());
    store.record(&visit(second, at(173), page()), &SETTLE).await.unwrap();
}

pub(super) async fn a_visit_recorded_twice_changes_nothing(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    let claim = claim_key(store, &source, ("t1", 5)).await;
    let visit = visit(claim, at(5), thread_page("t1", "p1", &["c1"]));
    let recorded = store.record(&visit, &SETTLE).await.unwrap();
    assert_eq!((recorded.posts, recorded.hits, recorded.cases, recorded.alerts), (1, 1, 1, 1));
    assert!(matches!(store.record(&visit, &SETTLE).await, Err(StoreError::LostLease)));
    assert_eq!(store.hits(&HitFilter::default()).await.unwrap().len(), 1);
    assert_eq!(alert_states(store).await.len(), 1);
}

pub(super) async fn sources_take_turns_and_keep_their_pace_and_slots(subject: Subject) {
    let store = &subject.store;
    for (host, pace, concurrency) in [("a.example", 0, 3), ("b.example", 0, 3), ("slow.example", 10, 3)] {
        let mut source = Source::from_url(&format!("https://{host}/")).unwrap();
        source.pace = Duration::from_secs(pace);
        source.concurrency = concurrency;
        store.add_source(&source, at(0)).await.unwrap();
    }
    for start in store.claim(&request("w", 10), at(1)).await.unwrap() {
        let links = (0..20).map(|number| link(&format!("t{number:02}"), LinkKind::Thread));
        let links = links.chain([link("b", LinkKind::Board)]).collect();
        store.record(&visit(start, at(1), ReadPage { links, ..page() }), &SETTLE).await.unwrap();
    }
    let by_source = |claims: &[Claim], host: &str| claims.iter().filter(|claim| claim.source.0 == host).count();
    let claims = store.claim(&request("w", 4), at(2)).await.unwrap();
    assert_eq!((by_source(&claims, "a.example"), by_source(&claims, "b.example")), (2, 2), "a fair share each");
    assert_eq!(by_source(&claims, "slow.example"), 0, "its pace allows the next request ten seconds after the first");
    assert_eq!(claims.iter().filter(|claim| claim.link.kind == LinkKind::Board).count(), 2, "boards go first");
    let more = store.claim(&request("w", 10), at(3)).await.unwrap();
    assert_eq!((by_source(&more, "a.example"), by_source(&more, "b.example")), (1, 1), "three slots each");
    assert!(store.claim(&request("w", 10), at(4)).await.unwrap().is_empty());
    let slow = store.claim(&request("w", 10), at(11)).await.unwrap();
    assert_eq!((slow.len(), by_source(&slow, "slow.example")), (1, 1));
    store.release(&claims[..1]).await.unwrap();
    assert_eq!(store.claim(&request("w", 10), at(12)).await.unwrap().len(), 1, "a released slot is free at once");
}

pub(super) async fn a_changed_mark_and_a_moved_attachment_are_noticed(subject: Subject) {
    let store = &subject.store;
    let source = forum(store, "forum.example").await;
    let marked = |mark: &str| Link { mark: Some(mark.to_owned()), ..link("t1", LinkKind::Thread) };
    let signed = |sign: &str| Link {
        url: url(&format!("a?sign={sign}")),
        post: Some("p1".to_owned()),
        name: Some("dump.zip".to_owned()),
        ..link("attachment/1", LinkKind::Attachment)
    };
    let start = store.claim(&request("w", 1), at(1)).await.unwrap().remove(0);
    let first = ReadPage { links: vec![marked("3|x"), signed("one")], posts: vec![post("t1", "p1", 0.0)], ..page() };
    let again = Visit { due_again: Some(at(5)), due_again_if_new: Some(at(2)), ..visit(start, at(1), first) };
    store.record(&again, &SETTLE).await.unwrap();

    let claims = store.claim(&request("w", 9), at(2)).await.unwrap();
    assert_eq!(claims.len(), 3, "what is new is due, and the start page sooner for it");
    let attachment = claims.iter().find(|claim| claim.link.kind == LinkKind::Attachment).unwrap();
    assert_eq!(attachment.link.name.as_deref(), Some("dump.zip"));
    assert_eq!((attachment.link.post.as_deref(), attachment.thread.as_deref()), (Some("p1"), Some("t1")));
    for claim in &claims {
        let links = if claim.link.kind == LinkKind::Index { vec![marked("3|x"), signed("two")] } else { Vec::new() };
        let again = visit(claim.clone(), at(2), ReadPage { links, ..page() });
        let due_again = (claim.link.kind == LinkKind::Index).then(|| at(10));
        store.record(&Visit { due_again, ..again }, &SETTLE).await.unwrap();
    }
    let claims = store.claim(&request("w", 9), at(10)).await.unwrap();
    assert_eq!(claims.len(), 1, "nothing changed but an address: only the start page is due");
    assert_eq!(claims[0].interval, Some(Duration::from_secs(8)));
    let changed = visit(claims[0].clone(), at(10), ReadPage { links: vec![marked("4|y")], ..page() });
    store.record(&changed, &SETTLE).await.unwrap();
    let claims = store.claim(&request("w", 9), at(10)).await.unwrap();
    assert_eq!(claims.iter().map(|claim| claim.link.key.as_str()).collect::<Vec<_>>(), ["t1"]);
    assert_eq!(claims[0].link.mark.as_deref(), Some("4|y"));
    assert_eq!(store.sources(at(10)).await.unwrap()[0].urls, 3);
    assert_eq!(source, claims[0].source);
}

pub(super) async fn failures_count_and_a_success_forgets_them(subject: Subject) {
    let store = &subject.store;
    forum(store, "forum.example").await;
    for expected in 0..3 {
        let claim = store.claim(&request("w", 1), at(expected)).await.unwrap().remove(0);
        assert_eq!(i64::from(claim.attempts), expected);
        let outcome = Outcome::Failed { class: "http-503".to_owned(), detail: "busy".to_owned() };
        let again = Visit { due_again: Some(at(expected + 1)), outcome, ..visit(claim, at(expected), page()) };
        store.record(&again, &SETTLE).await.unwrap();
    }
    let row = store.sources(at(3)).await.unwrap().remove(0);
    assert_eq!((row.last_failure.as_deref(), row.last_failure_at), (Some("http-503: busy"), Some(at(2))));
    let claim = store.claim(&request("w", 1), at(3)).await.unwrap().remove(0);
    let read = ReadPage { etag: Some("\"e\"".to_owned()), ..page() };
    let again = Visit { due_again: Some(at(4)), ..visit(claim, at(3), read) };
    store.record(&again, &SETTLE).await.unwrap();
    let claim = store.claim(&request("w", 1), at(4)).await.unwrap().remove(0);
    assert_eq!((claim.attempts, claim.etag.as_deref(), claim.body_digest.as_deref()), (0, Some("\"e\""), Some("d1")));
    let again = Visit { outcome: Outcome::Unchanged, due_again: Some(at(9)), ..visit(claim, at(4), page()) };
    store.record(&again, &SETTLE).await.unwrap();
    let claim = store.claim(&request("w", 1), at(9)).await.unwrap().remove(0);
    assert_eq!(claim.etag.as_deref(), Some("\"e\""), "an unchanged page keeps its validators");
    assert_eq!(store.sources(at(9)).await.unwrap()[0].engine.as_deref(), Some("mybb"));
}

pub(super) async fn next_due_tells_when_to_look_again(subject: Subject) {
    let store = &subject.store;
    assert_eq!(store.next_due(None, &[]).await.unwrap(), None);
    let mut source = Source::from_url("https://forum.example/").unwrap();
    source.pace = Duration::from_secs(30);
    store.add_source(&source, at(0)).await.unwrap();
    let source = source.id;
    assert_eq!(store.next_due(None, &[]).await.unwrap(), Some(at(0)));
    let claim = store.claim(&request("w", 1), at(1)).await.unwrap().remove(0);
    assert_eq!(store.next_due(Some(&source), &[]).await.unwrap(), Some(at(121)), "when the lease runs out");
    let links = vec![link("t1", LinkKind::Thread)];
    let again = Visit { due_again_if_new: Some(at(500)), ..visit(claim, at(2), ReadPage { links, ..page() }) };
    store.record(&again, &SETTLE).await.unwrap();
    assert_eq!(store.next_due(None, &[]).await.unwrap(), Some(at(31)), "when the pace allows the new thread");
    assert!(store.claim(&request("w", 9), at(30)).await.unwrap().is_empty());
    let claim = store.claim(&request("w", 9), at(31)).await.unwrap().remove(0);
    store.record(&visit(claim, at(31), page()), &SETTLE).await.unwrap();
    assert!(store.claim(&request("w", 9), at(100)).await.unwrap().is_empty());
    assert_eq!(store.next_due(Some(&source), &[]).await.unwrap(), Some(at(500)));
    let claim = store.claim(&request("w", 9), at(500)).await.unwrap().remove(0);
    store.record(&visit(claim, at(500), page()), &SETTLE).await.unwrap();
    assert!(store.claim(&request("w", 9), at(9999)).await.unwrap().is_empty());
    assert_eq!(store.next_due(None, &[]).await.unwrap(), None, "nothing is ever due again");
}

pub(super) async fn posts_and_hits_come_back_and_a_re_crawl_adds_nothing(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    let read = ReadPage { posts: vec![post("t1", "p1", 0.9)], ..thread_page("t1", "p1", &["c1", "c2"]) };
    let recorded = crawl(store, &source, ("t1", 5), read.clone()).await;
    assert_eq!((recorded.posts, recorded.hits, recorded.cases, recorded.alerts), (1, 2, 1, 1));
    let posts = store.posts(&source).await.unwrap();
    assert_eq!((posts.len(), posts[0].text.reveal().as_str()), (1, "text of p1"));
    assert_eq!((posts[0].thread_title.as_deref(), posts[0].posted_at), (Some("thread t1"), Some(at(-1000))));
    let hits = store.hits(&HitFilter::default()).await.unwrap();
    assert_eq!((hits.len(), hits[0].author.as_deref(), hits[0].start, hits[0].end), (2, Some("mallory"), 10, 20));
    assert_eq!((hits[0].steps.as_slice(), hits[0].seen_at), (["html".to_owned()].as_slice(), at(5)));
    let case = store.case(&hits[0].case).await.unwrap().unwrap();
    assert_eq!((case.row.entries, case.row.hits, case.row.offer, case.row.state), (2, 2, true, State::New));
    assert_eq!((case.row.first_posted_at, case.row.first_matched_at), (Some(at(-1000)), at(5)));
    assert_eq!((case.row.holders.as_slice(), case.language), ([("H01".to_owned(), 2)].as_slice(), Language::Zh));
    assert_eq!((case.sightings.len(), case.sightings[0].entries, case.sightings[0].offer), (1, 2, true));
    assert_eq!(case.leaked[0].fields, [("email".to_owned(), "c***@mail.example".to_owned())]);
    assert_eq!((case.moves.len(), case.alerts.len()), (1, 1));

    let mut moved = read;
    for seen in &mut moved.hits {
        seen.hit.span = ByteSpan::new(110, 120);
    }
    moved.posts[0].text = Secret::new("edited".to_owned());
    let recorded = crawl(store, &source, ("t1", 99), moved).await;
    assert_eq!((recorded.posts, recorded.hits, recorded.cases, recorded.alerts), (0, 0, 0, 0));
    assert_eq!(store.posts(&source).await.unwrap()[0].text.reveal(), "edited");
    assert_eq!(store.hits(&HitFilter::default()).await.unwrap(), hits, "an edit that moves a value finds nothing new");
}

pub(super) async fn hits_of_an_attachment_belong_to_its_post(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    let mut read = thread_page("t1", "p1", &[]);
    read.posts[0].listing.sale = 0.9;
    for key in ["attachment/1", "attachment/2"] {
        let carried =
            Link { post: Some("p1".to_owned()), name: Some("dump.csv".to_owned()), ..link(key, LinkKind::Attachment) };
        read.links.push(carried);
    }
    crawl(store, &source, ("t1", 5), read).await;
    for (key, seconds) in [("attachment/1", 6), ("attachment/2", 7)] {
        let claim = claim_key(store, &source, (key, seconds)).await;
        let found = HitSeen {
            hit: hit("c3", "email"),
            url: claim.link.url.clone(),
            thread: claim.thread.clone(),
            post: claim.link.post.clone(),
            attachment: claim.link.name.clone(),
        };
        let read = ReadPage { hits: vec![found], engine: None, page: None, ..page() };
        assert_eq!(store.record(&visit(claim, at(seconds), read), &SETTLE).await.unwrap().hits, 1);
    }
    let case = store.case(&cases(store).await[0]).await.unwrap().unwrap();
    assert!(case.row.offer, "the post that carries it offers it");
    assert_eq!(
        (case.row.hits, case.row.entries, case.sightings.len()),
        (2, 1, 2),
        "two files of one name are two places"
    );
    assert_eq!(case.sightings[0].attachment.as_deref(), Some("dump.csv"));
    assert_eq!((case.sightings[0].author.as_deref(), case.sightings[0].entries), (Some("mallory"), 1));
}

pub(super) async fn a_quote_joins_the_case_and_a_tie_merges_two(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1/p1", 5), thread_page("t1", "p1", &["c1"])).await;
    let quote = crawl(store, &source, ("t2/p2", 6), thread_page("t2", "p2", &["c1"])).await;
    assert_eq!((quote.hits, quote.cases, quote.alerts), (1, 0, 0));
    crawl(store, &source, ("t3/p3", 7), thread_page("t3", "p3", &["c2"])).await;
    let apart = cases(store).await;
    assert_eq!(apart.len(), 2);
    let tie = crawl(store, &source, ("t3/p4", 8), thread_page("t3", "p4", &["c1"])).await;
    assert_eq!((tie.hits, tie.cases, tie.alerts), (1, 0, 0), "the older case's waiting alert will tell");
    let left = cases(store).await;
    let older = &apart[1];
    assert_eq!(&left, std::slice::from_ref(older), "the older case stays");
    let merged = store.case(&apart[0].to_lowercase()).await.unwrap().unwrap();
    assert_eq!((&merged.row.id, merged.merged.as_slice()), (older, &apart[..1]));
    assert_eq!((merged.row.hits, merged.row.entries, merged.sightings.len()), (4, 2, 4));
    assert!(merged.moves.iter().any(|step| step.to == "merged" && step.case == apart[0]));
    assert_eq!(
        alert_states(store).await,
        [(AlertState::Queued, AlertReason::Opened), (AlertState::Dropped, AlertReason::Opened)]
    );
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Whole { rows: 3 });
}

pub(super) async fn the_verdict_of_a_case_grows_with_what_is_seen(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    let counted = |tested, hit| Rates {
        organization: bank(),
        kinds: [("phone".to_owned(), Rows { tested, hit })].into(),
        canary_rows: 0,
        canary_bits: 0,
        rows: tested,
    };
    let verdict = async || {
        let case = store.case(&cases(store).await[0]).await.unwrap().unwrap();
        let verdict = case.verdict.map(|verdict| (verdict.verdict, verdict.rows_tested, verdict.rows_hit));
        (verdict, case.revision)
    };
    crawl(store, &source, ("t1/p1", 5), thread_page("t1", "p1", &["c1"])).await;
    assert_eq!(verdict().await.0, None);
    let page = ReadPage { rates: vec![counted(2, 2)], ..thread_page("t1", "p1", &["c1"]) };
    crawl(store, &source, ("t1/p1", 6), page).await;
    let (first, revision) = verdict().await;
    assert_eq!(first, Some((Ownership::Unknown, 2, 2)));
    let more =
        ReadPage { rates: vec![counted(20, 18)], body_digest: "d2@1".to_owned(), ..thread_page("t1", "p2", &["c2"]) };
    crawl(store, &source, ("t1/p2", 7), more.clone()).await;
    let (second, grown) = verdict().await;
    assert_eq!(second, Some((Ownership::Ours, 22, 20)));
    assert!(grown > revision, "a mail with the old verdict must not be frozen");
    crawl(store, &source, ("t1/p3", 8), ReadPage { hits: Vec::new(), ..more.clone() }).await;
    assert_eq!(verdict().await.0, second, "a copy of a file proves nothing more");
    let foreign =
        ReadPage { rates: vec![counted(4000, 280)], body_digest: "d3@1".to_owned(), hits: Vec::new(), ..more };
    crawl(store, &source, ("t1/p3", 9), foreign).await;
    assert_eq!(verdict().await.0, Some((Ownership::NotOurs, 4022, 300)), "rows that are not ours count as well");
}

pub(super) async fn alerts_settle_freeze_and_are_sent_once(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1", 5), thread_page("t1", "p1", &["c1"])).await;
    assert!(claim_alerts(store, 64).await.is_empty(), "it settles");
    assert_eq!(
        (store.pending_alerts(at(9_999_999)).await.unwrap(), store.next_alert_due().await.unwrap()),
        (1, Some(at(65)))
    );
    store.hurry_alerts(at(10)).await.unwrap();
    let claim = claim_alerts(store, 10).await.remove(0);
    assert_eq!((claim.contact.as_str(), claim.language), ("soc@example-bank.example", Language::Zh));
    assert_eq!((claim.reason, claim.attempts, &claim.frozen), (AlertReason::Opened, 0, &None));
    assert!(claim_alerts(&subject.another().await, 11).await.is_empty(), "it is leased");
    store.freeze_alert(&claim, &[], "内容".as_bytes(), at(11)).await.unwrap();
    assert!(store.freeze_alert(&claim, &[], b"other", at(11)).await.is_err(), "frozen once");

    let claim = claim_alerts(store, 500).await.remove(0);
    assert_eq!(claim.frozen.as_deref(), Some("内容".as_bytes()), "the lease ran out, the content stays");
    store.alert_failed(&claim, ("451 try later", "answer-4xx"), Some(at(600))).await.unwrap();
    assert!(claim_alerts(store, 599).await.is_empty());
    store.hurry_alerts(at(599)).await.unwrap();
    assert!(claim_alerts(store, 599).await.is_empty(), "a retry keeps its time");
    let last = claim_alerts(store, 600).await.remove(0);
    assert_eq!((last.attempts, &last.message_id, &last.frozen), (1, &claim.message_id, &claim.frozen));
    store.alert_sent(&last, at(601)).await.unwrap();
    assert!(claim_alerts(store, 9999).await.is_empty());
    let row = store.alerts(&AlertFilter::default()).await.unwrap().remove(0);
    assert_eq!(
        (row.state, row.sent_at, store.pending_alerts(at(9_999_999)).await.unwrap()),
        (AlertState::Sent, Some(at(601)), 0)
    );
    assert_eq!(store.case(&row.case).await.unwrap().unwrap().row.first_mailed_at, Some(at(601)));

    crawl(store, &source, ("t2", 700), thread_page("t2", "p2", &["c5"])).await;
    let claim = claim_alerts(store, 800).await.remove(0);
    store.alert_failed(&claim, ("550 no such user", "answer-5xx"), None).await.unwrap();
    assert_eq!(store.alerts(&AlertFilter::default()).await.unwrap()[0].state, AlertState::Dead);
}

pub(super) async fn a_mail_rendered_before_news_is_not_frozen(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1/p1", 5), thread_page("t1", "p1", &["c1"])).await;
    let claim = claim_alerts(store, 100).await.remove(0);
    let news = crawl(store, &source, ("t1/p2", 101), thread_page("t1", "p2", &["c2"])).await;
    assert_eq!(news.alerts, 0, "the alert at hand is not rendered yet, and will tell");
    let stale = store.freeze_alert(&claim, &[], b"without c2", at(102)).await;
    assert!(matches!(stale, Err(StoreError::LostLease)), "{stale:?}");
    let claim = claim_alerts(store, 102).await.remove(0);
    store.freeze_alert(&claim, &[], b"with c2", at(102)).await.unwrap();
    let news = crawl(store, &source, ("t1/p3", 103), thread_page("t1", "p3", &["c3"])).await;
    assert_eq!(news.alerts, 1, "it is rendered now: a second mail will tell");
    store.alert_sent(&claim, at(104)).await.unwrap();
    let next = claim_alerts(store, 200).await.remove(0);
    assert_eq!((next.reason, next.thread_root.as_ref()), (AlertReason::NewEntries, Some(&claim.message_id)));
    assert_ne!(next.message_id, claim.message_id);
}

pub(super) async fn a_follow_up_waits_for_the_mail_before_it(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1/p1", 5), thread_page("t1", "p1", &["c1"])).await;
    let first = claim_alerts(store, 100).await.remove(0);
    store.freeze_alert(&first, &[], b"with c1", at(100)).await.unwrap();
    store.alert_failed(&first, ("451 try later", "answer-4xx"), Some(at(900))).await.unwrap();
    let news = crawl(store, &source, ("t1/p2", 101), thread_page("t1", "p2", &["c2"])).await;
    assert_eq!(news.alerts, 1);
    assert!(claim_alerts(store, 800).await.is_empty(), "the follow-up is due, the first mail is not");
    assert_eq!(store.next_alert_due().await.unwrap(), Some(at(900)));
    let again = claim_alerts(store, 900).await;
    assert_eq!(again.iter().map(|claim| &claim.id).collect::<Vec<_>>(), [&first.id]);
    store.alert_sent(&again[0], at(901)).await.unwrap();
    assert_eq!(claim_alerts(store, 901).await.remove(0).thread_root, Some(first.message_id));
}

pub(super) async fn follow_ups_are_made_for_news_only(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    let mirror = forum(store, "mirror.example").await;
    crawl(store, &source, ("t1/p1", 5), thread_page("t1", "p1", &["c1"])).await;
    assert_eq!(send_all(store, 100).await, 1);
    let quote = crawl(store, &source, ("t1/p2", 101), thread_page("t1", "p2", &["c1"])).await;
    assert_eq!((quote.hits, quote.alerts), (1, 0), "a quote is no news");
    let mut offer = thread_page("t1", "p2", &["c1"]);
    offer.posts[0].listing.sale = 0.8;
    let offered = crawl(store, &source, ("t1/p2", 102), offer).await;
    assert_eq!((offered.hits, offered.alerts), (0, 1), "the post was edited into an offer");
    assert_eq!(send_all(store, 300).await, 1);
    let mirrored = crawl(store, &mirror, ("t1/p1", 301), thread_page("t9", "p1", &["c1"])).await;
    assert_eq!((mirrored.hits, mirrored.cases, mirrored.alerts), (1, 0, 1));
    let more = crawl(store, &mirror, ("t1/p2", 302), thread_page("t9", "p2", &["c2"])).await;
    assert_eq!((more.hits, more.alerts), (1, 0), "one waits already and will tell of both");
    assert_eq!(send_all(store, 500).await, 1);
    let reasons: Vec<AlertReason> = alert_states(store).await.into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, [AlertReason::Opened, AlertReason::FirstOffer, AlertReason::NewSource]);
}

pub(super) async fn a_case_is_weighed_when_it_changes_and_keeps_the_rule_that_fired(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1/p1", 5), thread_page("t1", "p1", &["c1"])).await;
    let assessment = async || {
        let case = store.cases(&CaseFilter::default()).await.unwrap().pop().unwrap();
        case.severity.map(|weighed| (weighed.severity.as_str(), weighed.rule, weighed.facts)).unwrap()
    };
    let (level, rule, facts) = assessment().await;
    assert_eq!((level, rule.as_str(), facts.entries, facts.strength), ("medium", "sure-match", 1, 40));
    let mut offer = thread_page("t1", "p1", &["c1"]);
    offer.posts[0].listing = listing::read(&Written::new(
        "Selling bank customer database",
        "120k rows, fresh, never sold before. Price 900$, tg @grey_heron7",
    ));
    assert!(offer.posts[0].listing.is_offer());
    crawl(store, &source, ("t1/p1", 6), offer).await;
    let (level, rule, facts) = assessment().await;
    assert_eq!((level, rule.as_str(), facts.volume, facts.fresh), ("critical", "fresh-offer", 120_000, true));
}

/// An offer in a post of its own thread, by an author, with a contact.
fn offer_page(thread: &str, author: &str, contact: &str, entries: &[&str]) -> ReadPage {
    let mut page = thread_page(thread, "p1", entries);
    let text = format!("20k rows, name, phone, card. Price 500$, escrow ok, telegram @{contact}");
    let title = "Selling customer database of a bank";
    page.posts[0].listing = listing::read(&Written::new(title, &text));
    page.threads[0].title = Some(title.to_owned());
    page.posts[0].text = Secret::new(text);
    assert!(page.posts[0].listing.is_offer());
    page.posts[0].author = Some(author.to_owned());
    page
}

pub(super) async fn a_seller_is_known_again_by_contact_and_handle_but_no_tenant_learns_of_anothers_case(
    subject: Subject,
) {
    let store = &subject.store;
    enrol(store).await;
    let rival = watchlist("other-bank", &[("r1", &["H01"])]);
    store.replace_watchlist(&rival, at(0)).await.unwrap();
    let source = forum(store, "forum.example").await;
    let market = forum(store, "market.example").await;
    // The same contact under another name on another site, that name again with another contact, and somebody else.
    crawl(store, &source, ("t1/p1", 5), offer_page("t1", "grey_heron", "heron_sells", &["c1"])).await;
    crawl(store, &market, ("t2/p1", 6), offer_page("t2", "marsh_bird", "heron_sells", &[])).await;
    let mut theirs = offer_page("t3", "marsh_bird", "marsh_calls", &[]);
    theirs.hits = vec![HitSeen {
        hit: Hit { organization: OrganizationId("other-bank".to_owned()), ..hit("r1", "email") },
        ..seen("r1", "t3", "p1")
    }];
    crawl(store, &market, ("t3/p1", 7), theirs).await;
    crawl(store, &market, ("t4/p1", 8), offer_page("t4", "somebody_else", "other_calls", &[])).await;
    let case = store.cases(&CaseFilter { organization: Some(bank()), state: None }).await.unwrap().pop().unwrap();
    let detail = store.case(&case.id).await.unwrap().unwrap();
    let seller = detail.seller.clone().unwrap();
    let before: Vec<(&str, u64)> =
        seller.before.iter().map(|before| (before.source.as_str(), before.listings)).collect();
    assert_eq!(before, [("market.example", 2)], "{seller:?}");
    assert_eq!(seller.own_cases, Vec::<String>::new(), "the other bank's case is not told");
    assert!(seller.marks.iter().any(|mark| mark.kind == "telegram" && mark.short == "@he…ls"), "{seller:?}");
    let told = serde_json::to_string(&detail).unwrap();
    assert!(!told.contains("heron_sells") && !told.contains("marsh_bird") && !told.contains("other-bank"), "{told}");
    // A second leak of the same bank by the same seller names the first case.
    crawl(store, &source, ("t5/p1", 9), offer_page("t5", "grey_heron", "heron_sells", &["c7"])).await;
    let cases = store.cases(&CaseFilter { organization: Some(bank()), state: None }).await.unwrap();
    assert_eq!(cases.len(), 2);
    let younger = cases.iter().find(|other| other.id != case.id).unwrap();
    let seller = store.case(&younger.id).await.unwrap().unwrap().seller.unwrap();
    assert_eq!(seller.own_cases, std::slice::from_ref(&case.id));
}

/// What an earlier version, which knew neither marks nor severities, would have left.
async fn forget_marks_and_severities(url: &str) {
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    let statements = "DELETE FROM seller_mark; UPDATE leak_case SET severity = NULL; \
                      UPDATE post SET is_marked = 0, volume = 0, is_fresh = 0, is_exclusive = 0, goods = NULL";
    sqlx::raw_sql(statements).execute(&pool).await.unwrap();
    pool.close().await;
}

pub(super) async fn what_was_recorded_before_sellers_were_marked_is_caught_up_in_batches(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    let market = forum(store, "market.example").await;
    crawl(store, &source, ("t1/p1", 5), offer_page("t1", "grey_heron", "heron_sells", &["c1"])).await;
    for thread in ["t2", "t3", "t4"] {
        crawl(store, &market, (thread, 6), offer_page(thread, "marsh_bird", "heron_sells", &[])).await;
    }
    crawl(store, &market, ("t5", 7), thread_page("t5", "p1", &["c2"])).await;
    let told = async || {
        let mut told = Vec::new();
        for case in cases(store).await {
            let detail = store.case(&case).await.unwrap().unwrap();
            told.push((case, detail.row.severity, detail.seller));
        }
        told
    };
    let before = told().await;
    assert!(before.iter().any(|(_, _, seller)| seller.as_ref().is_some_and(|seller| seller.before[0].listings == 3)));
    assert!(store.unmarked_posts(10).await.unwrap().is_empty(), "what is recorded now is marked at once");

    forget_marks_and_severities(&subject.url).await;
    assert!(told().await.iter().all(|(_, severity, seller)| severity.is_none() && seller.is_none()));
    let mut batches = 0;
    loop {
        // A process that stops after any batch leaves the rest to the next.
        let next = subject.another().await;
        let mut posts = next.unmarked_posts(3).await.unwrap();
        if posts.is_empty() {
            break;
        }
        batches += 1;
        for unmarked in &mut posts {
            let listing = listing::read(&Written::new(&unmarked.title, unmarked.post.text.reveal()));
            unmarked.post.listing = Listing { sale: unmarked.post.listing.sale, ..listing };
        }
        next.mark_posts(&posts).await.unwrap();
        next.mark_posts(&posts).await.unwrap();
        next.close().await;
    }
    assert_eq!(batches, 2, "four offers, three to a batch; the post that offers nothing is left alone");
    while store.weigh_unweighed(1).await.unwrap() > 0 {}
    assert_eq!(told().await, before);
}

pub(super) async fn an_alert_waits_for_a_confirmed_contact(subject: Subject) {
    let store = &subject.store;
    let mut watchlist = watchlist("example-bank", &[("c1", &[])]);
    store.replace_watchlist(&watchlist, at(0)).await.unwrap();
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1", 5), thread_page("t1", "p1", &["c1"])).await;
    assert_eq!(alert_states(store).await, [(AlertState::WaitingForContact, AlertReason::Opened)]);
    assert_eq!((store.pending_alerts(at(9_999_999)).await.unwrap(), claim_alerts(store, 999).await.len()), (0, 0));
    store.confirm_contact(&bank(), "soc@example-bank.example", "operator", at(1000)).await.unwrap();
    let claim = claim_alerts(store, 1000).await.remove(0);
    assert_eq!(claim.contact, "soc@example-bank.example");
    store.release_alerts(&[claim]).await.unwrap();

    watchlist.organization.contacts = vec![contact("new@example-bank.example")];
    store.replace_watchlist(&watchlist, at(1001)).await.unwrap();
    assert!(claim_alerts(store, 1002).await.is_empty(), "the old contact is gone, the new one not confirmed");
    store.confirm_contact(&bank(), "new@example-bank.example", "operator", at(1003)).await.unwrap();
    assert_eq!(claim_alerts(store, 1003).await[0].contact, "new@example-bank.example");
}

pub(super) async fn a_case_moves_only_where_it_may_and_the_log_shows_tampering(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1", 5), thread_page("t1", "p1", &["c1"])).await;
    let case = cases(store).await.remove(0);
    store.move_case(&case, State::Acknowledged, ("ann", "looking"), at(6)).await.unwrap();
    let error = store.move_case(&case, State::Closed, ("ann", "bored"), at(7)).await.unwrap_err();
    assert!(error.to_string().contains("it may go to confirmed, false_positive"), "{error}");
    store.move_case(&case, State::Confirmed, ("bob", "our records"), at(8)).await.unwrap();
    assert!(matches!(
        store.move_case("C-00000000", State::Confirmed, ("bob", "x"), at(9)).await,
        Err(StoreError::NoSuchCase { .. })
    ));
    let detail = store.case(&case).await.unwrap().unwrap();
    assert_eq!((detail.row.state, detail.row.first_confirmed_at), (State::Confirmed, Some(at(8))));
    assert_eq!(detail.moves.iter().map(|step| step.who.as_str()).collect::<Vec<_>>(), ["dyepack", "ann", "bob"]);
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Whole { rows: 3 });

    let tamper = async |statement: &'static str| {
        let pool = sqlx::AnyPool::connect(&subject.url).await.unwrap();
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        pool.close().await;
    };
    tamper("UPDATE case_move SET who = 'eve' WHERE number = 2").await;
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Broken { number: 2 });
    tamper("UPDATE case_move SET who = 'ann' WHERE number = 2").await;
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Whole { rows: 3 });
    tamper("DELETE FROM case_move WHERE number = 3").await;
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Broken { number: 3 });
}

pub(super) async fn a_settled_case_speaks_up_only_for_new_entries_or_sources(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1/p1", 5), thread_page("t1", "p1", &["c1"])).await;
    send_all(store, 100).await;
    let case = cases(store).await.remove(0);
    store.move_case(&case, State::FalsePositive, ("ann", "a test"), at(101)).await.unwrap();
    let mut offer = thread_page("t1", "p2", &["c1"]);
    offer.posts[0].listing.sale = 0.9;
    assert_eq!(crawl(store, &source, ("t1/p2", 102), offer).await.alerts, 0);
    assert_eq!(crawl(store, &source, ("t1/p3", 103), thread_page("t1", "p3", &["c2"])).await.alerts, 1);
    assert_eq!(store.case(&case).await.unwrap().unwrap().row.state, State::FalsePositive, "only people move cases");

    crawl(store, &source, ("t5/p5", 104), thread_page("t5", "p5", &["c5"])).await;
    crawl(store, &source, ("t5/p6", 105), thread_page("t5", "p6", &["c1"])).await;
    let merged = store.case(&case).await.unwrap().unwrap();
    assert_eq!(merged.row.state, State::New, "a settled case does not swallow one that nobody has looked at");
}

pub(super) async fn a_worker_that_starts_again_gets_its_leases_back(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t1", 5), thread_page("t1", "p1", &["c1"])).await;
    store.hurry_alerts(at(6)).await.unwrap();
    assert_eq!(claim_alerts(store, 6).await.len(), 1);
    assert_eq!(store.claim(&request("w%", 9), at(6)).await.unwrap().len(), 1);
    assert_eq!(store.release_worker("w").await.unwrap(), 0, "names are whole");
    assert_eq!(store.release_worker("w%").await.unwrap(), 1);
    assert_eq!(store.claim(&request("w", 9), at(6)).await.unwrap().len(), 1);
    assert_eq!(store.release_worker("mailer").await.unwrap(), 1);
    assert_eq!(claim_alerts(store, 6).await.len(), 1);
}

pub(super) async fn a_visit_cut_short_anywhere_leaves_nothing_or_all(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t0", 4), thread_page("t0", "p0", &["c1"])).await;
    let claim = claim_key(store, &source, ("t1", 5)).await;
    let mut read = thread_page("t1", "p1", &["c1", "c2"]);
    read.links.push(link("t2", LinkKind::Thread));
    let visit = visit(claim, at(5), read);
    let snapshot = async || {
        let (posts, hits) =
            (store.posts(&source).await.unwrap().len(), store.hits(&HitFilter::default()).await.unwrap());
        let (urls, log) = (store.sources(at(5)).await.unwrap()[0].urls, store.verify_audit().await.unwrap());
        (posts, hits.len(), urls, store.cases(&CaseFilter::default()).await.unwrap(), log)
    };
    let before = snapshot().await;
    let mut cuts = 0;
    for polls in 1.. {
        let recorded = cut_short(store.record(&visit, &SETTLE), polls).await;
        let now = snapshot().await;
        if recorded.is_some() || now != before {
            assert!(recorded.is_none_or(|recorded| recorded.is_ok()));
            assert_eq!((now.0, now.1, now.2), (before.0 + 1, before.1 + 2, before.2 + 1), "after {polls} polls");
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 0, "the visit was never cut short");
    assert!(matches!(store.record(&visit, &SETTLE).await, Err(StoreError::LostLease)));
}

pub(super) async fn workers_that_find_one_leak_at_once_open_one_case(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let source = forum(store, "forum.example").await;
    let start = store.claim(&request("w", 1), at(1)).await.unwrap().remove(0);
    let links = (0..24).map(|number| link(&format!("t{number}"), LinkKind::Thread)).collect();
    store.record(&visit(start, at(1), ReadPage { links, ..page() }), &SETTLE).await.unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for (number, claim) in store.claim(&request("w", 24), at(2)).await.unwrap().into_iter().enumerate() {
        let store = if number % 2 == 0 { store.clone() } else { subject.another().await };
        workers.spawn(async move {
            // Every page shows c1 and announces the same links: workers meet on the case and in the frontier.
            let mut read = thread_page(&claim.link.key, "p", &["c1", &format!("c{}", number % 9 + 1)]);
            read.links =
                (0..24).rev().map(|other| link(&format!("n{}", (other + number) % 24), LinkKind::Thread)).collect();
            store.record(&visit(claim, at(3), read), &SETTLE).await.unwrap()
        });
    }
    let recorded = workers.join_all().await;
    assert_eq!(recorded.iter().map(|recorded| recorded.links).sum::<u64>(), 24, "each link is new once");
    assert_eq!((cases(store).await.len(), alert_states(store).await.len()), (1, 1), "{source}");
    assert!(matches!(store.verify_audit().await.unwrap(), AuditVerdict::Whole { .. }));
}

pub(super) async fn many_links_and_rows_come_through_in_few_statements(subject: Subject) {
    let store = &subject.store;
    let canaries: Vec<String> = (0..1000).map(|number| format!("k{number:04}")).collect();
    let rows: Vec<(&str, &[&str])> = canaries.iter().map(|canary| (canary.as_str(), ["H01"].as_slice())).collect();
    let list = watchlist("example-bank", &rows);
    assert_eq!(store.replace_watchlist(&list, at(0)).await.unwrap().canaries.added.len(), 1000);
    let source = forum(store, "forum.example").await;
    let entries: Vec<&str> = canaries.iter().map(String::as_str).collect();
    let mut read = thread_page("t1", "p1", &entries);
    read.links = (0..1000).map(|number| link(&format!("t{number:04}"), LinkKind::Thread)).collect();
    let recorded = crawl(store, &source, ("t1", 1), read).await;
    assert_eq!((recorded.links, recorded.hits, recorded.cases, recorded.alerts), (1000, 1000, 1, 1));
    let detail = store.case(&cases(store).await[0]).await.unwrap().unwrap();
    assert_eq!((detail.leaked.len(), detail.row.holders.as_slice()), (1000, [("H01".to_owned(), 1000)].as_slice()));
}

pub(super) async fn a_mint_is_committed_to_once_in_the_audit_log(subject: Subject) {
    let store = &subject.store;
    enrol(store).await;
    let commit = async |mint: &'static str, root: &'static str| {
        store.commit_mint(&bank(), (mint, root), "mint plan", at(5)).await.unwrap()
    };
    assert!(commit("m1", "aa").await && commit("m2", "bb").await);
    assert!(!commit("m1", "aa").await, "it is there already");
    let commitments = store.commitments(&bank()).await.unwrap();
    assert_eq!(
        commitments.iter().map(|one| one.why.as_str()).collect::<Vec<_>>(),
        ["mint m1, root aa", "mint m2, root bb"]
    );
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Whole { rows: 2 });
    let pool = sqlx::AnyPool::connect(&subject.url).await.unwrap();
    sqlx::raw_sql("UPDATE case_move SET why = 'mint m1, root cc' WHERE number = 1").execute(&pool).await.unwrap();
    pool.close().await;
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Broken { number: 1 });
}

pub(super) async fn what_was_delivered_and_found_is_attributable(subject: Subject) {
    let store = &subject.store;
    let mut watchlist = enrol(store).await;
    let deal = Deal::parse("pan-1:00112233445566778899aabbccddeeff");
    watchlist.deliveries = vec![delivery("d1", deal.clone())];
    let label = Label { organization: bank(), kind: FingerprintKind::Pan, epoch: Epoch(1), key_id: KeyId([7; 8]) };
    let enrolment = Enrolment { label, count: 9, checksum: Checksum([1; 32]) };
    let delivered = [Delivered { delivery: "d1".to_owned(), enrolment }];
    store.enrol(&watchlist, (&[], &delivered), at(1)).await.unwrap();
    assert_eq!(store.delivered_files(None).await.unwrap(), delivered);
    assert_eq!(store.watchlist(&bank()).await.unwrap().unwrap().deliveries[0].deal, deal, "the secret comes back");
    watchlist.deliveries[0].deal = Deal::parse("pan-1:ff112233445566778899aabbccddeeff");
    let change = store.replace_watchlist(&watchlist, at(2)).await.unwrap();
    assert_eq!(change.deliveries.changed, ["d1"], "another secret is another delivery");

    let source = forum(store, "forum.example").await;
    crawl(store, &source, ("t0", 4), thread_page("t0", "p0", &["c1"])).await;
    let case = cases(store).await.remove(0);
    let found =
        store.attributable(&case, (1e-6, Some(9)), |_, tags| Some(vec![true; tags.len()])).await.unwrap().unwrap();
    assert_eq!(found.watchlist, watchlist);
    assert_eq!(found.findings.canaries.iter().map(|one| one.canary.as_str()).collect::<Vec<_>>(), ["c1"]);
    assert_eq!((found.findings.rows, found.findings.filed.len()), (Some(9), 1));
    assert!(store.attributable("C-00000000", (1e-6, None), |_, _| None).await.unwrap().is_none());
}

fn delivery(id: &str, deal: Option<Deal>) -> Delivery {
    Delivery {
        id: id.to_owned(),
        dataset: "customers".to_owned(),
        custodian: "H01".to_owned(),
        delivered_at: "2026-01-02".parse().unwrap(),
        rows: Some(9),
        selector: None,
        sha256: Some("ab".repeat(32)),
        share: Chance::new(0.5),
        deal,
        acknowledged_at: None,
        returned_at: None,
        destroyed_at: None,
    }
}
