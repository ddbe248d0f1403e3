//! `init`: writes a starter configuration, the key that seals what is kept and the key that signs; never overwrites any.

use anyhow::Context as _;
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use super::context::Context;
use super::{Exit, Failure, serve};
use crate::domain::identifier::Epoch;
use crate::domain::severity;
use crate::domain::watchlist::OrganizationId;
use crate::ports::vault::KeyError;

/// Writes a starter configuration and keys
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dyepack init --data /var/lib/dyepack\n  dyepack init --organization example-bank\n\n\
                  The second makes keys/example-bank-1.key in the data directory: what `dyepack fingerprint` hashes \
                  with.\nWhen that key may have been seen, make the next one with --epoch 2; both live at once."
)]
pub(super) struct Args {
    /// Make this organization's fingerprint key, and nothing else
    #[arg(long, value_name = "ID", value_parser = organization_id)]
    organization: Option<OrganizationId>,
    /// Which of the organization's keys
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "organization")]
    epoch: u32,
    /// Also make the console's first administrator, and print the link with which they set a password
    #[arg(long, value_name = "NAME", conflicts_with = "organization")]
    admin: Option<String>,
}

/// Takes an organization's id from the command line.
pub(super) fn organization_id(text: &str) -> Result<OrganizationId, &'static str> {
    OrganizationId::parse(text).ok_or("an organization's id is 3 to 32 lower-case letters, digits and -")
}

const STARTER: &str = r#"# dyepack's settings. Every line that is commented out shows the default.
# Secrets never stand here: they come from files named *_file, or from DYEPACK_... variables.

[store]
# url = "sqlite:/path/to/dyepack.db"     # default: dyepack.db beside this file
# url_file = "postgres.url"              # a file that holds postgres://user:password@host/database

[mail]
# url = "smtp+starttls://mail.example:587"   # or smtps://…, smtp://127.0.0.1:25, dir:///var/mail/dyepack
# from = "dyepack <dyepack@your-host.example>"
# user = "dyepack"
# password_file = "mail.password"
# dkim_domain = "your-host.example"      # sign mails here, where the mail server does not
# dkim_selector = "dyepack"              # published at SELECTOR._domainkey.DOMAIN
# dkim_key_file = "dkim.key"             # openssl genrsa -traditional 2048, or 32 bytes of Ed25519 in base64

[network]
# user_agent = "…"                       # default says honestly who we are
# proxy = "http://127.0.0.1:3128"        # for the open web; http:// or socks5h://
# tor_socks = "127.0.0.1:9050"           # needed for .onion sources
# i2p_http = "127.0.0.1:4444"            # needed for .i2p sources; or i2p_socks = "127.0.0.1:4447"

[operator]
# mail = "operator@your-host.example"    # told when a source, a network or the product itself is not well
# hook_file = "operator.hook"            # also by a webhook that takes {"text": …} (Slack, Mattermost, Teams): its address, in a file

[drill]
# every = "24h"                          # an invented leak goes the whole way while a crawl runs; or "off"
# sites = ["http://….onion/"]            # the drill's own site under your onion service or I2P tunnel
# listen = "127.0.0.1:8099"              # where that service leads to

[retention]
# evidence_days = 1095                   # captures of settled cases; without a line nothing is ever deleted
# posts_days = 365                       # texts of posts in which nothing was found
# mails_days = 1095                      # mails as they were sent, of settled cases
# budget_mib = 50000                     # what the data directory may take; an alarm comes at 80 %, crawling stops at 98 %

[console]
# url = "https://dyepack.your-host.example"   # where people reach it, if a proxy stands before it
# behind_proxy = false                   # believe the proxy's X-Forwarded-For
# password_is_enough = false             # true: no second factor is asked for
# four_eyes = false                      # true: confirming a case and revealing values take two people

[evidence]
# timestamp_url = "https://tsa.example/"  # an authority that stamps the signed heads of the chain (RFC 3161)

[alert]
# settle_seconds = 60                    # how long an alert waits for more hits of the same case
"#;

/// Runs `init`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if let Some(organization) = &args.organization {
        return make_key(organization, Epoch(args.epoch), context);
    }
    let path = context.data_dir.join("dyepack.toml");
    if path.exists() {
        return Err(Failure::Usage(format!(
            "{} is there already and was left alone; edit it, or name another folder with --data DIR",
            path.display()
        ))
        .into());
    }
    fs::create_dir_all(&context.data_dir)
        .await
        .with_context(|| format!("cannot make the folder {}", context.data_dir.display()))?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .await
        .with_context(|| format!("cannot write {}", path.display()))?;
    let text = format!("{STARTER}\n{}", commented(severity::DEFAULT));
    file.write_all(text.as_bytes()).await.with_context(|| format!("cannot write {}", path.display()))?;
    file.flush().await.with_context(|| format!("cannot write {}", path.display()))?;
    context.seal()?;
    context.output.line(format_args!("wrote {}", path.display()))?;
    context.output.line(format_args!(
        "wrote {}: keep a copy apart; without it nothing kept can be read",
        context.seal_path().display()
    ))?;
    let key = context.signer()?.public_key();
    context.output.line(format_args!("wrote {}", context.signer_path().display()))?;
    context.output.line(format_args!(
        "its heads are signed by the key with SHA-256 {}: give that to the auditors by another way than mail",
        key.fingerprint()
    ))?;
    if let Some(name) = &args.admin {
        let token = serve::first_admin(name, &context.open_store().await?, context).await?;
        let base = serve::base(&context.config.console, serve::DEFAULT_PLACE);
        context.output.line(format_args!("{name} sets a password here, while dyepack run or serve runs:"))?;
        context.output.line(format_args!("  {}", serve::link(&base, &token)))?;
    }
    context.output.note(
        "next: set [mail] url in it, then\n  dyepack watchlist import watchlists/example-bank\n  \
         dyepack source add https://forum.example/\n  dyepack check",
    );
    Ok(Exit::Done)
}

fn make_key(organization: &OrganizationId, epoch: Epoch, context: &Context) -> anyhow::Result<Exit> {
    let made = context.vault().make_key(organization, epoch);
    let path = made.map_err(|error| match error {
        KeyError::Exists { .. } => Failure::Usage(error.to_string()).into(),
        KeyError::Missing { .. }
        | KeyError::Exposed { .. }
        | KeyError::NotAKey { .. }
        | KeyError::File { .. }
        | KeyError::Chance => anyhow::Error::new(error).context("cannot make a key"),
    })?;
    context.output.line(format_args!("wrote {}", path.display()))?;
    context.output.note(format_args!(
        "keep a copy apart, and bring one to the machine that searches: what was made with it can be looked up with it \
         only\nnext: dyepack fingerprint --organization {organization} --kind pan --key {} --in customers.csv --column \
         card --out pan.dpf",
        path.display()
    ));
    Ok(Exit::Done)
}

/// Turns a text into comments.
fn commented(text: &str) -> String {
    let comment = |line: &str| match line {
        "" => "#\n".to_owned(),
        line if line.starts_with('#') => format!("{line}\n"),
        line => format!("# {line}\n"),
    };
    text.lines().map(comment).collect()
}
