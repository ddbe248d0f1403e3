//! SQLite files to rows, a table a member.
//!
//! The file is opened in memory and read-only, its own SQL (views, triggers, defaults) is not trusted and not run, and a
//! read that takes too many steps is ended. Not here: the product's own database (`ports::store`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB, Row};

use super::body::{Body, length};
use super::office::Lines;
use super::{Place, Unpacker};

/// Steps of SQLite's machine between two looks at how many there were.
const STEPS: i32 = 10_000;
/// Steps allowed for each byte of the file, and at least: reading a whole table takes a few for each cell.
const STEPS_PER_BYTE: u64 = 50;
const STEPS_AT_LEAST: u64 = 50_000_000;
/// A cell longer than this is left out.
const CELL_BYTES: i32 = 64 << 20;

impl Unpacker<'_> {
    pub(super) fn sqlite(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let bytes = length(&mut *body).unwrap_or_default();
        if bytes > self.order.limits.held_bytes {
            self.odd(
                "member-too-large",
                place,
                "an SQLite file is too large to be opened; it is searched as it stands",
            );
            return self.give_body(place, &mut *body);
        }
        let whole = usize::try_from(bytes).ok().and_then(|bytes| open(&mut *body, bytes).ok());
        let is_read = whole.is_some_and(|database| self.tables(place, &database).is_ok());
        if !is_read {
            self.odd("container-damaged", place, "an SQLite file is damaged; it is searched as it stands too");
            self.give_body(place, &mut *body);
        }
    }

    fn tables(&mut self, place: &Place, database: &Connection) -> rusqlite::Result<()> {
        let names: Vec<(String, Option<String>)> = database
            .prepare(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut ended = Ok(());
        for (name, sql) in names {
            // A virtual table runs code of its own.
            let is_virtual = sql.is_some_and(|sql| sql.trim_start().to_ascii_uppercase().starts_with("CREATE VIRTUAL"));
            if is_virtual {
                continue;
            }
            if !self.may_open_another(place) {
                break;
            }
            let mut lines = Lines::begin(self.visit, &place.member(name.as_bytes()).path);
            let read = rows(database, &name, &mut lines);
            lines.end();
            ended = ended.and(read);
        }
        ended
    }
}

fn open(body: &mut dyn Body, bytes: usize) -> rusqlite::Result<Connection> {
    let mut database = Connection::open_in_memory()?;
    database.deserialize_read_exact(MAIN_DB, body, bytes, true)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    database.set_limit(Limit::SQLITE_LIMIT_LENGTH, CELL_BYTES)?;
    database.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    database.execute_batch("PRAGMA cell_size_check = ON; PRAGMA query_only = ON; PRAGMA mmap_size = 0;")?;
    let allowed = (bytes as u64).saturating_mul(STEPS_PER_BYTE).max(STEPS_AT_LEAST);
    let steps = Arc::new(AtomicU64::new(0));
    let is_over = move || steps.fetch_add(STEPS.unsigned_abs().into(), Ordering::Relaxed) > allowed;
    database.progress_handler(STEPS, Some(is_over))?;
    Ok(database)
}

fn rows(database: &Connection, table: &str, lines: &mut Lines<'_>) -> rusqlite::Result<()> {
    let mut statement = database.prepare(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))?;
    for (index, name) in statement.column_names().into_iter().enumerate() {
        if index > 0 {
            lines.tab();
        }
        lines.push(name);
    }
    lines.newline();
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        write_row(row, columns, lines)?;
    }
    Ok(())
}

fn write_row(row: &Row<'_>, columns: usize, lines: &mut Lines<'_>) -> rusqlite::Result<()> {
    for column in 0..columns {
        if column > 0 {
            lines.tab();
        }
        match row.get_ref(column)? {
            ValueRef::Null => {}
            ValueRef::Integer(number) => lines.push(&number.to_string()),
            ValueRef::Real(number) if number.fract() == 0.0 && number.abs() < 1e18 => {
                lines.push(&format!("{number:.0}"));
            }
            ValueRef::Real(number) => lines.push(&number.to_string()),
            ValueRef::Text(text) => lines.push(&super::decode(text, None).text),
            // Some programs store text as blobs.
            ValueRef::Blob(blob) => lines.push(std::str::from_utf8(blob).unwrap_or_default()),
        }
    }
    lines.newline();
    Ok(())
}
