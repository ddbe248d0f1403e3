//! `check`: looks at everything the product stands on, and says what is wrong and how to mend it.

use serde::Serialize;

use super::context::Context;
use super::fares::judged;
use super::output::Format;
use super::source::fetch_options;
use super::{Exit, alert};
use crate::domain::fingerprints::{Enrolment, Label};
use crate::domain::health::{Alarm, AlarmKind};
use crate::domain::source::Network;
use crate::ports::fetch::{Answers, Fetcher};
use crate::ports::store::{AuditVerdict, Store};

/// Checks configuration, database, watchlists, sources, mail and networks
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dyepack check\n\nEnds with 0 if all is well and with 1 if something is to be mended."
)]
pub(super) struct Args {}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    ok: bool,
    detail: String,
}

/// Runs `check`.
pub(super) async fn run(_: &Args, context: &Context) -> anyhow::Result<Exit> {
    let mut findings = vec![configuration(context), severity(context)];
    match context.open_store().await {
        Ok(store) => {
            findings.push(well("database", format!("opened; kept in {}", context.store_place())));
            findings.push(audit(&store).await);
            findings.push(head(&store).await);
            findings.extend(watchlists(&store).await);
            findings.extend(fingerprints(&store, context).await);
            findings.extend(sources(&store, context).await);
            findings.extend(watch(&store, context).await);
        }
        Err(error) => findings.push(ill("database", format!("{error:#}"))),
    }
    findings.push(mail(context).await);
    findings.extend(networks(context).await);
    show(&findings, context)?;
    Ok(if findings.iter().all(|finding| finding.ok) { Exit::Done } else { Exit::Problems })
}

fn well(check: impl Into<String>, detail: impl Into<String>) -> Finding {
    Finding { check: check.into(), ok: true, detail: detail.into() }
}

fn ill(check: impl Into<String>, detail: impl Into<String>) -> Finding {
    Finding { check: check.into(), ok: false, detail: detail.into() }
}

fn severity(context: &Context) -> Finding {
    let told = match &context.config.severity {
        Some(table) if table.is_empty() => return ill("severity", "the table has no rule: every case counts as low"),
        Some(table) => format!("{} rules of the configuration; cases are weighed by them as they change", table.len()),
        None => "the default table; dyepack init writes it, to be changed".to_owned(),
    };
    well("severity", told)
}

/// A broken configuration ends the program before this; so it only says which one counts.
fn configuration(context: &Context) -> Finding {
    match &context.config.path {
        Some(path) => well("configuration", format!("read from {}", path.display())),
        None => well("configuration", "none: defaults and DYEPACK_… variables; write one with: dyepack init"),
    }
}

async fn audit(store: &Store) -> Finding {
    match store.verify_audit().await {
        Ok(AuditVerdict::Whole { rows }) => well("audit log", format!("whole: {rows} rows follow from each other")),
        Ok(AuditVerdict::Broken { number }) => ill(
            "audit log",
            format!("row {number} was changed, removed or put in; compare with a backup before going on"),
        ),
        Err(error) => ill("audit log", format!("cannot be read: {error}")),
    }
}

async fn head(store: &Store) -> Finding {
    let check = "signed head";
    match store.newest_head().await {
        Ok(None) => well(check, "none yet: a crawl signs one each day, or: dyepack evidence head --sign"),
        Ok(Some(head)) => match (&head.stamp, &head.stamp_error) {
            (None, Some(error)) => {
                ill(check, format!("that of {} is not time-stamped: {error}; tried again", head.day))
            }
            (Some(_), _) => well(check, format!("the newest is of {}, time-stamped", head.day)),
            (None, None) => well(check, format!("the newest is of {}", head.day)),
        },
        Err(error) => ill(check, format!("cannot be read: {error}")),
    }
}

async fn watchlists(store: &Store) -> Vec<Finding> {
    let watchlists = match store.watchlists().await {
        Ok(watchlists) => watchlists,
        Err(error) => return vec![ill("watchlists", format!("cannot be read: {error}"))],
    };
    if watchlists.is_empty() {
        return vec![ill("watchlists", "none is enrolled; try: dyepack watchlist import watchlists/example-bank")];
    }
    let mut findings = Vec::new();
    for watchlist in watchlists {
        let id = &watchlist.organization.id;
        let check = format!("watchlist {id}");
        let canaries = watchlist.canaries.len();
        findings.push(match store.confirmed_contacts(id).await {
            Ok(contacts) if contacts.is_empty() => ill(
                check,
                format!(
                    "{canaries} canaries, but no confirmed contact: its alerts wait; import it again without --confirm"
                ),
            ),
            Ok(contacts) => well(check, format!("{canaries} canaries, {} confirmed contacts", contacts.len())),
            Err(error) => ill(check, format!("its contacts cannot be read: {error}")),
        });
    }
    findings
}

async fn fingerprints(store: &Store, context: &Context) -> Vec<Finding> {
    let files = match store.fingerprint_files().await {
        Ok(files) => files,
        Err(error) => return vec![ill("fingerprints", format!("cannot be read: {error}"))],
    };
    let vault = context.vault();
    let finding = |file: Enrolment| {
        let Label { organization, kind, epoch, .. } = &file.label;
        let check = format!("fingerprints {organization}: {kind}, epoch {epoch}");
        match vault.blindness(&file) {
            Some(blind) => ill(check, format!("{}; {}", blind.reason, blind.mend)),
            None => well(check, format!("{} of them; key and file are here", file.count)),
        }
    };
    files.into_iter().map(finding).collect()
}

async fn sources(store: &Store, context: &Context) -> Vec<Finding> {
    let rows = match store.sources(context.clock.now()).await {
        Ok(rows) => rows,
        Err(error) => return vec![ill("sources", format!("cannot be read: {error}"))],
    };
    if rows.is_empty() {
        return vec![ill("sources", "there is none; add one with: dyepack source add https://forum.example/")];
    }
    let network = &context.config.network;
    let finding = |row| {
        let crate::ports::store::model::SourceRow { source, last_success_at, last_failure, last_failure_at, .. } = row;
        let check = format!("source {}", source.label);
        let is_failing = last_failure_at > last_success_at;
        match (source.network(), &network.tor, &network.i2p) {
            (Network::Tor, None, _) => ill(check, "is an onion site, but [network] tor_socks is not set"),
            (Network::I2p, _, None) => {
                ill(check, "is an I2P site, but neither [network] i2p_http nor i2p_socks is set")
            }
            (Network::Open | Network::Tor | Network::I2p, _, _) => match last_failure {
                Some(failure) if is_failing => ill(check, format!("failing: {failure}")),
                Some(_) | None => {
                    well(check, last_success_at.map_or("not read yet".to_owned(), |at| format!("last read {at:.0}")))
                }
            },
        }
    };
    rows.into_iter().map(finding).collect()
}

/// Disk, clock, and every alarm that is not about a source's last failure, which stands above.
async fn watch(store: &Store, context: &Context) -> Vec<Finding> {
    let (situation, alarms) = match judged(store, context).await {
        Ok(judged) => judged,
        Err(error) => return vec![ill("health", format!("cannot be judged: {error:#}"))],
    };
    let named = |kind: AlarmKind| alarms.iter().find(|alarm| alarm.kind == kind);
    let told = |alarm: &Alarm| format!("{}; {}", alarm.detail, alarm.mend);
    let mut findings = Vec::new();
    findings.push(match (named(AlarmKind::DiskLow), &situation.disk) {
        (Some(alarm), _) => ill("disk", told(alarm)),
        (None, Some(disk)) => {
            well("disk", format!("{:.1} GiB are left in {}", gibibytes(disk.free_bytes), disk.folder))
        }
        (None, None) => {
            ill("disk", "the room that is left cannot be told; does the data directory lie on a usual disk?")
        }
    });
    let clocks = situation.sources.iter().filter(|source| source.clock_ahead.is_some()).count();
    findings.push(match named(AlarmKind::ClockWrong) {
        Some(alarm) => ill("clock", told(alarm)),
        None if clocks == 0 => well("clock", "not compared yet: no site has told its time"),
        None => well("clock", format!("agrees with the clocks of {clocks} sites")),
    });
    for alarm in &alarms {
        match alarm.kind {
            AlarmKind::DiskLow | AlarmKind::ClockWrong | AlarmKind::NetworkDown => {}
            AlarmKind::DrillFailed | AlarmKind::DrillMissing | AlarmKind::AlertUndelivered => {
                findings.push(ill(&alarm.subject, told(alarm)));
            }
            AlarmKind::YieldFell
            | AlarmKind::LayoutUnknown
            | AlarmKind::SessionLost
            | AlarmKind::SourceDown
            | AlarmKind::NothingNew => {
                findings
                    .push(ill(format!("source {}", alarm.subject), format!("{}: {}", alarm.kind.says(), told(alarm))));
            }
        }
    }
    findings
}

fn gibibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX)) / 1024.0
}

async fn mail(context: &Context) -> Finding {
    match alert::mailer(None, context).await {
        Ok(None) => ill("mail", "is not set up: set url under [mail] in the configuration"),
        Err(error) => ill("mail", format!("{error:#}")),
        Ok(Some(mailer)) => match mailer.knock().await {
            Ok(()) => well("mail", format!("{} answers", mailer.place())),
            Err(error) => ill("mail", format!("{error}")),
        },
    }
}

/// Tries every network that is set up: does a proxy answer, is it what it should be, does it carry anything?
async fn networks(context: &Context) -> Vec<Finding> {
    let options = fetch_options(context);
    let fetcher = Fetcher::new(options.clone(), context.clock.clone());
    let mut findings = Vec::new();
    for network in Network::ALL {
        let Some(proxy) = options.proxy(network) else { continue };
        let (check, setting) = match network {
            Network::Open => ("proxy", "proxy"),
            Network::Tor => ("tor", "tor_socks"),
            Network::I2p => ("i2p", "i2p_http, i2p_socks"),
        };
        findings.push(match (network, fetcher.try_lane(network).await) {
            (Network::Tor, Ok(Answers::Tor)) => {
                well(check, format!("Tor answers at {}, and looked up an onion address", proxy.address))
            }
            (Network::Tor, Ok(Answers::Socks | Answers::Something)) => {
                let detail = "; no circuit of its own for each source, if it is not";
                well(
                    check,
                    format!("a SOCKS proxy at {} reaches Tor; it does not say that it is Tor{detail}", proxy.address),
                )
            }
            (Network::Open | Network::I2p, Ok(_)) => well(check, format!("{proxy} takes connections")),
            (_, Err(error)) => ill(check, format!("{error}; start it, or mend [network] {setting}")),
        });
    }
    findings
}

fn show(findings: &[Finding], context: &Context) -> anyhow::Result<()> {
    match context.output.format() {
        Format::Json => {
            for finding in findings {
                context.output.json(finding)?;
            }
        }
        Format::Table => {
            let row = |finding: &Finding| {
                let state = if finding.ok { "ok" } else { "MEND" };
                vec![state.to_owned(), finding.check.clone(), finding.detail.clone()]
            };
            context.output.table(&["", "check", "detail"], &findings.iter().map(row).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}
