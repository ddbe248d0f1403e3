//! Results on standard output (tables or JSON lines); progress and talk on standard error.
//!
//! Text that was crawled is stripped of control characters here, so that it cannot drive the terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::Duration;

use comfy_table::{ContentArrangement, LineStyle, Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::config::is_colour_unwanted;

/// Bars and log lines share the terminal through this.
static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8)));

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talk {
    /// Progress and notes.
    Normal,
    /// Errors only.
    Quiet,
}

/// Where results and talk go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
    talk: Talk,
}

impl Output {
    /// Takes the format asked for, else a table on a terminal and JSON elsewhere.
    pub(crate) fn new(format: Option<Format>, talk: Talk) -> Self {
        let usual = if io::stdout().is_terminal() { Format::Table } else { Format::Json };
        Self { format: format.unwrap_or(usual), talk }
    }

    /// Returns how results are printed.
    pub(crate) const fn format(self) -> Format {
        self.format
    }

    /// Returns the same output, always for people.
    pub(crate) const fn as_tables(self) -> Self {
        Self { format: Format::Table, ..self }
    }

    /// Prints a line of results.
    ///
    /// # Errors
    /// When standard output is closed.
    #[expect(clippy::unused_self, reason = "the one way to standard output")]
    pub(crate) fn line(self, text: impl Display) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{text}")
    }

    /// Prints one JSON object on a line.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(crate) fn json(self, row: &impl Serialize) -> io::Result<()> {
        self.line(serde_json::to_string(row)?)
    }

    /// Prints a table; cells are cleaned of control characters.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(crate) fn table(self, headers: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING.header_separator(LineStyle::none().fill('─').junction('─')))
            .set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(headers.iter().copied());
        for row in rows {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        self.line(table)
    }

    /// Says something on standard error.
    pub(crate) fn note(self, text: impl Display) {
        if self.talk == Talk::Normal {
            say(&text.to_string());
        }
    }

    /// Makes a progress bar on a terminal; elsewhere a hidden one, for which the caller prints plain lines with
    /// [`Output::note`]. `length` is the number of steps, if known.
    pub(crate) fn bar(self, length: Option<u64>, template: &str) -> ProgressBar {
        if !self.has_bars() {
            return ProgressBar::hidden();
        }
        let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(125));
        BARS.add(bar)
    }

    /// Tells whether progress is drawn as bars.
    pub(crate) fn has_bars(self) -> bool {
        self.talk == Talk::Normal && io::stderr().is_terminal()
    }
}

/// Prints an error on standard error.
pub(crate) fn complain(text: &str) {
    let (start, end) =
        if io::stderr().is_terminal() && !is_colour_unwanted() { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    say(&format!("{start}error:{end} {}", printable_lines(text)));
}

fn say(text: &str) {
    // Standard error may be closed; there is nobody left to tell.
    BARS.suspend(|| drop(writeln!(io::stderr().lock(), "{text}")));
}

/// Returns the text without control and bidirectional formatting characters; a line break becomes a space.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            '\n' | '\r' | '\t' => Some(' '),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => None,
            other if other.is_control() => None,
            other => Some(other),
        })
        .collect()
}

fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Log lines pass through here so that they do not tear a progress bar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProgressSafeStderr;

impl Write for ProgressSafeStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl<'writer> tracing_subscriber::fmt::MakeWriter<'writer> for ProgressSafeStderr {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crawled_text_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\u{202e}x\ny"), "a[31mredx y");
    }
}
