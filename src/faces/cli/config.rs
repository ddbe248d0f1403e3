//! One TOML file plus `DYEPACK_…` variables; secrets come from the environment or from files of their own, never from the TOML.
#![expect(clippy::disallowed_methods, reason = "the room that reads the environment and the configuration file")]

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

use super::Failure;
use crate::domain::retention::Retention;
use crate::domain::secret::Secret;
use crate::domain::severity::Table;
use crate::domain::source::Source;
use crate::domain::user::oidc;
use crate::faces::web::Options as ConsoleOptions;
use crate::ports::fetch::{Proxy, ProxyKind};
use crate::ports::mail::DkimOptions;

/// The settings of one installation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// The file that was read, if any.
    pub(crate) path: Option<PathBuf>,
    /// Where state is kept.
    pub(crate) store: StoreConfig,
    /// How mail leaves.
    pub(crate) mail: MailConfig,
    /// How the networks are reached.
    pub(crate) network: NetworkConfig,
    /// How alerts behave.
    pub(crate) alert: AlertConfig,
    /// Keys of fingerprints, or paths to their files: one a `DYEPACK_FINGERPRINT_KEY…` variable.
    pub(crate) fingerprint_keys: Vec<Secret<String>>,
    /// How archives are opened.
    pub(crate) archive: ArchiveConfig,
    /// Who is told when the product itself is not well.
    pub(crate) operator: OperatorConfig,
    /// How the drill runs.
    pub(crate) drill: DrillConfig,
    /// `[[severity]]`: how grave a case is; the default table if the file has none.
    pub(crate) severity: Option<Table>,
    /// `[retention]`: how long things are kept.
    pub(crate) retention: Retention,
    /// `[console]`: how it is reached and who gets in.
    pub(crate) console: ConsoleOptions,
    /// How evidence is certified.
    pub(crate) evidence: EvidenceConfig,
}

/// `[evidence]`
#[derive(Debug, Clone, Default)]
pub(crate) struct EvidenceConfig {
    /// A time-stamping authority (RFC 3161); `None` if heads and exports are signed only.
    pub(crate) authority: Option<Url>,
}

/// `[store]`
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreConfig {
    /// `sqlite:PATH` or `postgres://…`; `None` for SQLite in the data directory.
    pub(crate) url: Option<Secret<String>>,
}

/// `[mail]`
#[derive(Debug, Clone)]
pub(crate) struct MailConfig {
    /// `smtp://HOST:PORT`, `smtp+starttls://…`, `smtps://…` or `dir:///FOLDER`; `None` if mail is not set up.
    pub(crate) url: Option<String>,
    /// The sender.
    pub(crate) from: String,
    /// SMTP user name.
    pub(crate) user: Option<String>,
    /// SMTP password.
    pub(crate) password: Option<Secret<String>>,
    /// `dkim_domain`, `dkim_selector`, `dkim_key_file`: whose key signs the mails.
    pub(crate) dkim: Option<DkimOptions>,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self { url: None, from: "dyepack <dyepack@localhost>".to_owned(), user: None, password: None, dkim: None }
    }
}

/// `[network]`
#[derive(Debug, Clone, Default)]
pub(crate) struct NetworkConfig {
    /// Who we say we are; `None` for dyepack and its version.
    pub(crate) user_agent: Option<String>,
    /// Proxy to the open web; direct connections without it.
    pub(crate) open: Option<Proxy>,
    /// Tor's SOCKS port.
    pub(crate) tor: Option<Proxy>,
    /// An I2P router's SOCKS or HTTP proxy.
    pub(crate) i2p: Option<Proxy>,
}

/// `[operator]`
#[derive(Debug, Clone, Default)]
pub(crate) struct OperatorConfig {
    /// Where alarms are mailed; `None` if nobody is to be mailed.
    pub(crate) mail: Option<String>,
    /// A webhook that they are posted to.
    pub(crate) hook: Option<Secret<Url>>,
}

/// `[drill]`
#[derive(Debug, Clone)]
pub(crate) struct DrillConfig {
    /// Time between two drills while a crawl runs; `None` for never.
    pub(crate) every: Option<Duration>,
    /// Addresses under which the drill's own site is reached over Tor or I2P.
    pub(crate) sites: Vec<String>,
    /// Where it listens for them; a free port of its own choice without it.
    pub(crate) listen: Option<SocketAddr>,
}

impl Default for DrillConfig {
    fn default() -> Self {
        Self { every: Some(Duration::from_hours(24)), sites: Vec::new(), listen: None }
    }
}

/// `[alert]`
#[derive(Debug, Clone)]
pub(crate) struct AlertConfig {
    /// How long an alert waits for more hits of the same case before it is sent.
    pub(crate) settle: Duration,
    /// Hosts of channels that may have private addresses.
    pub(crate) private_hosts: Vec<String>,
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self { settle: Duration::from_mins(1), private_hosts: Vec::new() }
    }
}

/// `[archive]`
#[derive(Debug, Clone, Default)]
pub(crate) struct ArchiveConfig {
    /// Passwords to try on what is encrypted.
    pub(crate) passwords: Vec<Secret<String>>,
}

/// The file as written; unknown keys are refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    store: FileStore,
    mail: FileMail,
    network: FileNetwork,
    alert: FileAlert,
    archive: FileArchive,
    operator: FileOperator,
    drill: FileDrill,
    severity: Option<Table>,
    retention: Retention,
    console: FileConsole,
    evidence: FileEvidence,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileConsole {
    url: Option<String>,
    password_is_enough: bool,
    behind_proxy: bool,
    four_eyes: bool,
    oidc: Option<FileOidc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOidc {
    issuer: String,
    client_id: String,
    #[serde(default)]
    client_secret_file: Option<PathBuf>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    groups_claim: Option<String>,
}

impl FileOidc {
    fn checked(self, folder: &Path) -> anyhow::Result<oidc::Settings> {
        // The rules of sites hold for it, too; and nobody may listen to what is said there.
        let source = Source::from_url(&self.issuer)
            .map_err(|error| usage(format!("[console.oidc] issuer = {:?} cannot be used: {error}", self.issuer)))?;
        if source.start_url.scheme() != "https" && !source.is_local() {
            return Err(usage(format!("[console.oidc] issuer = {:?} must begin with https://", self.issuer)));
        }
        let client_secret = match (variable("DYEPACK_OIDC_CLIENT_SECRET"), self.client_secret_file) {
            (Some(text), _) => Some(Secret::new(text)),
            (None, Some(file)) => Some(secret(&folder.join(file))?),
            (None, None) => None,
        };
        Ok(oidc::Settings {
            issuer: self.issuer,
            client_id: self.client_id,
            client_secret,
            label: self.label,
            group: self.group,
            groups_claim: self.groups_claim.unwrap_or_else(|| "groups".to_owned()),
        })
    }
}

impl FileConsole {
    fn checked(self, folder: &Path) -> anyhow::Result<ConsoleOptions> {
        let url = variable("DYEPACK_CONSOLE_URL").or(self.url);
        let parse = |text: String| {
            let parsed = Url::parse(&text).ok();
            let is_sound = |url: &Url| matches!(url.scheme(), "http" | "https") && url.path() == "/";
            let sound = parsed.filter(is_sound);
            sound.ok_or_else(|| {
                usage(format!("[console] url = {text:?} is no address: write https://dyepack.bank.example"))
            })
        };
        Ok(ConsoleOptions {
            url: url.map(parse).transpose()?,
            is_password_enough: self.password_is_enough,
            is_behind_proxy: self.behind_proxy,
            takes_two: self.four_eyes,
            oidc: self.oidc.map(|oidc| oidc.checked(folder)).transpose()?,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileEvidence {
    timestamp_url: Option<String>,
}

impl FileEvidence {
    fn checked(self) -> anyhow::Result<EvidenceConfig> {
        let Some(text) = variable("DYEPACK_TIMESTAMP_URL").or(self.timestamp_url) else {
            return Ok(EvidenceConfig::default());
        };
        // The rules of sites hold for it, too: a web address, and no private one but on this machine.
        let source = Source::from_url(&text)
            .map_err(|error| usage(format!("[evidence] timestamp_url = {text:?} cannot be used: {error}")))?;
        Ok(EvidenceConfig { authority: Some(source.start_url) })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileOperator {
    mail: Option<String>,
    hook_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileDrill {
    every: Option<String>,
    sites: Vec<String>,
    listen: Option<SocketAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileArchive {
    passwords_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileStore {
    url: Option<String>,
    url_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileMail {
    url: Option<String>,
    from: Option<String>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    dkim_domain: Option<String>,
    dkim_selector: Option<String>,
    dkim_key_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileNetwork {
    user_agent: Option<String>,
    proxy: Option<String>,
    tor_socks: Option<String>,
    i2p_http: Option<String>,
    i2p_socks: Option<String>,
}

impl FileNetwork {
    fn checked(self) -> anyhow::Result<NetworkConfig> {
        let proxy = |setting: &str, value: Option<String>, only| match value {
            None => Ok(None),
            Some(text) => Proxy::parse(&text, only)
                .map(Some)
                .map_err(|error| usage(format!("[network] {setting} cannot be used: {error}"))),
        };
        let variable = |name: &str, value: Option<String>| variable(name).or(value);
        let (http, socks) = (Some(ProxyKind::Http), Some(ProxyKind::Socks));
        let i2p_http = proxy("i2p_http", variable("DYEPACK_I2P_HTTP", self.i2p_http), http)?;
        let i2p_socks = proxy("i2p_socks", variable("DYEPACK_I2P_SOCKS", self.i2p_socks), socks)?;
        Ok(NetworkConfig {
            user_agent: variable("DYEPACK_USER_AGENT", self.user_agent),
            open: proxy("proxy", variable("DYEPACK_PROXY", self.proxy), None)?,
            tor: proxy("tor_socks", variable("DYEPACK_TOR_SOCKS", self.tor_socks), socks)?,
            // The SOCKS proxy says why a site cannot be reached; the HTTP proxy only shows a page about it.
            i2p: i2p_socks.or(i2p_http),
        })
    }
}

impl FileDrill {
    fn checked(self) -> anyhow::Result<DrillConfig> {
        let every = match self.every.as_deref() {
            None => DrillConfig::default().every,
            Some("off") => None,
            Some(text) => {
                let every = text.parse::<SignedDuration>().ok().and_then(|every| Duration::try_from(every).ok());
                let every = every.filter(|every| *every >= Duration::from_secs(1));
                Some(
                    every
                        .ok_or_else(|| usage(format!("[drill] every = {text:?} is no time: write 24h, 90m or off")))?,
                )
            }
        };
        Ok(DrillConfig { every, sites: self.sites, listen: self.listen })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileAlert {
    settle_seconds: Option<u64>,
    private_hosts: Vec<String>,
}

impl Config {
    /// Reads `path`, or `dyepack.toml` in the data directory if there is one; then the environment, which wins.
    ///
    /// # Errors
    /// `Failure::Usage` with file, line and reason.
    pub(crate) fn load(path: Option<&Path>, data_dir: &Path) -> anyhow::Result<Self> {
        let usual = data_dir.join("dyepack.toml");
        let path = match path {
            Some(path) => Some(path.to_owned()),
            None => usual.is_file().then_some(usual),
        };
        let text = match &path {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| usage(format!("cannot read the configuration {}: {error}", path.display())))?,
            None => String::new(),
        };
        let shown = path.as_deref().unwrap_or(Path::new("dyepack.toml"));
        let file: File =
            toml::from_str(&text).map_err(|error| usage(format!("{} is not valid:\n{error}", shown.display())))?;
        let folder = shown.parent().unwrap_or(Path::new(""));
        Self::merge(file, folder, path.clone())
    }

    fn merge(file: File, folder: &Path, path: Option<PathBuf>) -> anyhow::Result<Self> {
        let usual_mail = MailConfig::default();
        if let Some(url) = &file.store.url
            && has_password(url)
        {
            return Err(usage(
                "[store] url holds a password; put the whole URL into a file of its own and name it with url_file, \
                 or give it as DYEPACK_STORE_URL"
                    .to_owned(),
            ));
        }
        let store_url = match (variable("DYEPACK_STORE_URL"), file.store.url, file.store.url_file) {
            (Some(url), _, _) | (None, Some(url), None) => Some(Secret::new(url)),
            (None, None, Some(secret_file)) => Some(secret(&folder.join(secret_file))?),
            (None, None, None) => None,
            (None, Some(_), Some(_)) => return Err(usage("[store] takes url or url_file, not both".to_owned())),
        };
        let dkim = dkim(&file.mail, folder)?;
        let password = match (variable("DYEPACK_MAIL_PASSWORD"), file.mail.password_file) {
            (Some(password), _) => Some(Secret::new(password)),
            (None, Some(secret_file)) => Some(secret(&folder.join(secret_file))?),
            (None, None) => None,
        };
        let passwords = match file.archive.passwords_file {
            Some(secret_file) => passwords(&folder.join(secret_file))?,
            None => Vec::new(),
        };
        let settle = file.alert.settle_seconds.map_or(AlertConfig::default().settle, Duration::from_secs);
        Ok(Self {
            path,
            store: StoreConfig { url: store_url },
            mail: MailConfig {
                url: variable("DYEPACK_MAIL_URL").or(file.mail.url),
                from: variable("DYEPACK_MAIL_FROM").or(file.mail.from).unwrap_or(usual_mail.from),
                user: variable("DYEPACK_MAIL_USER").or(file.mail.user),
                password,
                dkim,
            },
            network: file.network.checked()?,
            operator: OperatorConfig {
                hook: file.operator.hook(folder)?,
                mail: variable("DYEPACK_OPERATOR_MAIL").or(file.operator.mail),
            },
            drill: file.drill.checked()?,
            alert: AlertConfig { settle, private_hosts: file.alert.private_hosts },
            fingerprint_keys: fingerprint_keys(),
            archive: ArchiveConfig { passwords },
            severity: file.severity,
            console: file.console.checked(folder)?,
            retention: file.retention.checked().map_err(|error| usage(error.to_string()))?,
            evidence: file.evidence.checked()?,
        })
    }
}

fn dkim(mail: &FileMail, folder: &Path) -> anyhow::Result<Option<DkimOptions>> {
    match (&mail.dkim_domain, &mail.dkim_selector, &mail.dkim_key_file) {
        (Some(domain), Some(selector), Some(file)) => {
            let key = secret(&folder.join(file))?;
            Ok(Some(DkimOptions { domain: domain.clone(), selector: selector.clone(), key }))
        }
        (None, None, None) => Ok(None),
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            Err(usage("[mail] dkim_domain, dkim_selector and dkim_key_file must be given together".to_owned()))
        }
    }
}

/// Tells whether the user asked for output without colour (<https://no-color.org>).
pub(crate) fn is_colour_unwanted() -> bool {
    variable("NO_COLOR").is_some()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn fingerprint_keys() -> Vec<Secret<String>> {
    let is_key = |(name, value): &(OsString, OsString)| {
        name.to_str().is_some_and(|name| name.starts_with("DYEPACK_FINGERPRINT_KEY")) && !value.is_empty()
    };
    std::env::vars_os().filter(is_key).filter_map(|(_, value)| value.into_string().ok()).map(Secret::new).collect()
}

fn has_password(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.password().is_some())
}

fn secret(path: &Path) -> anyhow::Result<Secret<String>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read the secret file {}: {error}", path.display())))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Reads a file of passwords, one a line.
pub(crate) fn passwords(path: &Path) -> anyhow::Result<Vec<Secret<String>>> {
    let text = secret(path)?;
    let lines = text.reveal().lines().map(|line| line.trim_end_matches('\r'));
    Ok(lines.filter(|line| !line.is_empty()).map(|line| Secret::new(line.to_owned())).collect())
}

impl FileOperator {
    /// The webhook: its address is a secret, so it stands in a file or the environment.
    fn hook(&self, folder: &Path) -> anyhow::Result<Option<Secret<Url>>> {
        let text = match (variable("DYEPACK_OPERATOR_HOOK"), &self.hook_file) {
            (Some(text), _) => Secret::new(text),
            (None, Some(path)) => secret(&folder.join(path))?,
            (None, None) => return Ok(None),
        };
        let url = Url::parse(text.reveal().trim()).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        url.map(Secret::new).map(Some).ok_or_else(|| {
            usage(
                "[operator] hook_file (or DYEPACK_OPERATOR_HOOK) holds no address that begins with https://".to_owned(),
            )
        })
    }
}

fn usage(message: String) -> anyhow::Error {
    Failure::Usage(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> anyhow::Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dyepack.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::write(folder.path().join("mail.password"), "s3cret\n").unwrap();
        Config::load(Some(&path), folder.path())
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = load("").unwrap();
        assert!(config.store.url.is_none());
        assert_eq!(config.alert.settle, Duration::from_mins(1));
    }

    #[test]
    fn secrets_come_from_files_and_do_not_print() {
        let config = load("[mail]\nuser = \"soc\"\npassword_file = \"mail.password\"\n").unwrap();
        assert_eq!(config.mail.password.as_ref().unwrap().reveal(), "s3cret");
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn a_password_in_the_file_is_refused() {
        let error = load("[store]\nurl = \"postgres://a:b@127.0.0.1/x\"\n").unwrap_err().to_string();
        assert!(error.contains("url_file"), "{error}");
        assert!(!error.contains("a:b"));
    }

    #[test]
    fn a_severity_table_replaces_the_default_and_is_checked() {
        let rule = "[[severity]]\nrule = \"all\"\nlevel = \"high\"\n";
        assert_eq!(load(rule).unwrap().severity.unwrap().len(), 1);
        assert!(load("").unwrap().severity.is_none());
        let error = load("[[severity]]\nrule = \"all\"\nlevel = \"dire\"\n").unwrap_err().to_string();
        assert!(error.contains("dire"), "{error}");
        assert_eq!(load(crate::domain::severity::DEFAULT).unwrap().severity.unwrap(), Table::default());
    }

    #[test]
    fn a_proxy_that_would_leak_names_is_refused() {
        let error = load("[network]\ntor_socks = \"socks5://127.0.0.1:9050\"\n").unwrap_err().to_string();
        assert!(error.contains("tor_socks") && error.contains("socks5h://"), "{error}");
        let network =
            load("[network]\ni2p_http = \"127.0.0.1:4444\"\ni2p_socks = \"127.0.0.1:4447\"\n").unwrap().network;
        assert_eq!(network.i2p, Some(Proxy::socks("127.0.0.1:4447")));
    }

    #[test]
    fn the_drill_runs_daily_unless_told_otherwise() {
        let every = |text: &str| load(text).map(|config| config.drill.every);
        assert_eq!(every("").unwrap(), Some(Duration::from_hours(24)));
        assert_eq!(every("[drill]\nevery = \"90m\"\n").unwrap(), Some(Duration::from_mins(90)));
        assert_eq!(every("[drill]\nevery = \"off\"\n").unwrap(), None);
        assert!(every("[drill]\nevery = \"soon\"\n").is_err());
    }

    #[test]
    fn single_sign_on_is_encrypted_and_its_secret_stands_elsewhere() {
        let text = |issuer: &str| {
            format!(
                "[console.oidc]\nissuer = \"{issuer}\"\nclient_id = \"d\"\nclient_secret_file = \"mail.password\"\n"
            )
        };
        let settings = load(&text("https://login.example/realm")).unwrap().console.oidc.unwrap();
        assert_eq!(
            (settings.issuer.as_str(), settings.groups_claim.as_str()),
            ("https://login.example/realm", "groups")
        );
        assert_eq!(settings.client_secret.as_ref().unwrap().reveal(), "s3cret");
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert!(load(&text("http://127.0.0.1:9400")).is_ok(), "a trial on this machine");
        for issuer in ["http://login.example", "https://10.0.0.1", "login.example"] {
            let error = load(&text(issuer)).unwrap_err().to_string();
            assert!(error.contains("[console.oidc] issuer"), "{error}");
        }
        assert!(
            load("[console.oidc]\nissuer = \"https://login.example\"\nclient_id = \"d\"\nclient_secret = \"x\"\n")
                .is_err()
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = load("[mail]\nurll = \"x\"\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("urll"), "{error}");
    }
}
