//! The report for people: one content, laid out as plain text and as one self-contained page of HTML.
//!
//! It is written for somebody who has to rely on it: what was found, what it proves and at which error, other
//! explanations, assumptions, what the bound does not cover, how to check it. It never says that somebody stole anything.

use std::fmt::Write as _;

use super::Bounds;
use super::report::{FoundAt, RecordLine, Report, Verdict};

/// Rows of a table that are shown; the JSON report has all.
const ROWS_SHOWN: usize = 100;

/// A report, ready to be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    title: String,
    lead: String,
    sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    heading: &'static str,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Text(String),
    List(Vec<String>),
    Table(Vec<&'static str>, Vec<Vec<String>>),
}

impl Document {
    /// Words a report.
    pub fn of(report: &Report) -> Self {
        let line = report.line();
        let mut letters = line.chars();
        let lead =
            letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()));
        Self {
            title: format!("Whose copy leaked: case {}", report.findings.case),
            lead,
            sections: vec![
                found(report),
                proved(report),
                when(report),
                others(report),
                Section { heading: "What this rests on", blocks: vec![Block::List(report.assumptions.clone())] },
                Section {
                    heading: "What the error bound does not cover",
                    blocks: vec![Block::List(report.outside.clone())],
                },
                check(report),
            ],
        }
    }

    /// Lays it out as plain text.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.title, self.lead);
        for section in &self.sections {
            let _ = write!(text, "\n{}\n", section.heading.to_uppercase());
            for block in &section.blocks {
                match block {
                    Block::Text(paragraph) => {
                        let _ = writeln!(text, "{paragraph}");
                    }
                    Block::List(items) => items.iter().for_each(|item| {
                        let _ = writeln!(text, "- {item}");
                    }),
                    Block::Table(headers, rows) => push_table(&mut text, headers, rows),
                }
            }
        }
        text
    }

    /// Lays it out as one page of HTML, nothing external.
    pub fn html(&self) -> String {
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\n\
             <body><main><h1>{title}</h1>\n<p class=\"lead\">{lead}</p>\n",
            title = escaped(&self.title),
            lead = escaped(&self.lead),
        );
        for section in &self.sections {
            let _ = writeln!(html, "<section><h2>{}</h2>", escaped(section.heading));
            for block in &section.blocks {
                push_html(&mut html, block);
            }
            html.push_str("</section>\n");
        }
        html.push_str("</main></body></html>\n");
        html
    }
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1a1d21;background:#fff;margin:0}\
main{max-width:52rem;margin:0 auto;padding:2rem 1rem}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}\
.lead{font-size:1.15rem;border-left:4px solid #1f5fa8;padding-left:1rem}table{border-collapse:collapse;width:100%;font-size:.9rem}\
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5d9de;vertical-align:top}\
@media(prefers-color-scheme:dark){body{color:#e6e8ea;background:#14171a}th,td{border-color:#343a41}}\
@media print{main{max-width:none}}";

fn found(report: &Report) -> Section {
    let mut hits: Vec<&FoundAt> = report.hits.iter().collect();
    // What proves most comes first: the table may be cut.
    hits.sort_by_key(|hit| (hit.role != "unique", hit.holders.len()));
    let published = format!("The rows were published on {} at the latest.", report.findings.published_by);
    let mut blocks = vec![
        Block::Text(published),
        Block::Text(match hits.len() {
            0 => "No planted record was found.".to_owned(),
            1 => "One planted record was found. It exists in the copies named below and nowhere else.".to_owned(),
            many => {
                format!(
                    "{many} planted records were found. Each exists in the copies named beside it and nowhere else."
                )
            }
        }),
    ];
    let rows = hits.iter().take(ROWS_SHOWN).map(|hit| {
        let chosen = match hit.role.as_str() {
            "unique" => "planted in this copy alone",
            "drawn" => "drawn at random for each copy",
            _ => "not known",
        };
        vec![hit.canary.clone(), hit.holders.join(", "), repeated(hit.bits), chosen.to_owned()]
    });
    if !hits.is_empty() {
        let headers = vec![
            "planted record",
            "copies that hold it",
            "chance that a row made up repeats what was found of it",
            "how its copies were chosen",
        ];
        blocks.push(Block::Table(headers, rows.collect()));
    }
    if hits.len() > ROWS_SHOWN {
        blocks.push(Block::Text(format!("{} more are in the JSON report.", hits.len() - ROWS_SHOWN)));
    }
    if let Some(records) = &report.records {
        blocks.push(Block::Text(of_records(records)));
    }
    if report.findings.others > 0 {
        blocks.push(Block::Text(format!(
            "{} other entries of the organization were found. They show that rows are the organization's, not whose copy they are.",
            report.findings.others
        )));
    }
    blocks.push(Block::Text(format!(
        "The findings are 10^{} times as likely if the rows are the organization's as if they are foreign.",
        report.lr_ours
    )));
    Section { heading: "What was found", blocks }
}

/// `1 in 4 × 10^12` for 42 bits: nobody thinks in powers of two.
fn repeated(bits: u32) -> String {
    let tens = f64::from(bits) * std::f64::consts::LOG10_2;
    match bits {
        0 => "it was not drawn at random".to_owned(),
        1..20 => format!("1 in {:.0}", f64::from(bits).exp2()),
        _ => format!("1 in {:.0} × 10^{:.0}", 10_f64.powf(tens.fract()).floor(), tens.floor()),
    }
}

fn of_records(records: &RecordLine) -> String {
    let rendered = match records.rendered {
        0 => String::new(),
        rendered => format!(" {rendered} of them stand in rows that show how a copy was rendered."),
    };
    format!(
        "{} records of customers were found, known by keyed fingerprints of {}; of each it is known which copies were given it.{rendered}",
        records.found, records.kind
    )
}

fn proved(report: &Report) -> Section {
    let (epsilon, copies) = (report.findings.epsilon, report.custodians.len());
    let said = match report.verdict {
        Verdict::CopyNamed => {
            let codes: Vec<&str> = report.accused.iter().map(|accused| accused.code.as_str()).collect();
            format!(
                "The findings are consistent with the delivered copies of {} having been published. A copy that was not published \
                 would be named here with probability {epsilon:e} at most, over all {copies} copies together, whatever \
                 whoever published the rows did with them.",
                codes.join(", ")
            )
        }
        Verdict::Upstream => "The findings are consistent with the organization's own copy, or one upstream of all deliveries, having been \
             published: it holds what the copies hold together, and explains the findings better than any of them. No copy is named, \
             even if marks of it alone were found. Several copies put together could look the same."
            .to_owned(),
        Verdict::CannotTell => format!(
            "No copy is named: for none do the findings reach the strength at which a copy that was not published would be \
             named with probability {epsilon:e} at most."
        ),
        Verdict::NotOurs => "The rows are more than 99 % likely to be foreign; no copy is named.".to_owned(),
    };
    let mut blocks = vec![Block::Text(said)];
    if let Some(rows) = report.more_rows {
        blocks.push(Block::Text(format!("About {rows} more rows of the same kind would decide.")));
    }
    let bounds = Bounds::new(copies, epsilon);
    blocks.push(Block::Text(format!(
        "A copy is named where its ln e-value is {:.1} or more, or its chance of hits {:.1e} or less. The e-value of a copy averages \
         1 at most if it was not published, so that it reaches so much in {:.1e} of such cases at most; the chance of hits is that \
         of so many records planted in it alone being repeated by accident. The probability weighs all evidence and prior \
         belief, and names nobody. The guilt of Papadimitriou and Garcia-Molina (2011) is given for comparison; it has no error \
         bound.",
        bounds.ln_e,
        bounds.ln_chance.exp(),
        (-bounds.ln_e).exp(),
    )));
    let headers = vec!["copy", "ln e-value", "chance of hits", "probability", "found records it holds", "guilt (2011)"];
    let rows = report.custodians.iter().take(ROWS_SHOWN).map(|line| {
        vec![
            line.code.clone(),
            format!("{:.1}", line.ln_e),
            if line.p < 1.0 { format!("{:.1e}", line.p) } else { "1".to_owned() },
            percent(line.probability),
            line.holds.to_string(),
            format!("{:.2}", line.guilt),
        ]
    });
    blocks.push(Block::Table(headers, rows.collect()));
    Section { heading: "What it proves, and at which error", blocks }
}

fn when(report: &Report) -> Section {
    let said = match report.window {
        Some((from, to)) => format!(
            "With 95 % probability the copy was taken between {from} and {to}: it holds records that were in the copies then, \
             and lacks those that were planted later or had been taken out."
        ),
        None => "Nothing that was found tells when the copy was taken.".to_owned(),
    };
    Section { heading: "When the copy was taken", blocks: vec![Block::Text(said)] }
}

fn others(report: &Report) -> Section {
    let said = if report.upstream_not_excluded {
        "A leak at the organization itself, or upstream of all deliveries, is not excluded."
    } else {
        "A leak at the organization itself, or upstream of all deliveries, is less than 1 % probable."
    };
    let rows = report.posterior.iter().map(|weighed| {
        let copies = match weighed.copies.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["OWNER"] => "the organization's own copy, or upstream".to_owned(),
            ["OTHER"] => "foreign data".to_owned(),
            codes => codes.join(" and "),
        };
        vec![copies, percent(weighed.probability)]
    });
    let table = Block::Table(vec!["origin", "probability"], rows.collect());
    Section { heading: "Other explanations", blocks: vec![Block::Text(said.to_owned()), table] }
}

fn check(report: &Report) -> Section {
    let blocks = vec![
        Block::Text(
            "Whoever holds the organization's watchlist computes the JSON report again, to the byte: \
             dyepack attribute verify REPORT.json --watchlist DIR"
                .to_owned(),
        ),
        Block::List(vec![
            format!("organization: {}", report.findings.organization),
            format!("table of planted records, SHA-256: {}", report.table_sha256),
            format!("computed by: {}", report.build),
        ]),
    ];
    Section { heading: "How to check this", blocks }
}

fn percent(probability: f64) -> String {
    match probability {
        p if p >= 0.9995 => "more than 99.9 %".to_owned(),
        p if p < 0.0005 => "less than 0.1 %".to_owned(),
        p => format!("{:.1} %", p * 100.0),
    }
}

fn push_table(text: &mut String, headers: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headers[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headers.len()).map(width).collect();
    let mut push = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "  {}", padded.join("  ").trim_end());
    };
    push(headers.to_vec());
    for row in rows {
        push(row.iter().map(String::as_str).collect());
    }
}

fn push_html(html: &mut String, block: &Block) {
    match block {
        Block::Text(paragraph) => {
            let _ = writeln!(html, "<p>{}</p>", escaped(paragraph));
        }
        Block::List(items) => {
            html.push_str("<ul>");
            push_cells(html, "li", items.iter().map(String::as_str));
            html.push_str("</ul>\n");
        }
        Block::Table(headers, rows) => {
            html.push_str("<table><thead><tr>");
            push_cells(html, "th", headers.iter().copied());
            html.push_str("</tr></thead><tbody>");
            for row in rows {
                html.push_str("<tr>");
                push_cells(html, "td", row.iter().map(String::as_str));
                html.push_str("</tr>");
            }
            html.push_str("</tbody></table>\n");
        }
    }
}

fn push_cells<'c>(html: &mut String, tag: &str, cells: impl Iterator<Item = &'c str>) {
    for cell in cells {
        let _ = write!(html, "<{tag}>{}</{tag}>", escaped(cell));
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::enrolled::tests::{findings, watchlist};
    use super::*;

    fn report() -> Report {
        let watchlist = watchlist();
        Report::of(&watchlist, &findings(&watchlist, |canary| canary.holders.iter().any(|holder| holder == "H02")))
    }

    #[test]
    fn both_layouts_say_what_was_found_what_it_proves_and_what_it_does_not() {
        let document = Document::of(&report());
        for laid_out in [document.text(), document.html()] {
            for said in ["consistent with", "H02", "1e-6", "u1001", "never a person", "15.3 or more", "Hosting"] {
                assert_eq!(laid_out.contains(said), said != "Hosting", "{said} in {laid_out}");
            }
            for accusation in ["stole", "thief", "guilty", "culprit"] {
                assert!(!laid_out.to_lowercase().contains(accusation), "{accusation}");
            }
        }
    }

    #[test]
    fn chances_are_told_in_tens() {
        for (bits, said) in
            [(0, "not drawn"), (1, "1 in 2"), (10, "1 in 1024"), (42, "1 in 4 × 10^12"), (90, "1 in 1 × 10^27")]
        {
            assert!(repeated(bits).contains(said), "{bits}: {}", repeated(bits));
        }
    }

    #[test]
    fn hostile_ids_do_not_break_the_page() {
        let mut report = report();
        report.hits[0].canary = "<script>alert(1)</script>".to_owned();
        report.findings.case = "\"><img src=x>".to_owned();
        let html = Document::of(&report).html();
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    }

    #[test]
    fn a_report_without_a_name_names_nobody() {
        let watchlist = watchlist();
        let report = Report::of(&watchlist, &findings(&watchlist, |_| false));
        let text = Document::of(&report).text();
        assert!(
            text.contains("Cannot tell whose copy leaked") && text.contains("No planted record was found"),
            "{text}"
        );
    }
}
