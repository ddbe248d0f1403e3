//! How long weighing and minting take.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Instant;

use dyepack::domain::attribution::{
    EPSILON, Evidence, Findings, FoundRecord, Posterior, Prior, Report, Strategy, ln_e_values,
};
use dyepack::domain::fingerprints::Fingerprints;
use dyepack::domain::mint::{Profiler, Request, Reserved, mint};
use dyepack::domain::watchlist::{Chance, Files, Problems, Watchlist};

use super::cpu;
use super::dice::Dice;
use super::leaks::{CUSTODIANS, Leak, P, plant, publish};

/// Words of the table that identities are made after: given names, surnames, and how both are spelled in mail addresses.
const PEOPLE: [[&str; 16]; 4] = [
    [
        "Amelia", "Bastian", "Corin", "Delphine", "Edric", "Fiora", "Gareth", "Hollis", "Ines", "Jorah", "Katrin",
        "Leopold", "Maren", "Nadia", "Orson", "Petra",
    ],
    [
        "Okafor", "Brandt", "Castell", "Dunmore", "Ellery", "Fenwick", "Grayling", "Hartwell", "Ingram", "Jessop",
        "Kestrel", "Lowther", "Marlowe", "Norwood", "Oakes", "Penrose",
    ],
    [
        "Лука",
        "Савва",
        "Глеб",
        "Тихон",
        "Арсений",
        "Фома",
        "Прохор",
        "Макар",
        "Мирон",
        "Остап",
        "Демид",
        "Лев",
        "Родион",
        "Клим",
        "Назар",
        "Ефим",
    ],
    [
        "Ветров",
        "Громов",
        "Лесков",
        "Озеров",
        "Полянов",
        "Рощин",
        "Снегов",
        "Тучин",
        "Утёсов",
        "Хмелев",
        "Цветков",
        "Чагин",
        "Шумов",
        "Щукин",
        "Яров",
        "Зорин",
    ],
];

/// Identities in three languages, every value from a reserved range.
pub(crate) fn identities(count: usize) {
    let mut profiler = Profiler::new("id,name,phone,email,card_no,address,birth_date,balance".split(','));
    let mut dice = Dice(11);
    for row in 0..30_000_u32 {
        let [given, surname] = [dice.below(16), dice.below(16)];
        let (name, mail) = match row % 3 {
            0 => {
                let (given, surname) = (PEOPLE[0][given], PEOPLE[1][surname]);
                (format!("{given} {surname}"), format!("{given}.{surname}{:03}", row % 1000).to_lowercase())
            }
            1 => (
                ["王小明", "李伟", "张静怡", "陈思远"][given % 4].to_owned(),
                format!("qq{:08}", 10_000_019 * (row % 9 + 1) + row),
            ),
            _ => (format!("{} {}", PEOPLE[3][surname], PEOPLE[2][given]), format!("user{:07}", 1_000_000 + 97 * row)),
        };
        let cells = [
            format!("{}", row * 1009),
            name,
            "+1 555 0100000".to_owned(),
            format!("{mail}@post.example"),
            "9999 1200 0000 0018".to_owned(),
            format!("{} Harbour Road, Gullhaven", row % 90 + 1),
            format!("19{:02}-04-{:02}", row % 60 + 40, row % 28 + 1),
            format!("{}.25", row * 31),
        ];
        profiler.row(cells.iter().map(String::as_str));
    }
    let mut profile = profiler.finish();
    let one = |text: &str| vec![text.to_owned()];
    profile.reserved = Reserved {
        pan: one("999912##########"),
        phone: ["+1 555 #######", "+86 120########", "+7 000 #######"].map(str::to_owned).to_vec(),
        email: one("mail.example-bank.example"),
        ..Reserved::default()
    };
    let request = Request {
        dataset: "customers".to_owned(),
        planted_at: "2026-03-02".parse().expect("a day"),
        custodians: (0..CUSTODIANS).map(|number| format!("H{number:02}")).collect(),
        unique: 0,
        shared: count.try_into().unwrap_or(u32::MAX),
        p: P.into_iter().filter_map(Chance::new).collect(),
        taken: HashSet::new(),
        customers: Fingerprints::default(),
    };
    let (start, began) = (Instant::now(), cpu());
    match mint(&profile, &request, &[7; 32]) {
        Ok(table) => println!(
            "{} identities in {:.1} s of CPU, {:.1} s",
            table.canaries.len(),
            cpu() - began,
            start.elapsed().as_secs_f64()
        ),
        Err(error) => println!("cannot {error}"),
    }
}

pub(crate) fn speed(_: usize) {
    report();
    for (custodians, records) in [(20, 1_000), (100, 100_000)] {
        let mut dice = Dice(31);
        let mut evidence = Evidence::new(custodians);
        plant(&mut evidence, 400, Leak { leakers: 1, strategy: Strategy::One, rate: 0.9, guessed: 0.0 }, &mut dice);
        publish(&mut evidence, (records, 0.5, 0.2), 1, &mut dice);
        let (start, began) = (Instant::now(), cpu());
        let found = ln_e_values(&evidence);
        let weighed = cpu() - began;
        let posterior = Posterior::of(&evidence, &Prior::even(custodians), -1e9);
        println!(
            "{custodians} custodians, {records} rows, 400 canaries: e-values {:.0} ms of CPU, with the posterior {:.0} ms of CPU, \
             {:.0} ms (ln E {:.0}, top {:?})",
            weighed * 1e3,
            (cpu() - began) * 1e3,
            start.elapsed().as_secs_f64() * 1e3,
            found[0],
            posterior.origins[0].0
        );
    }
}

/// A report from the watchlist and the findings on: 100 custodians, each with a drawn half, 10^5 records found.
fn report() {
    const MANY: usize = 100;
    let mut dice = Dice(43);
    let mut organization =
        "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@bank.example\"\n\
        [[dataset]]\nid = \"customers\"\nrows = 1000000\n"
            .to_owned();
    let mut deliveries = "delivery,dataset,custodian,delivered_at,rows,share,key\n".to_owned();
    for number in 0..MANY {
        let _ = writeln!(organization, "[[custodian]]\ncode = \"H{number:02}\"\nname = \"Hosting {number}\"");
        let (high, low) = (dice.next(), dice.next());
        let _ = writeln!(
            deliveries,
            "d{number:02},customers,H{number:02},2026-01-05,500000,0.5,pan-1:{high:016x}{low:016x}"
        );
    }
    let canaries =
        "canary,dataset,holders,planted_at,retired_at,email\nc1,customers,H00,2026-01-05,,planted@bank.example\n";
    let files = Files {
        folder: "example-bank",
        path: "",
        organization: Some(organization.as_bytes()),
        canaries: Some(canaries.as_bytes()),
        deliveries: Some(deliveries.as_bytes()),
    };
    let mut problems = Problems::default();
    let Some(watchlist) = Watchlist::read(&files, &mut problems) else {
        println!("{problems}");
        return;
    };
    let delivery = &watchlist.deliveries[0];
    let is_given = |tag: &u64| {
        delivery.deal.as_ref().zip(delivery.share).is_some_and(|(deal, share)| deal.of(*tag).is_given(share))
    };
    let record = |tag: u64| FoundRecord { entry: format!("fp:pan:{tag:016x}"), renderings: 0, deliveries: Vec::new() };
    let findings = Findings {
        organization: "example-bank".to_owned(),
        case: "C-00000001".to_owned(),
        epsilon: EPSILON,
        rows: None,
        published_by: "2026-04-01".parse().expect("a day"),
        canaries: Vec::new(),
        others: 0,
        records: std::iter::repeat_with(|| dice.next()).filter(is_given).take(100_000).map(record).collect(),
        filed: Vec::new(),
        tested: Vec::new(),
    };
    let (start, began) = (Instant::now(), cpu());
    let report = Report::of(&watchlist, &findings);
    println!(
        "{MANY} custodians with drawn halves, {} records: whole report {:.0} ms of CPU, {:.0} ms, {}",
        findings.records.len(),
        (cpu() - began) * 1e3,
        start.elapsed().as_secs_f64() * 1e3,
        report.line()
    );
}
