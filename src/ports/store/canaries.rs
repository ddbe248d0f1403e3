//! Reads an organization's canaries: many sealed rows come as one, and are opened while the next ones are read.
//!
//! A row costs a driver more than its canary costs to open. Not here: how canaries are written (`watchlists`).

use sqlx::AnyConnection;
use tokio::task::{self, JoinHandle};

use super::sql::{self, Columns, values};
use super::watchlists::{canary_context, parse};
use super::{Dialect, Store, StoreError};
use crate::domain::watchlist::Canary;

/// Canaries that come as one row; about a megabyte of digits.
const BUNDLE: i64 = 1000;

impl Dialect {
    /// The next canaries behind an id: the last one's id; then all as `ID SEALED,ID SEALED…`, both as hexadecimal digits.
    const fn bundle(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT MAX(id), GROUP_CONCAT(HEX(id) || ' ' || HEX(sealed_document), ',') FROM \
                 (SELECT id, sealed_document FROM canary WHERE organization = $1 AND removed_at IS NULL AND id > $2 \
                 ORDER BY id LIMIT $3) AS bundle"
            }
            Self::Postgres => {
                "SELECT MAX(id), STRING_AGG(ENCODE(CONVERT_TO(id, 'UTF8'), 'hex') || ' ' || \
                 ENCODE(sealed_document, 'hex'), ',') FROM \
                 (SELECT id, sealed_document FROM canary WHERE organization = $1 AND removed_at IS NULL AND id > $2 \
                 ORDER BY id LIMIT $3) AS bundle"
            }
        }
    }
}

impl Store {
    /// Returns the canaries that an organization has enrolled, sorted by id.
    pub(super) async fn canaries(
        &self,
        connection: &mut AnyConnection,
        organization: &str,
    ) -> Result<Vec<Canary>, StoreError> {
        let (mut canaries, mut last) = (Vec::new(), String::new());
        let mut opening: Option<JoinHandle<Result<Vec<Canary>, StoreError>>> = None;
        loop {
            let statement = self.dialect.bundle();
            let row = sql::fetch_one(connection, statement, values![organization, &last, BUNDLE]).await?;
            if let Some(opened) = opening.take() {
                canaries.extend(opened.await.map_err(|_| StoreError::Closed)??);
            }
            let Some(row) = row else { break };
            let Some(id) = row.maybe_text(0)? else { break };
            last = id;
            let (store, organization, bundle) = (self.clone(), organization.to_owned(), row.text(1)?);
            opening = Some(task::spawn_blocking(move || store.open_bundle(&organization, &bundle)));
        }
        canaries.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(canaries)
    }

    fn open_bundle(&self, organization: &str, bundle: &str) -> Result<Vec<Canary>, StoreError> {
        let open = |canary: &str| {
            let damaged = || StoreError::damaged("canary", organization);
            let (id, sealed) = canary.split_once(' ').ok_or_else(damaged)?;
            let id = unhex(id).and_then(|id| String::from_utf8(id).ok()).ok_or_else(damaged)?;
            let sealed = unhex(sealed).ok_or_else(damaged)?;
            let document = self.open_text(&sealed, &canary_context(organization, &id))?;
            parse::<Canary>("canary", &id, document.reveal())
        };
        bundle.split(',').map(open).collect()
    }
}

/// Reads hexadecimal digits, two to a byte.
fn unhex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(value(*high)? << 4 | value(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_both_databases_are_read() {
        assert_eq!(unhex("00fFa9"), Some(vec![0, 0xff, 0xa9]));
        assert_eq!(unhex(""), Some(Vec::new()));
        assert_eq!([unhex("0"), unhex("0g"), unhex("é")], [None, None, None]);
    }
}
