//! What a watchlist's reader promises over all its files together.

use proptest::prelude::*;

use super::*;

const ORGANIZATION: &str = "\
id = \"example-bank\"
name = \"Example Bank\"
[[contact]]
address = \"soc@example-bank.example\"
[[custodian]]
code = \"H01\"
name = \"Hosting One\"
[[custodian]]
code = \"H02\"
name = \"Hosting Two\"
[[dataset]]
id = \"customers\"
";
const HEADER: &str = "canary,dataset,holders,planted_at,retired_at,name,phone,email,pan";

fn read_all(organization: &[u8], canaries: &[u8], deliveries: Option<&[u8]>) -> (Option<Watchlist>, Problems) {
    let mut problems = Problems::default();
    let files = Files {
        folder: "example-bank",
        path: "",
        organization: Some(organization),
        canaries: Some(canaries),
        deliveries,
    };
    (Watchlist::read(&files, &mut problems), problems)
}

fn read_canaries(text: &str) -> (Option<Watchlist>, Problems) {
    read_all(ORGANIZATION.as_bytes(), text.as_bytes(), None)
}

fn read_rows(rows: &str) -> (Option<Watchlist>, Problems) {
    read_canaries(&format!("{HEADER}\n{rows}\n"))
}

fn sound_row(number: usize) -> String {
    format!(
        "c{number:06},customers,H01|OWNER,2026-01-{:02},,Jo Wren {number},+1 (555) {number:09},jo{number}@post.example,9999{number:012}",
        number % 28 + 1
    )
}

#[test]
fn a_sound_list_is_read_with_columns_in_any_order() {
    let text = "email,retired_at,canary,balance,holders,dataset,planted_at\r\n\
        jo@post.example,2026-06-30,a/c-2,12.50,H02| H01 |H01,customers,2026-03-31\r\n\
        \r\n\
        \"wr,en@post.example\",,c1,,,,2026-03-31T23:30:00-02:00\r\n";
    let (watchlist, problems) = read_canaries(text);
    let watchlist = watchlist.unwrap();
    assert_eq!(problems.listed().len(), 1, "{problems}");
    assert!(problems.to_string().contains("note: holders: 1 canaries name no holder"), "{problems}");
    let [first, second] = watchlist.canaries.as_slice() else { panic!("two canaries expected") };
    assert_eq!((first.id.as_str(), first.holders.join(",").as_str()), ("a/c-2", "H01,H02"));
    assert_eq!(first.retired_at.unwrap().to_string(), "2026-06-30");
    assert_eq!(first.fields.get("balance"), Some("12.50"));
    assert_eq!(second.planted_at.unwrap().to_string(), "2026-04-01", "the UTC day counts");
    assert_eq!(second.fields.get("email"), Some("wr,en@post.example"));
}

#[test]
fn a_long_list_is_read_in_pieces_and_every_problem_is_told_where_it_stands() {
    let rows: Vec<String> = (0..40_000).map(sound_row).collect();
    let (watchlist, problems) = read_rows(&rows.join("\n"));
    let read = watchlist.unwrap_or_else(|| panic!("{problems}")).canaries;
    assert!(read.len() == 40_000 && read.is_sorted_by(|one, other| one.id < other.id));
    assert_eq!(read[39_999].fields.get("pan"), Some("9999000000039999"));

    let mut odd = rows.clone();
    odd[39_000] = odd[39_000].replace("c039000", "c000007").replace("2026", "2o26");
    let (watchlist, problems) = read_rows(&odd.join("\n"));
    let said = problems.to_string();
    assert!(watchlist.is_none() && problems.errors() == 2, "{said}");
    assert!(
        said.contains("canaries.csv:39002:1: canary: the id \"c000007\" is there twice, first on line 9"),
        "{said}"
    );
    assert!(said.contains("canaries.csv:39002:29: planted_at: \"2o26-"), "{said}");

    let mut met = rows;
    met[39_500] = met[39_500].replace("9999000000039500", "+1 (555) 000000012");
    let (watchlist, problems) = read_rows(&met.join("\n"));
    assert!(watchlist.is_none() && problems.errors() == 1, "{problems}");
    assert!(problems.to_string().contains("39502:"), "{problems}");
}

#[test]
fn headers_that_mean_something_else_are_refused() {
    for (header, says) in [
        ("canary,dataset,holders,planted_at,name,email", "retired_at: the column is missing"),
        ("dataset,holders,planted_at,retired_at,email", "canary: the column is missing"),
        ("canary,dataset,holders,planted_at,retired_at,email,email", "1:52: email: the column is there twice"),
        ("canary,dataset,holders,planted_at,retired_at,Email", "write email"),
        ("canary,dataset,holders,planted_at,retired_at,", "is not a column name"),
        ("canary,dataset,holders,planted_at,retired_at,name,address", "no column that can identify"),
        ("canary;dataset;holders;planted_at;retired_at;email", "semicolons"),
        ("canary\tdataset\tholders\tplanted_at\tretired_at\temail", "tabs"),
        ("\"canary,dataset", "does not end on this line"),
        ("canary,dataset,holders,planted_at,retired_at,email\rc1,,,,,jo@post.example\r", "lone carriage return"),
    ] {
        let text = if header.contains('\r') { header.to_owned() } else { format!("{header}\nc1,,,,,a@b.example\n") };
        let (watchlist, problems) = read_canaries(&text);
        assert!(watchlist.is_none() && problems.to_string().contains(says), "{header:?}: {problems}");
    }
    let wide: Vec<String> = (0..70).map(|number| format!("f{number}")).collect();
    assert!(read_canaries(&wide.join(",")).1.to_string().contains("more than 64 cells"));
    assert!(read_canaries("").1.to_string().contains("is empty"));
    assert!(read_canaries(&format!("{HEADER}\n\n")).1.to_string().contains("a header and no canary"));
}

#[test]
fn a_bad_row_is_refused_at_its_line_and_column() {
    for (row, place, says) in [
        (",customers,H01,,,Jo,,jo@post.example,", "3:1: canary", "no id"),
        ("c 2,customers,H01,,,Jo,,jo@post.example,", "3:1: canary", "is not an id"),
        ("c000001,customers,H01,,,Jo,,jo@post.example,", "3:1: canary", "there twice, first on line 2"),
        ("c2,clients,H01,,,Jo,,jo@post.example,", "3:4: dataset", "write one of customers"),
        ("c2,customers,H01|H09,,,Jo,,jo@post.example,", "3:14: holders", "the custodian \"H09\" is not in"),
        ("c2,customers,h01,,,Jo,,jo@post.example,", "3:14: holders", "write H01"),
        ("c2,customers,H01||H02,,,Jo,,jo@post.example,", "3:14: holders", "empty custodian"),
        ("c2,customers,H01,2026-02-30,,Jo,,jo@post.example,", "3:18: planted_at", "not in the calendar"),
        ("c2,customers,H01,30.01.2026,,Jo,,jo@post.example,", "3:18: planted_at", "is not a date"),
        ("c2,customers,H01,0026-01-30,,Jo,,jo@post.example,", "3:18: planted_at", "years 1970 to 2200"),
        ("c2,customers,H01,2026-02-02,2026-02-01,Jo,,jo@post.example,", "3:29: retired_at", "before it was planted"),
        ("c2,customers,H01,,,Jo,,,", "3:1: canary", "nothing that can identify"),
        ("c2,customers,H01,,,Jo,,,9999 0000 0000 0001", "3:25: pan", "also that of pan on line 2"),
        ("c2,customers,H01,,,Jo,,JO1@Post.example,", "3:24: email", "also that of email on line 2"),
        ("c2,customers,H01,,,Jo,,,999900******0002", "3:25: pan", "is masked"),
        ("c2,customers,H01,,,=1+1,,jo@post.example,", "3:20: name", "a formula"),
        ("c2,customers,H01,,,@SUM,,jo@post.example,", "3:20: name", "a formula"),
        ("c2,customers,H01,,,闻人\u{202e},,jo@post.example,", "3:20: name", "invisible character U+202E"),
        ("c2,customers,H01,,,闻\u{fffd},,jo@post.example,", "3:20: name", "U+FFFD"),
        ("c2,customers,H01,,,J\to,,jo@post.example,", "3:20: name", "a tab"),
        ("c2,customers,H01,,,J\u{7}o,,jo@post.example,", "3:20: name", "U+0007"),
        ("c2,customers,H01,,,闻人\",,jo@post.example,", "3:22", "quote inside"),
        ("c2,customers,H01,,,\"Jo,,jo@post.example,", "3:20", "does not end on this line"),
        ("c2,customers,H01,,,\"Jo\"x,,jo@post.example,", "3:24", "behind a closing quote"),
        ("c2,customers,H01,,,Jo,,jo@post.example", "3:39", "has 8 cells where the header has 9"),
        ("c2,customers,H01,,,Jo,Wren,,jo@post.example,", "3:45", "more than 9 cells"),
    ] {
        let (watchlist, problems) = read_rows(&format!("{}\n{row}", sound_row(1)));
        assert!(watchlist.is_none(), "{row:?} passes");
        let text = problems.to_string();
        assert_eq!(problems.errors(), 1, "{row:?}: {text}");
        assert!(text.starts_with(&format!("canaries.csv:{place}: ")) && text.contains(says), "{row:?}: {text}");
    }
    let long = format!("c2,customers,H01,,,{},,jo@post.example,", "x".repeat(513));
    assert!(read_rows(&long).1.to_string().contains("more than 512 characters"));
}

#[test]
fn a_canary_may_carry_the_probability_of_its_draw() {
    let read = |p: &str| {
        read_canaries(&format!(
            "canary,dataset,holders,planted_at,retired_at,p,email\nc1,customers,H01|H02,,,{p},jo@post.example\n"
        ))
    };
    let canary = read("0.6").0.unwrap().canaries.remove(0);
    assert_eq!((canary.p, canary.fields.len()), (Chance::new(0.6), 1));
    assert_eq!(read("").0.unwrap().canaries[0].p, None);
    for p in ["0", "1", "1.5", "-0.1", "NaN", "60%"] {
        let (watchlist, problems) = read(p);
        assert!(watchlist.is_none() && problems.to_string().contains("2:24: p: "), "{p}: {problems}");
    }
    let read_back: Canary = serde_json::from_str(&serde_json::to_string(&canary).unwrap()).unwrap();
    assert_eq!(read_back, canary);
}

#[test]
fn problems_never_repeat_a_value_in_full() {
    let rows = "9999120000000018,9999120000000018,9999120000000018|jo@post.example,9999120000000018,+79001234567,=9999120000000018,12,jo@post.example,9999120000000018\n\
        9999120000000018,jo@post.example,闻人知远,闻人知远,闻人知远,闻人知远,闻人知远,jo@post.example,9999120000000018";
    let (_, problems) = read_rows(rows);
    let text = problems.to_string();
    assert!(problems.errors() >= 7, "{text}");
    for value in ["9999120000000018", "jo@post.example", "闻人知远", "79001234567"] {
        assert!(!text.contains(value), "{value} in {text}");
    }
}

#[test]
fn every_file_is_checked_even_when_another_is_bad() {
    let (watchlist, problems) =
        read_all(b"id = 1", b"canary\n", Some(b"delivery,dataset,custodian\nd1,customers,H01\n"));
    let text = problems.to_string();
    assert!(watchlist.is_none());
    for file in ["organization.toml:1:6", "canaries.csv:1:1", "deliveries.csv:1:1"] {
        assert!(text.contains(file), "{text}");
    }
}

#[test]
fn deliveries_name_known_parties_and_real_days() {
    let read = |text: &str| {
        read_all(ORGANIZATION.as_bytes(), format!("{HEADER}\n{}", sound_row(1)).as_bytes(), Some(text.as_bytes()))
    };
    let (watchlist, problems) = read(
        "dataset,custodian,delivered_at,rows,remark\ncustomers,H02,2026-01-31,,a\ncustomers,OWNER,2026-01-30,12,b\n",
    );
    let ids: Vec<String> = watchlist.unwrap().deliveries.into_iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids, ["customers-H02-2026-01-31", "customers-OWNER-2026-01-30"]);
    assert!(problems.to_string().contains("note: remark: the column is not read"), "{problems}");
    for (row, says) in [
        ("d1,clients,H01,2026-01-31,1", "2:4: dataset"),
        ("d1,customers,H03,2026-01-31,1", "2:14: custodian"),
        ("d1,customers,H01,2026-02-31,1", "2:18: delivered_at"),
        ("d1,customers,H01,,1", "2:18: delivered_at"),
        ("d1,customers,H01,2026-01-31,many", "2:29: rows"),
        ("d1,customers,H01,2026-01-31,-1", "2:29: rows"),
        ("d1,customers,H01,2026-01-31,1\nd1,customers,H02,2026-01-31,1", "3:1: delivery"),
    ] {
        let (watchlist, problems) = read(&format!("delivery,dataset,custodian,delivered_at,rows\n{row}\n"));
        assert!(watchlist.is_none() && problems.to_string().contains(says), "{row:?}: {problems}");
    }
}

#[test]
fn changes_say_what_differs_and_nothing_when_nothing_does() {
    let base = |rows: &str| read_rows(rows).0.unwrap();
    let before = base(&format!("{}\n{}\n{}", sound_row(1), sound_row(2), sound_row(3)));
    assert!(Changes::between(Some(&before), &before.clone()).is_empty());
    assert_eq!(Changes::between(None, &before).added.len(), 3);
    let retired = sound_row(1).replacen(",,", ",2026-06-30,", 1);
    let other_holders = sound_row(2).replace("H01", "H02");
    let mut after = base(&format!("{retired}\n{other_holders}\n{}", sound_row(4)));
    after.organization.language = Language::Zh;
    after.organization.contacts.push(Contact {
        address: "ciso@example-bank.example".to_owned(),
        role: ContactRole::Executive,
        openpgp: None,
        key: None,
        after: None,
    });
    let changes = Changes::between(Some(&before), &after);
    assert_eq!(changes.retired, ["c000001"]);
    assert_eq!(changes.changed, ["c000002"]);
    assert_eq!(changes.removed, ["c000003"]);
    assert_eq!(changes.added, ["c000004"]);
    assert_eq!(changes.other, ["language changed", "contact ciso@example-bank.example added"]);
}

#[test]
fn more_problems_than_can_be_listed_are_counted() {
    let rows: Vec<String> = (0..200).map(|number| format!("c{number},nowhere,,,,,,jo{number}@post.example,")).collect();
    let (_, problems) = read_rows(&rows.join("\n"));
    assert_eq!((problems.listed().len(), problems.unlisted()), (LISTED_PROBLEMS, 150));
}

/// Ways to spoil one line so that it is wrong by itself, whatever the others hold.
const SPOILERS: [fn(&str) -> String; 10] = [
    |row| format!("{row},"),
    |row| row.rsplit_once(',').map(|(start, _)| start.to_owned()).unwrap_or_default(),
    |row| row.replacen("Jo", "\"Jo", 1),
    |row| row.replacen("Jo", "=Jo", 1),
    |row| row.replacen("Jo", "J\u{1}o", 1),
    |row| row.replacen("2026-01", "2026-13", 1),
    |row| row.replacen("H01", "H77", 1),
    |row| row.replacen("customers", "costumers", 1),
    |row| row.replacen('c', "", 7).replacen(char::is_numeric, "", 6),
    |row| row.replacen("@post", "\u{feff}post", 1),
];

proptest! {
    #[test]
    fn the_reader_never_panics(
        organization in prop::collection::vec(any::<u8>(), 0..200),
        canaries in prop::collection::vec(any::<u8>(), 0..200),
        deliveries in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
    ) {
        read_all(&organization, &canaries, deliveries.as_deref());
    }

    #[test]
    fn the_reader_never_panics_on_nearly_sound_files(
        rows in "([a-z0-9,\"|@=+é闻\r\n\t;-]|customers|H01|2026-01-01){0,120}",
        toml in "([a-z\\[\\]=\"\n]|prior = |0\\.5|\\[\\[contact\\]\\]\n|name = \"x\"\n){0,40}",
    ) {
        read_all(format!("{ORGANIZATION}{toml}").as_bytes(), format!("{HEADER}\n{rows}").as_bytes(), Some(rows.as_bytes()));
    }

    #[test]
    fn a_single_spoiled_line_is_reported_at_its_line(at in 0..30_usize, spoiler in 0..SPOILERS.len()) {
        let spoil = SPOILERS[spoiler];
        let rows: Vec<String> = (0..30)
            .map(|number| if number == at { spoil(&sound_row(number)) } else { sound_row(number) })
            .collect();
        let (watchlist, problems) = read_rows(&rows.join("\n"));
        prop_assert!(watchlist.is_none());
        for problem in problems.listed() {
            prop_assert_eq!(problem.line, Some(at as u64 + 2), "{}", problem);
        }
    }

    #[test]
    fn a_single_foreign_byte_is_reported_at_its_line(at in 0..30_usize, byte in 0x80_u8..=0xFF) {
        let rows: Vec<String> = (0..30).map(sound_row).collect();
        let mut bytes = format!("{HEADER}\n{}\n", rows.join("\n")).into_bytes();
        let start = HEADER.len() + 1 + rows.iter().take(at).map(|row| row.len() + 1).sum::<usize>();
        bytes[start + 30] = byte;
        let (watchlist, problems) = read_all(ORGANIZATION.as_bytes(), &bytes, None);
        prop_assert!(watchlist.is_none());
        prop_assert_eq!(problems.listed().first().and_then(|problem| problem.line), Some(at as u64 + 2));
    }
}
