//! `register exposure`: who holds how much of what, with which marks, and what a leak of it would prove today.

use super::Register;
use crate::domain::attribution::{Exposure, Leak};
use crate::faces::cli::context::Context;
use crate::faces::cli::output::Format;

pub(super) fn run(register: &Register, custodian: Option<&str>, context: &Context) -> anyhow::Result<()> {
    let mut exposures = Exposure::all(&register.watchlist, &register.kinds, register.on);
    exposures.retain(|exposure| custodian.is_none_or(|code| exposure.custodian == code));
    match context.output.format() {
        Format::Json => exposures.iter().try_for_each(|exposure| context.output.json(exposure))?,
        Format::Table => {
            let headers = ["copy", "dataset", "rows", "since", "marks", "20 rows", "200 rows", "all", "what to do"];
            context.output.table(&headers, &exposures.iter().map(row).collect::<Vec<_>>())?;
        }
    }
    if exposures.is_empty() {
        context.output.note("nobody holds a copy today, as far as deliveries.csv tells");
    } else {
        context.output.note(
            "a leak of so many rows would name the copy in so many of ten leaks made up (a fifth of the rows junk, a tenth not found)",
        );
    }
    Ok(())
}

fn row(exposure: &Exposure) -> Vec<String> {
    let named = |wanted: Option<u64>| {
        let leak = exposure.leaks.iter().find(|leak| leak.rows == wanted);
        leak.map_or_else(|| "-".to_owned(), |Leak { named, .. }| format!("{:.0} %", named * 100.0))
    };
    let mut marks = vec![format!("{} own, {} drawn", exposure.unique, exposure.drawn)];
    marks.extend(exposure.share.map(|share| format!("share {share}")));
    marks.extend(exposure.rendered.then(|| "rendered".to_owned()));
    vec![
        exposure.custodian.clone(),
        exposure.dataset.clone(),
        exposure.rows.map(|rows| rows.to_string()).unwrap_or_default(),
        exposure.since.to_string(),
        marks.join(", "),
        named(Some(20)),
        named(Some(200)),
        named(None),
        exposure.advice.clone(),
    ]
}
