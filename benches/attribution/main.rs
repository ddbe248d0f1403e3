//! The simulator of attribution: leaks of every kind against who is named, with fixed seeds.
//!
//! `cargo bench --bench attribution` runs every part briefly; `cargo bench --bench attribution -- PART [TRIALS]` one at length:
//! `dumps`, `rows`, `masked`, `renderings`, `cleaned`, `framing`, `forged`, `windows`, `calibration`, `world`, `speed`,
//! `identities [COUNT]`, `innocent [TESTS]`.
//! docs/attribution.md holds the figures. Not here: text through the matcher (`tests/it/leaks.rs`).
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(clippy::cast_precision_loss, reason = "counts are small")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shares of small counts")]

mod dice;
mod innocent;
mod leaks;
mod speed;
mod whole;
mod world;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let part = args.first().map_or("all", String::as_str);
    let count = |usual: usize| args.get(1).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let parts: [(&str, Part, usize); 13] = [
        ("dumps", leaks::dumps, 20),
        ("rows", leaks::rows, 20),
        ("masked", leaks::masked, 20),
        ("renderings", leaks::renderings, 20),
        ("cleaned", leaks::cleaned, 20),
        ("framing", leaks::framing, 20),
        ("forged", leaks::forged, 10_000),
        ("windows", leaks::windows, 200),
        ("calibration", leaks::calibration, 50),
        ("world", whole::world, 40),
        ("speed", speed::speed, 1),
        ("identities", speed::identities, 100_000),
        ("innocent", innocent::innocent, 20_000),
    ];
    for (name, run, usual) in parts {
        if part == "all" || part == name {
            println!("\n{name}");
            run(count(usual));
        }
    }
}

/// Runs so many trials and prints what they show.
type Part = fn(usize);

/// Seconds of CPU that this process has used: other work on the machine does not count. 0 where `/proc` is not.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // User and system time, in hundredths of a second.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
