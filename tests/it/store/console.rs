//! What the store promises to the console: pages that miss nothing, within a scope that shows nothing else.

use std::collections::BTreeMap;

use dyepack::domain::severity::Severity;
use dyepack::ports::store::console::Scope;
use dyepack::ports::store::console::{
    AlertCursor, AlertQuery, CaseCursor, CaseLine, CaseQuery, EntryPage, HitCursor, HitQuery, Order,
};

use super::*;

fn other() -> OrganizationId {
    OrganizationId("other-bank".to_owned())
}

fn only(organization: OrganizationId) -> Scope {
    Scope::Only(organization)
}

/// Two banks with cases of every state and several levels; returns the first bank's case ids.
pub(crate) async fn fill(store: &Store) -> Vec<String> {
    let names: Vec<String> = (1..=40).map(|number| format!("c{number}")).collect();
    let holders = |number: usize| if number.is_multiple_of(4) { ["H02"].as_slice() } else { ["H01"].as_slice() };
    for organization in [bank(), other()] {
        let canaries: Vec<(&str, &[&str])> =
            names.iter().enumerate().map(|(number, name)| (name.as_str(), holders(number))).collect();
        store.replace_watchlist(&watchlist(&organization.0, &canaries), at(0)).await.unwrap();
        let contact = format!("soc@{organization}.example");
        store.confirm_contact(&organization, &contact, "operator", at(0)).await.unwrap();
    }
    let (first, second) = (forum(store, "forum.example").await, forum(store, "market.example").await);
    for (number, name) in names.iter().enumerate() {
        let source = if number.is_multiple_of(3) { &second } else { &first };
        let thread = format!("t{number}");
        let mut page = thread_page(&thread, "p1", &[name.as_str()]);
        page.posts[0].listing.sale = if number.is_multiple_of(2) { 0.9 } else { 0.0 };
        page.threads[0].title = Some(format!("100% fresh_base No. {number}"));
        page.hits[0].hit.strength = if number.is_multiple_of(5) { 60 } else { 10 };
        if number >= 25 {
            page.hits[0].hit.organization = other();
        }
        // Several cases are first seen at the same time.
        crawl(store, source, (&thread, 100 + i64::try_from(number / 3).unwrap()), page).await;
    }
    let own = CaseFilter { organization: Some(bank()), ..CaseFilter::default() };
    let mut ids: Vec<String> = store.cases(&own).await.unwrap().into_iter().map(|case| case.id).collect();
    ids.sort();
    for (number, id) in ids.iter().enumerate() {
        let states = [State::New, State::Acknowledged, State::Confirmed, State::FalsePositive, State::Closed];
        let to = states[number % 5];
        let way: &[State] = if to == State::Closed { &[State::Confirmed, to] } else { &[to] };
        for state in way.iter().filter(|state| **state != State::New) {
            store.move_case(id, *state, ("ann", "seen"), at(900)).await.unwrap();
        }
    }
    ids
}

/// Walks a list to its end in pages of so many.
async fn walk(store: &Store, scope: &Scope, query: &CaseQuery, limit: u32) -> Vec<CaseLine> {
    let (mut lines, mut after) = (Vec::new(), None);
    loop {
        let page = store.case_page(scope, query, (after.as_ref(), limit)).await.unwrap();
        assert!(page.cases.len() <= limit as usize);
        lines.extend(page.cases);
        let Some(next) = page.next else { return lines };
        assert_eq!(CaseCursor::parse(&next.encode()), Some(next.clone()));
        after = Some(next);
    }
}

fn ids(lines: &[CaseLine]) -> Vec<&str> {
    lines.iter().map(|line| line.id.as_str()).collect()
}

pub(super) async fn pages_of_cases_go_through_all_once_in_order_within_the_scope(Subject { store, .. }: Subject) {
    fill(&store).await;
    let all = walk(&store, &Scope::Everything, &CaseQuery::default(), 500).await;
    assert_eq!(all.len(), 40);
    assert!(all.iter().any(|line| line.severity == Some(Severity::High)), "levels differ: {all:?}");
    for (scope, count) in [
        (Scope::Everything, 40),
        (only(bank()), 25),
        (only(other()), 15),
        (only(OrganizationId("no-bank".to_owned())), 0),
    ] {
        for order in [Order::Newest, Order::Gravest] {
            for (states, severities, offer) in [
                (vec![], vec![], None),
                (vec![State::New], vec![], None),
                (vec![State::Closed, State::New, State::Confirmed], vec![], Some(true)),
                (vec![], vec![Severity::High, Severity::Low], None),
                (vec![State::Acknowledged, State::New], vec![Severity::Medium, Severity::High], Some(false)),
            ] {
                let query = CaseQuery { states, severities, offer, order, ..CaseQuery::default() };
                let mut expected: Vec<&CaseLine> = all
                    .iter()
                    .filter(|line| {
                        scope.covers(&line.organization)
                            && (query.states.is_empty() || query.states.contains(&line.state))
                            && (query.severities.is_empty()
                                || line.severity.is_some_and(|level| query.severities.contains(&level)))
                            && query.offer.is_none_or(|offer| offer == line.offer)
                    })
                    .collect();
                expected.sort_by_key(|line| {
                    let level = (order == Order::Gravest).then_some(line.severity);
                    std::cmp::Reverse((level, line.first_matched_at, line.id.clone()))
                });
                let expected: Vec<&str> = expected.into_iter().map(|line| line.id.as_str()).collect();
                for limit in [1, 4, 500] {
                    assert_eq!(ids(&walk(&store, &scope, &query, limit).await), expected, "{query:?} of {scope:?}");
                }
                if query.states.is_empty() && query.severities.is_empty() {
                    assert_eq!(expected.len(), count, "{scope:?}");
                }
            }
        }
        let counts = store.case_counts(&scope).await.unwrap();
        assert_eq!(counts.iter().map(|count| count.cases).sum::<u64>(), count as u64);
        assert!(counts.iter().all(|count| scope.covers(&count.organization)));
    }
    let asked = CaseQuery { organization: Some(other()), ..CaseQuery::default() };
    assert_eq!(walk(&store, &only(bank()), &asked, 9).await, [], "asking for another's is no way in");
    let between = CaseQuery { from: Some(at(103)), until: Some(at(105)), ..CaseQuery::default() };
    assert_eq!(walk(&store, &Scope::Everything, &between, 4).await.len(), 6);
}

pub(super) async fn cases_are_found_by_source_custodian_and_words(Subject { store, .. }: Subject) {
    let own = fill(&store).await;
    let count = async |query: CaseQuery| {
        let all = walk(&store, &Scope::Everything, &query, 6).await;
        let own = walk(&store, &only(bank()), &query, 6).await;
        assert!(own.iter().all(|line| line.organization == "example-bank"));
        (all.len(), own.len())
    };
    let market = CaseQuery { source: Some(SourceId("market.example".to_owned())), ..CaseQuery::default() };
    assert_eq!(count(market.clone()).await, (14, 9));
    let second = CaseQuery { custodian: Some("H02".to_owned()), ..CaseQuery::default() };
    assert_eq!(count(second.clone()).await, (10, 7));
    assert_eq!(count(CaseQuery { custodian: Some("H0_".to_owned()), ..CaseQuery::default() }).await, (0, 0));
    assert_eq!(count(CaseQuery { custodian: second.custodian, ..market }).await, (4, 3));
    let words = |text: &str| CaseQuery { text: Some(text.to_owned()), ..CaseQuery::default() };
    for (text, expected) in [
        ("100% FRESH_base", (40, 25)),
        ("100%base", (0, 0)),
        ("no. 7", (1, 1)),
        ("c30", (1, 0)),
        ("mallory", (20, 13)),
        ("", (40, 25)),
        (own[3].as_str(), (1, 1)),
        (own[3].to_lowercase().trim_start_matches("c-"), (1, 1)),
    ] {
        assert_eq!(count(words(text)).await, expected, "{text}");
    }
    let line = store.case_line(&only(bank()), &own[0]).await.unwrap().unwrap();
    assert_eq!((line.entries, line.hits, line.sources.len()), (1, 1, 1));
    assert_eq!(line.holders.iter().map(|(_, entries)| entries).sum::<u64>(), 1);
    assert!(line.title.unwrap().starts_with("100% fresh_base"));
    assert_eq!(store.case_line(&only(other()), &own[0]).await.unwrap(), None, "a guessed id shows nothing");
}

fn titled(thread: &str, entries: &[&str], title: &str) -> ReadPage {
    let mut page = thread_page(thread, "p1", entries);
    page.threads[0].title = Some(title.to_owned());
    page
}

pub(super) async fn titles_are_searched_in_every_script_and_follow_their_cases(Subject { store, .. }: Subject) {
    enrol(&store).await;
    let source = forum(&store, "forum.example").await;
    let find = async |scope: &Scope, text: &str| -> Vec<String> {
        let query = CaseQuery { text: Some(text.to_owned()), ..CaseQuery::default() };
        walk(&store, scope, &query, 9).await.into_iter().map(|line| line.id).collect()
    };
    crawl(&store, &source, ("t1", 10), titled("t1", &["c1", "c2"], "Свежая БАЗА 50%_x!\tStraße")).await;
    crawl(&store, &source, ("t2", 20), titled("t2", &["c3"], "出售 数据库 ＡＢＣ")).await;
    // This thread has no title yet; and in that one no case is seen.
    crawl(&store, &source, ("t3", 30), ReadPage { threads: Vec::new(), ..titled("t3", &["c4"], "") }).await;
    crawl(&store, &source, ("t4", 40), titled("t4", &[], "Свежая база")).await;
    let [third, second, first] = <[String; 3]>::try_from(cases(&store).await).unwrap();
    for (text, expected) in [
        ("СВЕЖАЯ база", vec![&first]),
        ("50%_X!", vec![&first]),
        ("50%x", vec![]),
        ("5_%", vec![]),
        ("x! straße", vec![&first]),
        ("数据", vec![&second]),
        ("ａｂｃ", vec![&second]),
        ("база\nстрассе", vec![]),
        ("late", vec![]),
    ] {
        assert_eq!(find(&Scope::Everything, text).await.iter().collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(find(&only(bank()), text).await.iter().collect::<Vec<_>>(), expected, "{text}");
        assert!(find(&only(other()), text).await.is_empty(), "{text}");
    }
    // A title that is learned later, and one that changes.
    crawl(&store, &source, ("list", 50), ReadPage { posts: Vec::new(), ..titled("t3", &[], "Late Title") }).await;
    assert_eq!(find(&only(bank()), "late title").await, [third.as_str()]);
    crawl(&store, &source, ("t2/2", 60), titled("t2", &[], "продано")).await;
    assert!(find(&only(bank()), "数据").await.is_empty(), "the title is another now");
    assert_eq!(find(&only(bank()), "ПРОДАНО").await, [second.as_str()]);

    let (own, moved) = (only(bank()), BTreeSet::from(["c2".to_owned()]));
    let split = store.split_case(&own, (&first, &moved, None), ("ann", "another"), at(70)).await.unwrap().unwrap();
    let mut both = vec![first.clone(), split.clone()];
    both.sort();
    let mut found = find(&only(bank()), "база").await;
    found.sort();
    assert_eq!(found, both);
    store.merge_cases(&only(bank()), (&split, &second, None), ("ann", "one"), at(80)).await.unwrap().unwrap();
    let (living, _) = store.find_case(&only(bank()), &split).await.unwrap().unwrap();
    let mut found = find(&only(bank()), "база").await;
    found.sort();
    let mut both = vec![first, living.clone()];
    both.sort();
    assert_eq!(found, both, "what was merged is found as part of the other");
    assert!(find(&only(bank()), "продано").await.contains(&living));
}

pub(super) async fn what_many_cases_share_finds_all_of_them_in_order(Subject { store, .. }: Subject) {
    // More than are looked up one by one.
    const MANY: usize = 1_060;
    let names: Vec<String> = (0..MANY).map(|number| format!("c{number}")).collect();
    let canaries: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), ["H01"].as_slice())).collect();
    store.replace_watchlist(&watchlist("example-bank", &canaries), at(0)).await.unwrap();
    let source = forum(&store, "forum.example").await;
    let mut page = ReadPage { posts: Vec::new(), ..page() };
    for (number, name) in names.iter().enumerate() {
        let mut own = titled(&format!("t{number}"), &[name], &format!("Common words {number}"));
        own.posts[0].listing.sale = 0.9;
        page.hits.extend(own.hits);
        page.threads.extend(own.threads);
        page.posts.extend(own.posts);
    }
    crawl(&store, &source, ("list", 10), page).await;
    let all = walk(&store, &only(bank()), &CaseQuery::default(), 500).await;
    let all: Vec<String> = all.into_iter().map(|line| line.id).collect();
    assert_eq!(all.len(), MANY);
    let queries = [
        CaseQuery { text: Some("common WORDS".to_owned()), ..CaseQuery::default() },
        CaseQuery { text: Some("mallory".to_owned()), ..CaseQuery::default() },
        CaseQuery { source: Some(source.clone()), ..CaseQuery::default() },
        CaseQuery { custodian: Some("H01".to_owned()), ..CaseQuery::default() },
        CaseQuery { source: Some(source), states: vec![State::New, State::Closed], ..CaseQuery::default() },
    ];
    for query in queries {
        let found = walk(&store, &only(bank()), &query, 300).await;
        assert_eq!(ids(&found), all.iter().map(String::as_str).collect::<Vec<_>>(), "{query:?}");
        let few = CaseQuery { text: Some("words 105".to_owned()), ..query };
        assert_eq!(walk(&store, &only(bank()), &few, 4).await.len(), 11, "{few:?}");
    }
    assert!(walk(&store, &only(other()), &CaseQuery::default(), 300).await.is_empty());
}

pub(super) async fn what_a_case_holds_comes_in_pages_and_to_nobody_else(Subject { store, .. }: Subject) {
    enrol(&store).await;
    let (one, two) = (forum(&store, "forum.example").await, forum(&store, "market.example").await);
    crawl(&store, &one, ("t1", 10), thread_page("t1", "p1", &["c1", "c2", "c3", "c4"])).await;
    crawl(&store, &two, ("t2", 20), thread_page("t2", "p9", &["c4", "c5"])).await;
    let case = cases(&store).await.remove(0);
    let (own, strange) = (only(bank()), only(other()));

    let (mut hits, mut after) = (Vec::new(), None);
    loop {
        let query = HitQuery { case: Some(case.clone()), ..HitQuery::default() };
        let page = store.hit_page(&own, &query, (after.as_ref(), 2)).await.unwrap();
        hits.extend(page.hits);
        let Some(next) = page.next else { break };
        after = HitCursor::parse(&next.encode());
        assert_eq!(after, Some(next));
    }
    assert_eq!(hits.len(), 6);
    assert!(hits.is_sorted_by_key(|hit| std::cmp::Reverse((hit.seen_at, hit.id.clone()))), "{hits:?}");
    let of_entry = HitQuery { entry: Some((EntryKind::Canary, "c4".to_owned())), ..HitQuery::default() };
    assert_eq!(store.hit_page(&Scope::Everything, &of_entry, (None, 9)).await.unwrap().hits.len(), 2);

    let first = store.entry_page(&own, &case, (None, 3)).await.unwrap();
    let next = first.next_text().unwrap();
    let rest = store.entry_page(&own, &case, (EntryPage::parse_after(&next), 3)).await.unwrap();
    let names: Vec<_> =
        first.entries.iter().chain(&rest.entries).map(|entry| (entry.entry.as_str(), entry.hits)).collect();
    assert_eq!(names, [("c1", 1), ("c2", 1), ("c3", 1), ("c4", 2), ("c5", 1)]);
    assert_eq!((rest.next, first.entries[0].fields[0].0.as_str()), (None, "email"));
    assert_eq!(first.entries[0].holders, ["H01"]);

    let first = store.sighting_page(&own, &case, (None, 1)).await.unwrap();
    let rest = store.sighting_page(&own, &case, (first.next.as_deref(), 1)).await.unwrap();
    assert_eq!((first.sightings[0].source.as_str(), first.sightings[0].entries), ("forum.example", 4));
    assert_eq!((rest.sightings[0].source.as_str(), rest.sightings[0].entries, rest.next), ("market.example", 2, None));
    let whole = store.case(&case).await.unwrap().unwrap();
    assert_eq!(whole.sightings, [first.sightings, rest.sightings].concat());

    let query = HitQuery { case: Some(case.clone()), ..HitQuery::default() };
    assert!(store.hit_page(&strange, &query, (None, 9)).await.unwrap().hits.is_empty());
    assert!(store.hit_page(&strange, &of_entry, (None, 9)).await.unwrap().hits.is_empty());
    assert!(store.entry_page(&strange, &case, (None, 9)).await.unwrap().entries.is_empty());
    assert!(store.sighting_page(&strange, &case, (None, 9)).await.unwrap().sightings.is_empty());
    assert_eq!(store.find_case(&strange, &case).await.unwrap(), None);
}

pub(super) async fn alerts_and_the_audit_log_come_in_pages_within_the_scope(Subject { store, .. }: Subject) {
    fill(&store).await;
    for (scope, alerts, moves) in [(Scope::Everything, 40, 65), (only(bank()), 25, 50), (only(other()), 15, 15)] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.alert_page(&scope, &AlertQuery::default(), (after.as_ref(), 6)).await.unwrap();
            found.extend(page.alerts);
            let Some(next) = page.next else { break };
            after = AlertCursor::parse(&next.encode());
        }
        assert_eq!(found.len(), alerts, "{scope:?}");
        assert_eq!(found.iter().map(|alert| alert.id.as_str()).collect::<BTreeSet<_>>().len(), alerts);
        let (mut numbers, mut before) = (Vec::new(), None);
        loop {
            let page = store.audit_page(&scope, (before, 7)).await.unwrap();
            numbers.extend(page.moves.iter().map(|step| step.number));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(numbers.len(), moves, "{scope:?}");
        assert!(numbers.is_sorted_by(|one, other| one > other));
    }
    let sent = AlertQuery { state: Some(AlertState::Sent), ..AlertQuery::default() };
    assert!(store.alert_page(&Scope::Everything, &sent, (None, 9)).await.unwrap().alerts.is_empty());
    assert_eq!(send_all(&store, 5_000).await, 40);
    assert_eq!(store.alert_page(&only(bank()), &sent, (None, 500)).await.unwrap().alerts.len(), 25);
    let asked = AlertQuery { organization: Some(other()), ..AlertQuery::default() };
    assert!(store.alert_page(&only(bank()), &asked, (None, 9)).await.unwrap().alerts.is_empty());
}

pub(super) async fn figures_count_what_is_there(Subject { store, .. }: Subject) {
    let own = fill(&store).await;
    let seen = store.days_seen(&Scope::Everything, at(0) - jiff::SignedDuration::from_hours(48)).await.unwrap();
    assert_eq!(seen.iter().map(|day| day.sightings).sum::<u64>(), 40, "{seen:?}");
    assert_eq!(seen.len(), 4, "two organizations, two sources, one day");
    let seen = store.days_seen(&only(other()), at(0)).await.unwrap();
    assert!(seen.iter().all(|day| day.organization == "other-bank"));
    assert!(store.days_seen(&Scope::Everything, at(90_000)).await.unwrap().is_empty());

    send_all(&store, 700).await;
    let times = store.case_times(&only(bank()), at(0)).await.unwrap();
    assert_eq!(times.len(), 25);
    assert_eq!(times.iter().filter(|case| case.acknowledged_at == Some(at(900))).count(), 20, "{times:?}");
    assert!(times.iter().all(|case| case.mailed_at == Some(at(700)) && case.posted_at == Some(at(-1000))));

    let counts: BTreeMap<_, _> = store
        .holder_counts(&Scope::Everything)
        .await
        .unwrap()
        .into_iter()
        .map(|count| ((count.organization, count.custodian), (count.held, count.leaked)))
        .collect();
    let of = |organization: &str, custodian: &str| counts[&(organization.to_owned(), custodian.to_owned())];
    assert_eq!((of("example-bank", "H01").0, of("example-bank", "H02").0), (30, 10));
    let refuted = CaseQuery { states: vec![State::FalsePositive], organization: Some(bank()), ..CaseQuery::default() };
    let refuted = walk(&store, &Scope::Everything, &refuted, 9).await.len() as u64;
    assert_eq!(of("example-bank", "H01").1 + of("example-bank", "H02").1, own.len() as u64 - refuted);
    assert_eq!(of("other-bank", "H01").1 + of("other-bank", "H02").1, 15);
    assert!(store.holder_counts(&only(bank())).await.unwrap().iter().all(|count| count.organization == "example-bank"));

    let depths = store.depths(&Scope::Everything, at(1_000)).await.unwrap();
    assert_eq!((depths.alerts, depths.waiting_for_contact, depths.dead), (0, 0, 0));
    assert_eq!(depths.due, store.due(None, at(1_000)).await.unwrap());
    assert_eq!(store.depths(&only(bank()), at(1_000)).await.unwrap().due, 0, "a tenant learns nothing of sources");
}

pub(super) async fn sources_and_organizations_are_outlined(Subject { store, .. }: Subject) {
    fill(&store).await;
    let whole = store.sources(at(2_000)).await.unwrap();
    let first = store.source_page(None, (None, 1), at(2_000)).await.unwrap();
    let rest = store.source_page(None, (first.next.as_ref(), 1), at(2_000)).await.unwrap();
    let found: Vec<_> =
        first.sources.iter().chain(&rest.sources).map(|row| (row.source.clone(), row.urls, row.posts)).collect();
    assert_eq!(found, whole.iter().map(|row| (row.source.clone(), row.urls, row.posts)).collect::<Vec<_>>());
    assert_eq!(rest.next, None);
    assert_eq!(store.source_page(Some("MARKET"), (None, 9), at(2_000)).await.unwrap().sources.len(), 1);
    assert!(store.source_page(Some("%"), (None, 9), at(2_000)).await.unwrap().sources.is_empty());

    let ids: Vec<SourceId> = whole.iter().map(|row| row.source.id.clone()).collect();
    let yields = store.yields(&ids, at(-90_000)).await.unwrap();
    let posts: Vec<u64> = ids.iter().map(|id| yields[id].iter().map(|day| day.posts).sum()).collect();
    assert_eq!(posts, [26, 14]);

    let coverage = store.coverage().await.unwrap();
    assert_eq!(coverage.len(), 2);
    assert!(coverage.iter().all(|one| one.lists == 1 && one.unread == 0 && one.whole_since.is_some()), "{coverage:?}");
    forum(&store, "unread.example").await;
    let coverage = store.coverage().await.unwrap();
    assert_eq!((coverage[2].lists, coverage[2].unread, coverage[2].whole_since), (1, 1, None));

    let outlines = store.organization_outlines(&only(bank())).await.unwrap();
    assert_eq!(outlines.len(), 1);
    assert_eq!((outlines[0].canaries, outlines[0].fingerprints, outlines[0].deliveries), (40, 0, 0));
    assert_eq!(outlines[0].organization.custodians[0].code, "H01");
    assert_eq!(outlines[0].contacts[0].confirmed_by.as_deref(), Some("operator"));
    assert_eq!(store.organization_outlines(&Scope::Everything).await.unwrap().len(), 2);
}
