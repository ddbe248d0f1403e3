//! What every command is given: where state is kept, the configuration, the clock, the output.

use std::path::PathBuf;

use anyhow::Context as _;
use etcetera::BaseStrategy;

use super::config::Config;
use super::output::Output;
use super::{Failure, Shared};
use crate::ports::clock::Clock;
use crate::ports::evidence::Evidence;
use crate::ports::seal::Seal;
use crate::ports::signing::Signer;
use crate::ports::store::Store;
use crate::ports::vault::Vault;

/// The scene of one command.
#[derive(Debug)]
pub(crate) struct Context {
    /// Folder of the database, keys and configuration; made when first written to.
    pub(crate) data_dir: PathBuf,
    /// The folder named with `--data`, if one was.
    pub(crate) given_data_dir: Option<PathBuf>,
    /// File, environment and defaults, merged.
    pub(crate) config: Config,
    /// The wall clock.
    pub(crate) clock: Clock,
    /// Standard output and standard error.
    pub(crate) output: Output,
}

impl Context {
    /// Reads the configuration and finds the data directory.
    ///
    /// # Errors
    /// `Failure::Usage` if the configuration cannot be read or says something impossible.
    pub(super) fn new(shared: &Shared) -> anyhow::Result<Self> {
        let data_dir = match &shared.data {
            Some(data_dir) => data_dir.clone(),
            None => platform_data_dir()?,
        };
        let config = Config::load(shared.config.as_deref(), &data_dir)?;
        let output = Output::new(
            shared.format,
            if shared.quiet { super::output::Talk::Quiet } else { super::output::Talk::Normal },
        );
        Ok(Self { data_dir, given_data_dir: shared.data.clone(), config, clock: Clock::system(), output })
    }

    /// Opens the store; makes the data directory, the key that seals the store and the database where they are not yet.
    ///
    /// # Errors
    /// When one of them cannot be made or opened; the message says how to mend it.
    pub(crate) async fn open_store(&self) -> anyhow::Result<Store> {
        let made = tokio::fs::create_dir_all(&self.data_dir).await;
        made.with_context(|| format!("cannot make the folder {}", self.data_dir.display()))?;
        let store = Store::open(&self.store_url(), self.seal()?).await.context("cannot keep state")?;
        Ok(store.with_severity(self.config.severity.clone().unwrap_or_default()))
    }

    /// Returns the key that seals what is kept, made on first use: `dyepack.key` in the data directory, mode 0600.
    ///
    /// # Errors
    /// When it cannot be made or read, or when others may read it.
    pub(crate) fn seal(&self) -> anyhow::Result<Seal> {
        Seal::load_or_create(&self.seal_path()).context("cannot keep state")
    }

    /// Returns where captured bodies lie.
    ///
    /// # Errors
    /// As [`Context::seal`].
    pub(crate) fn evidence(&self) -> anyhow::Result<Evidence> {
        Ok(Evidence::new(&self.data_dir, self.seal()?))
    }

    /// Returns where fingerprints and their keys lie.
    pub(crate) fn vault(&self) -> Vault {
        Vault::new(&self.data_dir, self.config.fingerprint_keys.clone())
    }

    /// Returns the key that signs the heads of the ledger and exports, made on first use: `evidence-signing.pem` in the data
    /// directory, mode 0600.
    ///
    /// # Errors
    /// When it cannot be made or read, or when others may read it.
    pub(crate) fn signer(&self) -> anyhow::Result<Signer> {
        Signer::load_or_create(&self.signer_path()).context("cannot sign")
    }

    /// Returns where that key lies.
    pub(crate) fn signer_path(&self) -> PathBuf {
        self.data_dir.join("evidence-signing.pem")
    }

    /// Returns where the key that seals lies.
    pub(crate) fn seal_path(&self) -> PathBuf {
        self.data_dir.join("dyepack.key")
    }

    /// Says where state is kept, without user names or passwords.
    pub(crate) fn store_place(&self) -> String {
        let url = self.store_url();
        match url::Url::parse(&url) {
            Ok(parsed) if parsed.has_host() => {
                format!("{}://{}{}", parsed.scheme(), parsed.host_str().unwrap_or_default(), parsed.path())
            }
            Ok(_) | Err(_) => url,
        }
    }

    /// Returns the store's URL: as configured, or SQLite in the data directory.
    pub(crate) fn store_url(&self) -> String {
        match &self.config.store.url {
            Some(url) => url.reveal().clone(),
            None => format!("sqlite:{}", self.data_dir.join("dyepack.db").display()),
        }
    }
}

fn platform_data_dir() -> anyhow::Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy().map_err(|_| {
        Failure::Usage("there is no home directory to keep state in; name a folder with --data DIR".to_owned())
    })?;
    Ok(strategy.data_dir().join("dyepack"))
}
