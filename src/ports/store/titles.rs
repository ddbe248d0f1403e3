//! Titles of the threads where cases were seen, written down so that a part of one is found soon.
//!
//! A sighting holds its title in small letters. Sheets hold the same, many titles to a row, each beside its case: they are read
//! in one pass, and what they tell is looked up in the sightings. Not here: what else words may name (`console::narrow`).

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::console::Scope;
use super::sql::{self, Columns, Statement, values};
use super::{Dialect, Durability, Store, StoreError};

/// Characters of titles in a sheet; with the cases beside them, PostgreSQL still keeps it in one piece.
const SHEET_CHARS: usize = 800;
/// Sheets read at once: where a word is common, the first ones hold enough of it.
const SHEETS: usize = 256;
/// Threads written down in one transaction.
const BATCH: u32 = 500;

/// Writes a text in small letters, in one line.
pub(super) fn fold(text: &str) -> String {
    let small = text.chars().flat_map(char::to_lowercase);
    small.map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// A thread where a case was seen.
#[derive(Default)]
struct Seen {
    /// Its title, as it is written down.
    words: String,
    /// What its sightings hold.
    known: BTreeSet<Option<String>>,
}

/// Writes the titles of these threads down wherever cases were seen in them. Comes last in a transaction: sheets are shared by
/// all who record an organization's hits.
pub(super) async fn note(connection: &mut AnyConnection, source: &str, threads: &[String]) -> Result<(), StoreError> {
    let head = "SELECT DISTINCT s.organization, s.leak_case, s.thread, t.title, s.words FROM case_sighting s \
                JOIN thread t ON t.source = s.source AND t.id = s.thread \
                WHERE t.title IS NOT NULL AND s.source = $1 AND s.thread IN";
    let mut seen: BTreeMap<[String; 3], Seen> = BTreeMap::new();
    for row in sql::fetch_in(connection, head, &[source.into()], threads).await? {
        let own = seen.entry([row.text(0)?, row.text(1)?, row.text(2)?]).or_default();
        own.words = fold(&row.text(3)?);
        own.known.insert(row.maybe_text(4)?);
    }
    let mut lines: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for ([organization, case, thread], Seen { words, mut known }) in seen {
        let is_written = known.remove(&Some(words.clone()));
        if !known.is_empty() {
            let statement = "UPDATE case_sighting SET words = $1 WHERE leak_case = $2 AND source = $3 AND thread = $4";
            sql::execute(connection, statement, values![&words, &case, source, thread]).await?;
        }
        if !is_written {
            lines.entry(organization).or_default().push((words, case));
        }
    }
    append(connection, lines).await
}

/// Writes the titles of a case down whose sightings were another's.
pub(super) async fn note_case(
    connection: &mut AnyConnection,
    (organization, case): (&str, &str),
) -> Result<(), StoreError> {
    let statement = "SELECT DISTINCT words FROM case_sighting WHERE leak_case = $1 AND words IS NOT NULL";
    let rows = sql::fetch(connection, statement, values![case]).await?;
    let lines = rows.iter().map(|row| Ok((row.text(0)?, case.to_owned()))).collect::<Result<Vec<_>, StoreError>>()?;
    append(connection, [(organization.to_owned(), lines)].into()).await
}

/// Adds lines, each a title and its case, to the organizations' last sheets, and begins new ones.
async fn append(
    connection: &mut AnyConnection,
    lines: BTreeMap<String, Vec<(String, String)>>,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for (organization, lines) in lines {
        if lines.is_empty() {
            continue;
        }
        let statement = "SELECT number, CAST(LENGTH(words) AS BIGINT) FROM title_sheet WHERE organization = $1 \
                         ORDER BY number DESC LIMIT 1";
        let last = sql::fetch_one(connection, statement, values![&organization]).await?;
        let (mut number, mut length) =
            last.map_or(Ok((0, 0)), |row| Ok::<_, StoreError>((row.int(0)?, row.count(1)?)))?;
        let (mut words, mut cases) = (String::new(), String::new());
        for (title, case) in lines {
            let own = title.chars().count() as u64 + 1;
            if length > 0 && length + own > SHEET_CHARS as u64 {
                let sheet = (std::mem::take(&mut words), std::mem::take(&mut cases));
                rows.push(values![&organization, number, sheet.0, sheet.1]);
                (number, length) = (number + 1, 0);
            }
            length += own;
            words.extend([title.as_str(), "\n"]);
            cases.extend([case.as_str(), "\n"]);
        }
        rows.push(values![&organization, number, words, cases]);
    }
    let head = "INSERT INTO title_sheet (organization, number, words, cases) VALUES";
    // Another worker may have begun or filled the same sheet since.
    let tail = "ON CONFLICT (organization, number) DO UPDATE SET words = title_sheet.words || excluded.words, \
                cases = title_sheet.cases || excluded.cases";
    sql::insert(connection, (head, tail), rows).await.map(drop)
}

/// Finds the living cases of a scope in a title of whose threads these words stand; where they are more than `limit`, some more
/// than that, and not looked up.
pub(super) async fn cases(
    connection: &mut AnyConnection,
    scope: &Scope,
    (dialect, words): (Dialect, &str),
    limit: usize,
) -> Result<BTreeSet<String>, StoreError> {
    let (mut told, mut after) = (BTreeSet::new(), (String::new(), -1));
    loop {
        let mut statement = Statement::new("SELECT organization, number, words, cases FROM title_sheet WHERE ");
        statement.bind("(organization, number) > (", &after.0);
        statement.bind(", ", after.1);
        statement.push(")");
        if *scope != Scope::Everything {
            statement.bind(" AND organization = ", scope.organization());
        }
        statement.push(" AND ");
        holds(&mut statement, (dialect, "words"), words);
        statement.bind(" ORDER BY organization, number LIMIT ", SHEETS as u64);
        let rows = statement.fetch(connection).await?;
        for row in &rows {
            let (titles, cases) = (row.text(2)?, row.text(3)?);
            let lines = titles.lines().zip(cases.lines()).filter(|(title, _)| title.contains(words));
            told.extend(lines.map(|(_, case)| case.to_owned()));
            after = (row.text(0)?, row.int(1)?);
        }
        if told.len() > limit {
            return Ok(told);
        }
        if rows.len() < SHEETS {
            return look_up(connection, scope, (dialect, words), &told.into_iter().collect::<Vec<_>>()).await;
        }
    }
}

/// Returns those of the cases that sheets told of, or the ones that they are part of now, in whose sightings the words stand.
async fn look_up(
    connection: &mut AnyConnection,
    scope: &Scope,
    (dialect, words): (Dialect, &str),
    told: &[String],
) -> Result<BTreeSet<String>, StoreError> {
    let mut found = BTreeSet::new();
    for chunk in told.chunks(sql::KEYS) {
        let mut statement = Statement::new(
            "SELECT DISTINCT s.leak_case, s.organization FROM leak_case c \
             JOIN case_sighting s ON s.leak_case = COALESCE(c.merged_into, c.id) WHERE ",
        );
        statement.bind_in("c.id", chunk);
        statement.push(" AND ");
        holds(&mut statement, (dialect, "s.words"), words);
        for row in statement.fetch(connection).await? {
            if scope.covers(&row.text(1)?) {
                found.insert(row.text(0)?);
            }
        }
    }
    Ok(found)
}

/// Writes the condition that these words stand in a column.
pub(super) fn holds(statement: &mut Statement, (dialect, column): (Dialect, &'static str), words: &str) {
    statement.push(dialect.place());
    statement.push("(");
    statement.push(column);
    statement.bind(", ", words);
    statement.push(") > 0");
}

impl Store {
    /// Writes down the titles of what was seen before titles were written down; at once where that was done.
    pub(super) async fn note_old_titles(&self) -> Result<(), StoreError> {
        let statement = "SELECT 1 FROM meta WHERE name = 'titles' AND content = 'missing'";
        if sql::fetch(&mut *self.reader.acquire().await?, statement, values![]).await?.is_empty() {
            return Ok(());
        }
        let (mut source, mut thread, mut count) = (String::new(), String::new(), 0);
        loop {
            let mut write = self.begin(Durability::Process).await?;
            let connection = write.connection();
            let statement = "SELECT DISTINCT source, thread FROM case_sighting WHERE thread IS NOT NULL \
                             AND (source, thread) > ($1, $2) ORDER BY source, thread LIMIT $3";
            let rows = sql::fetch(connection, statement, values![&source, &thread, BATCH]).await?;
            let mut threads: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for row in &rows {
                (source, thread) = (row.text(0)?, row.text(1)?);
                threads.entry(source.clone()).or_default().push(thread.clone());
            }
            for (source, threads) in threads {
                note(connection, &source, &threads).await?;
            }
            count += rows.len();
            if rows.is_empty() {
                let statement = "UPDATE meta SET content = 'written' WHERE name = 'titles'";
                sql::execute(connection, statement, values![]).await?;
                write.commit().await?;
                break;
            }
            write.commit().await?;
        }
        if count > 0 {
            tracing::info!(threads = count, "titles of older cases were written down for the search");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_script_are_written_small_and_in_one_line() {
        for (text, small) in [
            ("Fresh BASE 100%_x", "fresh base 100%_x"),
            ("Свежая БАЗА", "свежая база"),
            ("出售 数据库\nＡＢＣ", "出售 数据库 ａｂｃ"),
            ("ΟΔΟΣ", "οδοσ"),
            ("", ""),
        ] {
            assert_eq!(fold(text), small, "{text}");
        }
    }
}
