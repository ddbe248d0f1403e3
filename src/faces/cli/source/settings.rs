//! The settings of a source as they are given: a TOML file, and flags that outweigh it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::domain::session::Login;
use crate::domain::source::{Settings, Source};
use crate::faces::cli::Failure;
use crate::faces::cli::context::Context;
use crate::ports::accounts;

/// What a person may set for a source
#[derive(Debug, clap::Args)]
pub(super) struct SettingsArgs {
    /// A TOML file with any of: label, `pace_ms`, concurrency, `user_agent`, login, follow, skip, and tables robots, hours, budget, recipe
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Least time between two requests: 500ms, 2s, 1m [default: 2s; none for a loopback address]
    #[arg(long, value_parser = parse_pace)]
    pace: Option<Duration>,
    /// Requests in flight at once [default: 1; 8 for a loopback address]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: Option<u32>,
    /// What mails and tables call it [default: its host]
    #[arg(long)]
    label: Option<String>,
    /// A file with user and password (TOML), or with cookies exported from a browser; chmod 600
    #[arg(long, value_name = "FILE")]
    login: Option<PathBuf>,
}

impl SettingsArgs {
    /// Returns the source with what was given; a file replaces all settings that the source has.
    ///
    /// # Errors
    /// `Failure::Usage` with the line and how to mend it.
    pub(super) async fn apply(self, bare: Source, known: Source, context: &Context) -> anyhow::Result<Source> {
        let (source, mut settings) = match &self.settings {
            Some(path) => (bare, read(path).await?),
            None => (known.clone(), known.settings),
        };
        if let Some(pace) = self.pace {
            settings.pace_ms = Some(u64::try_from(pace.as_millis()).unwrap_or(u64::MAX));
        }
        settings.concurrency = self.concurrency.or(settings.concurrency);
        settings.label = self.label.or(settings.label);
        let source = source.with(settings);
        let login = self.login.or_else(|| source.settings.login.clone());
        match login {
            Some(login) => with_login(source, &login, context).await,
            None => Ok(source),
        }
    }
}

/// Returns the source with a login file, which must be one.
///
/// # Errors
/// `Failure::Usage` if the file cannot be used.
pub(in crate::faces::cli) async fn with_login(
    mut source: Source,
    login: &Path,
    context: &Context,
) -> anyhow::Result<Source> {
    let login = std::path::absolute(login).with_context(|| format!("cannot name {} in full", login.display()))?;
    match accounts::read(&login, &source.start_url, context.clock.now()).await {
        Ok(Login::Account(_) | Login::Cookies(_)) => {}
        Err(error) => return Err(Failure::Usage(format!("cannot {error}")).into()),
    }
    source.settings.login = Some(login);
    Ok(source)
}

/// Reads a file of settings; a login that it names lies beside it.
async fn read(path: &Path) -> anyhow::Result<Settings> {
    let usage = |reason: String| Failure::Usage(format!("cannot use the settings {}: {reason}", path.display()));
    let text = tokio::fs::read_to_string(path).await.map_err(|error| usage(error.to_string()))?;
    let mut settings = Settings::parse(&text).map_err(|error| usage(error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    settings.login = settings.login.map(|login| folder.join(login));
    Ok(settings)
}

fn parse_pace(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| "write a number and a unit: 500ms, 2s, 1m".to_owned())?;
    let seconds = match unit.trim() {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        other => return Err(format!("{other:?} is not a unit of time; use ms, s, m or h")),
    };
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|pace| *pace <= Duration::from_hours(24))
        .ok_or_else(|| "a pace lies between 0 and 24h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_number_and_a_unit() {
        for (text, expected) in [
            ("500ms", Some(Duration::from_millis(500))),
            ("2s", Some(Duration::from_secs(2))),
            ("1.5", Some(Duration::from_millis(1500))),
            ("1m", Some(Duration::from_mins(1))),
            ("0", Some(Duration::ZERO)),
            ("-1s", None),
            ("2 fortnights", None),
            ("999h", None),
            ("", None),
        ] {
            assert_eq!(parse_pace(text).ok(), expected, "{text}");
        }
    }
}
