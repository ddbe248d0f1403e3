//! Reads an organization's canaries: many sealed rows come as one, and are opened while the next ones are read.
//!
//! To open them takes longest, and is done on other processors meanwhile. Not here: how canaries are written (`watchlists`).

use std::collections::VecDeque;

use sqlx::AnyConnection;
use tokio::task::{self, JoinHandle};

use super::sql::{self, Columns, values};
use super::watchlists::{canary_context, parse};
use super::{Dialect, Store, StoreError};
use crate::domain::watchlist::Canary;

/// Canaries that come as one row; about a megabyte of digits.
const BUNDLE: i64 = 1000;
/// Bundles that are opened side by side, while the next one is read.
const OPENED_AT_ONCE: usize = 2;

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
        let mut opening: VecDeque<JoinHandle<Result<Vec<Canary>, StoreError>>> = VecDeque::new();
        loop {
            let statement = self.dialect.bundle();
            let row = sql::fetch_one(connection, statement, values![organization, &last, BUNDLE]).await?;
            let next = row.as_ref().map(|row| row.maybe_text(0)).transpose()?.flatten();
            let most = if next.is_some() { OPENED_AT_ONCE - 1 } else { 0 };
            while opening.len() > most {
                let Some(opened) = opening.pop_front() else { break };
                canaries.extend(opened.await.map_err(|_| StoreError::Closed)??);
            }
            let (Some(row), Some(id)) = (row, next) else { break };
            last = id;
            let (store, organization, bundle) = (self.clone(), organization.to_owned(), row.text(1)?);
            opening.push_back(task::spawn_blocking(move || store.open_bundle(&organization, &bundle)));
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

/// What a byte is worth as a hexadecimal digit; [`NO_DIGIT`] if it is none.
static DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0_u8;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};
const NO_DIGIT: u8 = 0xf0;

/// Reads hexadecimal digits, two to a byte.
fn unhex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| DIGITS.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let mut all = 0;
    let byte = |[high, low]: &[u8; 2]| {
        let (high, low) = (value(*high), value(*low));
        all |= high | low;
        high << 4 | low
    };
    let bytes = pairs.iter().map(byte).collect();
    (rest.is_empty() && all & NO_DIGIT == 0).then_some(bytes)
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
