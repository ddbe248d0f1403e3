//! Seals anew what was sealed with an older key: every sealed column of every table, some rows at a time.
//!
//! A row is changed only if it still is what was read, so that this may run beside a crawl. Not here: the keys (`seal`),
//! captured bodies (`evidence`).

use sqlx::any::AnyRow;

use super::desk::asides;
use super::sql::{self, Columns, Value, values};
use super::{Durability, Store, StoreError, commitments, evidence, outbox, sessions, users, visits, watchlists};
use crate::domain::source::SourceId;

/// Rows looked at in one transaction.
const BATCH: i64 = 200;

/// A sealed column.
#[derive(Debug, Clone, Copy)]
struct Place {
    table: &'static str,
    /// Columns of its primary key.
    keys: &'static [Key],
    column: &'static str,
    /// What a row's value is sealed for.
    context: fn(&[String]) -> String,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Text(&'static str),
    Number(&'static str),
}

use Key::{Number, Text};

/// Every column that is named `sealed_…` in the migrations.
const PLACES: [Place; 12] = [
    Place { table: "meta", keys: &[Text("name")], column: "sealed_content", context: |key| format!("meta/{}", key[0]) },
    Place {
        table: "organization",
        keys: &[Text("id")],
        column: "sealed_document",
        context: |key| watchlists::organization_context(&key[0]),
    },
    Place {
        table: "canary",
        keys: &[Text("organization"), Text("id")],
        column: "sealed_document",
        context: |key| watchlists::canary_context(&key[0], &key[1]),
    },
    Place {
        table: "delivery",
        keys: &[Text("organization"), Text("id")],
        column: "sealed_deal",
        context: |key| watchlists::deal_context(&key[0], &key[1]),
    },
    Place {
        table: "canary_leaf",
        keys: &[Text("organization"), Number("commitment"), Number("place")],
        column: "sealed_opening",
        context: |key| {
            let number = |at: usize| key[at].parse().unwrap_or_default();
            commitments::opening_context(&key[0], number(1), number(2).unsigned_abs())
        },
    },
    Place {
        table: "post",
        keys: &[Text("source"), Text("thread"), Text("id")],
        column: "sealed_text",
        context: |key| visits::post_context(&SourceId(key[0].clone()), &key[1], &key[2]),
    },
    Place {
        table: "post",
        keys: &[Text("source"), Text("thread"), Text("id")],
        column: "sealed_listing",
        context: |key| visits::listing_context(&SourceId(key[0].clone()), &key[1], &key[2]),
    },
    Place {
        table: "session",
        keys: &[Text("source")],
        column: "sealed_jar",
        context: |key| sessions::context(&SourceId(key[0].clone())),
    },
    Place {
        table: "capture",
        keys: &[Text("id")],
        column: "sealed_document",
        context: |key| evidence::context(&key[0]),
    },
    Place {
        table: "alert",
        keys: &[Text("id")],
        column: "sealed_frozen",
        context: |key| outbox::frozen_context(&key[0]),
    },
    Place {
        table: "console_user",
        keys: &[Text("id")],
        column: "sealed_totp",
        context: |key| users::totp_context(&key[0]),
    },
    Place { table: "case_note", keys: &[Text("id")], column: "sealed_text", context: |key| asides::context(&key[0]) },
];

/// How far sealing anew has come; begin with the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    place: usize,
    after: Option<Vec<String>>,
}

/// What one step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Rows that were looked at.
    pub seen: u64,
    /// Values that were sealed anew.
    pub changed: u64,
    /// Rows that do not open with any key: table and key.
    pub broken: Vec<String>,
}

impl Store {
    /// Goes one step on: looks at some rows and seals anew those that are not sealed with the key that seals now. `None` when
    /// nothing is left to look at.
    ///
    /// # Errors
    /// When the database fails; the step may be repeated.
    pub async fn reseal_step(&self, reached: &mut Reached) -> Result<Option<Resealed>, StoreError> {
        let Some(place) = PLACES.get(reached.place) else { return Ok(None) };
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let (statement, after) = place.select(reached.after.as_deref());
        let rows = sql::fetch_made(connection, statement, after).await?;
        let mut resealed = Resealed::default();
        let mut last = None;
        for row in &rows {
            let key = place.key(row)?;
            resealed.seen += 1;
            if let Some(sealed) = row.maybe_bytes(place.keys.len())?.filter(|sealed| !sealed.is_empty())
                && !self.seal.is_current(&sealed)
            {
                let context = (place.context)(&key);
                match self.seal.open(&sealed, &context) {
                    Ok(plain) => {
                        let anew = self.seal.seal(&plain, &context)?;
                        resealed.changed +=
                            sql::execute_made(connection, place.update(), place.values(&key, anew, sealed)).await?;
                    }
                    Err(_) => resealed.broken.push(format!("{} {}", place.table, key.join(" "))),
                }
            }
            last = Some(key);
        }
        write.commit().await?;
        match last {
            Some(key) => reached.after = Some(key),
            None => *reached = Reached { place: reached.place + 1, after: None },
        }
        Ok(Some(resealed))
    }
}

impl Place {
    fn names(&self) -> Vec<&'static str> {
        self.keys
            .iter()
            .map(|key| match key {
                Text(name) | Number(name) => *name,
            })
            .collect()
    }

    fn bound(&self, key: &[String]) -> Vec<Value> {
        let value = |(key, text): (&Key, &String)| match key {
            Text(_) => Value::from(text),
            Number(_) => Value::from(text.parse::<i64>().unwrap_or_default()),
        };
        self.keys.iter().zip(key).map(value).collect()
    }

    /// The next rows behind a key, in the order of the primary key.
    fn select(&self, after: Option<&[String]>) -> (String, Vec<Value>) {
        let (table, column, names) = (self.table, self.column, self.names().join(", "));
        let places: Vec<String> = (1..=self.keys.len()).map(|place| format!("${place}")).collect();
        let behind = after.map(|_| format!("WHERE ({names}) > ({})", places.join(", "))).unwrap_or_default();
        let statement = format!("SELECT {names}, {column} FROM {table} {behind} ORDER BY {names} LIMIT {BATCH}");
        (statement, after.map(|key| self.bound(key)).unwrap_or_default())
    }

    /// Changes a value if it still is what was read.
    fn update(&self) -> String {
        let (table, column) = (self.table, self.column);
        let is_it: Vec<String> =
            self.names().iter().enumerate().map(|(at, name)| format!("{name} = ${}", at + 3)).collect();
        format!("UPDATE {table} SET {column} = $1 WHERE {column} = $2 AND {}", is_it.join(" AND "))
    }

    fn values(&self, key: &[String], anew: Vec<u8>, before: Vec<u8>) -> Vec<Value> {
        values![anew, before].into_iter().chain(self.bound(key)).collect()
    }

    fn key(&self, row: &AnyRow) -> Result<Vec<String>, StoreError> {
        let read = |(at, key): (usize, &Key)| match key {
            Text(_) => row.text(at),
            Number(_) => row.int(at).map(|number| number.to_string()),
        };
        self.keys.iter().enumerate().map(read).collect()
    }
}
