//! Statements and rows: how values are bound, many rows written at once, and columns read.
//!
//! Not here: any particular statement.

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

use super::StoreError;

/// Rows in one statement: few sizes, so that prepared statements are used again; most boards show ten or twenty posts.
const CHUNKS: [usize; 7] = [64, 20, 10, 8, 4, 2, 1];
/// The same, of statements that take a row twice: the last row fills up their places.
const PADDED_CHUNKS: [usize; 13] = [64, 48, 32, 26, 20, 16, 12, 10, 8, 6, 4, 2, 1];
/// Keys in one statement.
const KEY_CHUNKS: [usize; 7] = [KEYS, 64, 16, 8, 4, 2, 1];
/// Most keys in one statement: of many more, PostgreSQL would rather read the whole table.
pub(super) const KEYS: usize = 256;

/// A value to bind.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    MaybeText(Option<String>),
    Int(i64),
    MaybeInt(Option<i64>),
    Float(f64),
    Bytes(Vec<u8>),
    MaybeBytes(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($from:ty => |$name:ident| $value:expr),+ $(,)?) => {
        $(impl From<$from> for Value { fn from($name: $from) -> Self { $value } })+
    };
}

value_from! {
    String => |text| Self::Text(text),
    &String => |text| Self::Text(text.clone()),
    &str => |text| Self::Text(text.to_owned()),
    Option<String> => |text| Self::MaybeText(text),
    &Option<String> => |text| Self::MaybeText(text.clone()),
    Option<&str> => |text| Self::MaybeText(text.map(str::to_owned)),
    i64 => |number| Self::Int(number),
    u64 => |number| Self::Int(i64::try_from(number).unwrap_or(i64::MAX)),
    u32 => |number| Self::Int(i64::from(number)),
    Option<i64> => |number| Self::MaybeInt(number),
    f64 => |number| Self::Float(number),
    Vec<u8> => |bytes| Self::Bytes(bytes),
    Option<Vec<u8>> => |bytes| Self::MaybeBytes(bytes),
    Timestamp => |at| Self::Int(at.as_millisecond()),
    Option<Timestamp> => |at| Self::MaybeInt(at.map(Timestamp::as_millisecond)),
}

/// Makes the list of values that a statement binds, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::ports::store::sql::Value::from($value)),*] };
}
pub(super) use values;

fn bind(mut query: Query<'static, Any, AnyArguments>, values: Vec<Value>) -> Query<'static, Any, AnyArguments> {
    for value in values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::MaybeText(text) => query.bind(text),
            Value::Int(number) => query.bind(number),
            Value::MaybeInt(number) => query.bind(number),
            Value::Float(number) => query.bind(number),
            Value::Bytes(bytes) => query.bind(bytes),
            Value::MaybeBytes(bytes) => query.bind(bytes),
        };
    }
    query
}

/// Runs a statement; returns how many rows it changed.
pub(super) async fn execute(
    connection: &mut AnyConnection,
    statement: &'static str,
    values: Vec<Value>,
) -> Result<u64, StoreError> {
    let result: AnyQueryResult = bind(sqlx::query(statement), values).execute(connection).await?;
    Ok(result.rows_affected())
}

/// Runs a query; returns all its rows.
pub(super) async fn fetch(
    connection: &mut AnyConnection,
    statement: &'static str,
    values: Vec<Value>,
) -> Result<Vec<AnyRow>, StoreError> {
    Ok(bind(sqlx::query(statement), values).fetch_all(connection).await?)
}

/// Runs a query; returns its first row.
pub(super) async fn fetch_one(
    connection: &mut AnyConnection,
    statement: &'static str,
    values: Vec<Value>,
) -> Result<Option<AnyRow>, StoreError> {
    Ok(bind(sqlx::query(statement), values).fetch_optional(connection).await?)
}

/// Runs a statement that was put together from names of our own; returns how many rows it changed.
pub(super) async fn execute_made(
    connection: &mut AnyConnection,
    statement: String,
    values: Vec<Value>,
) -> Result<u64, StoreError> {
    let result: AnyQueryResult = bind(sqlx::query(AssertSqlSafe(statement)), values).execute(connection).await?;
    Ok(result.rows_affected())
}

/// Runs a query that was put together from names of our own; returns all its rows.
pub(super) async fn fetch_made(
    connection: &mut AnyConnection,
    statement: String,
    values: Vec<Value>,
) -> Result<Vec<AnyRow>, StoreError> {
    Ok(bind(sqlx::query(AssertSqlSafe(statement)), values).fetch_all(connection).await?)
}

/// Runs a query that ends with a row lock where the database has them: `suffix` is empty or ` FOR UPDATE SKIP LOCKED`.
pub(super) async fn fetch_locking(
    connection: &mut AnyConnection,
    statement: &'static str,
    suffix: &'static str,
    values: Vec<Value>,
) -> Result<Vec<AnyRow>, StoreError> {
    let text = AssertSqlSafe(format!("{statement}{suffix}"));
    Ok(bind(sqlx::query(text), values).fetch_all(connection).await?)
}

/// Inserts many rows with few statements: `head` ends with `VALUES`, `tail` may hold `ON CONFLICT …`.
/// Returns how many rows were written.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    (head, tail): (&'static str, &'static str),
    rows: Vec<Vec<Value>>,
) -> Result<u64, StoreError> {
    let takes_twins = tail.ends_with("DO NOTHING");
    let mut written = 0;
    let mut rows = rows.into_iter();
    while let Some(columns) = rows.as_slice().first().map(Vec::len) {
        let size = if takes_twins { padded_chunk_size(rows.len()) } else { chunk_size(rows.len()) };
        let places = Places::of(connection, 0);
        let tuples: Vec<String> = (0..size).map(|row| places.tuple(row * columns + 1, columns)).collect();
        let text = AssertSqlSafe(format!("{head} {} {tail}", tuples.join(",")));
        let twins = vec![rows.as_slice().last().cloned().unwrap_or_default(); size.saturating_sub(rows.len())];
        let values = rows.by_ref().take(size).chain(twins).flatten().collect();
        written += bind(sqlx::query(text), values).execute(&mut *connection).await?.rows_affected();
    }
    Ok(written)
}

/// Runs a query for many keys with few statements: `head` ends with `IN`, `fixed` is bound first.
pub(super) async fn fetch_in(
    connection: &mut AnyConnection,
    head: &'static str,
    fixed: &[Value],
    keys: &[String],
) -> Result<Vec<AnyRow>, StoreError> {
    fetch_groups(connection, (head, ""), (fixed, keys)).await
}

/// Runs a query for many keys as [`fetch_in`] does; `tail` may hold `GROUP BY …` by the key.
pub(super) async fn fetch_groups(
    connection: &mut AnyConnection,
    (head, tail): (&'static str, &'static str),
    (fixed, keys): (&[Value], &[String]),
) -> Result<Vec<AnyRow>, StoreError> {
    let mut found = Vec::new();
    for chunk in keys.chunks(KEYS) {
        let padded = padded(chunk);
        let places = Places::of(connection, fixed.len());
        let text = AssertSqlSafe(format!("{head} {} {tail}", places.tuple(fixed.len() + 1, padded.len())));
        let values = fixed.iter().cloned().chain(padded).collect();
        found.extend(bind(sqlx::query(text), values).fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

/// A statement put together from fixed texts; values are bound, never written into it.
#[derive(Debug)]
pub(super) struct Statement {
    text: String,
    values: Vec<Value>,
}

impl Statement {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(super) fn push(&mut self, text: &'static str) {
        self.text.push_str(text);
    }

    /// Writes a text and the place of a value behind it.
    pub(super) fn bind(&mut self, text: &'static str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.text.push_str(text);
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
    }

    /// Writes a column and that it is one of these, [`KEYS`] at most.
    pub(super) fn bind_in(&mut self, column: &'static str, keys: &[String]) {
        let padded = padded(keys);
        self.text.push_str(column);
        self.text.push_str(" IN ");
        self.text.push_str(&Places::Numbered.tuple(self.values.len() + 1, padded.len()));
        self.values.extend(padded);
    }

    pub(super) async fn fetch(self, connection: &mut AnyConnection) -> Result<Vec<AnyRow>, StoreError> {
        Ok(bind(sqlx::query(AssertSqlSafe(self.text)), self.values).fetch_all(connection).await?)
    }
}

/// The last key fills up the statement's places: naming it twice finds nothing twice.
fn padded(keys: &[String]) -> Vec<Value> {
    let size = KEY_CHUNKS.into_iter().rev().find(|size| *size >= keys.len()).unwrap_or(KEYS);
    keys.iter().chain(keys.last().into_iter().cycle()).take(size).map(Value::from).collect()
}

fn chunk_size(rows: usize) -> usize {
    CHUNKS.into_iter().find(|size| *size <= rows).unwrap_or(1)
}

fn padded_chunk_size(rows: usize) -> usize {
    PADDED_CHUNKS.into_iter().rev().find(|size| *size >= rows).unwrap_or(64)
}

/// How a statement marks the places of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Places {
    /// `$4`, as both databases read it.
    Numbered,
    /// `?`, which SQLite need not look up by name: with numbers that takes time that grows with the square of the places.
    InOrder,
}

impl Places {
    /// The quickest for a database, in a statement in which so many numbered places come first.
    fn of(connection: &AnyConnection, numbered: usize) -> Self {
        if numbered == 0 && connection.backend_name() == "SQLite" { Self::InOrder } else { Self::Numbered }
    }

    /// `($4,$5,$6)` or `(?,?,?)`: `count` places from `first`.
    fn tuple(self, first: usize, count: usize) -> String {
        let place = |at: usize| match self {
            Self::Numbered => format!("${at}"),
            Self::InOrder => "?".to_owned(),
        };
        let places: Vec<String> = (first..first + count).map(place).collect();
        format!("({})", places.join(","))
    }
}

/// Reads columns by position.
pub(super) trait Columns {
    fn text(&self, index: usize) -> Result<String, StoreError>;
    fn maybe_text(&self, index: usize) -> Result<Option<String>, StoreError>;
    fn int(&self, index: usize) -> Result<i64, StoreError>;
    fn maybe_int(&self, index: usize) -> Result<Option<i64>, StoreError>;
    fn count(&self, index: usize) -> Result<u64, StoreError>;
    fn float(&self, index: usize) -> Result<f64, StoreError>;
    fn bytes(&self, index: usize) -> Result<Vec<u8>, StoreError>;
    fn maybe_bytes(&self, index: usize) -> Result<Option<Vec<u8>>, StoreError>;
    fn time(&self, index: usize) -> Result<Timestamp, StoreError>;
    fn maybe_time(&self, index: usize) -> Result<Option<Timestamp>, StoreError>;
}

impl Columns for AnyRow {
    fn text(&self, index: usize) -> Result<String, StoreError> {
        Ok(self.try_get(index)?)
    }

    fn maybe_text(&self, index: usize) -> Result<Option<String>, StoreError> {
        Ok(self.try_get(index)?)
    }

    fn int(&self, index: usize) -> Result<i64, StoreError> {
        Ok(self.try_get(index)?)
    }

    fn maybe_int(&self, index: usize) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(index)?)
    }

    fn count(&self, index: usize) -> Result<u64, StoreError> {
        Ok(self.maybe_int(index)?.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    fn float(&self, index: usize) -> Result<f64, StoreError> {
        Ok(self.try_get(index)?)
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, StoreError> {
        Ok(self.try_get(index)?)
    }

    fn maybe_bytes(&self, index: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.try_get(index)?)
    }

    fn time(&self, index: usize) -> Result<Timestamp, StoreError> {
        Ok(time(self.int(index)?))
    }

    fn maybe_time(&self, index: usize) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.maybe_int(index)?.map(time))
    }
}

/// What lies outside the times there are is the first or the last of them. So the end of time, until which whatever waits
/// for a person rests, comes back as itself: `from_millisecond` takes nothing later than its whole second.
fn time(milliseconds: i64) -> Timestamp {
    let end = if milliseconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(milliseconds).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_cut_into_few_sizes() {
        let mut left = 87;
        let mut sizes = Vec::new();
        while left > 0 {
            let size = chunk_size(left);
            sizes.push(size);
            left -= size;
        }
        assert_eq!(sizes, [64, 20, 2, 1]);
    }

    #[test]
    fn places_left_over_are_few() {
        assert_eq!([1, 3, 7, 20, 21, 64, 87].map(padded_chunk_size), [1, 4, 8, 20, 26, 64, 64]);
        assert!((1..64).all(|rows| padded_chunk_size(rows) - rows <= rows.div_ceil(2)));
    }

    #[test]
    fn the_end_of_time_comes_back_as_itself() {
        let usual = Timestamp::constant(1_780_000_000, 7_000_000);
        for at in [Timestamp::MAX, Timestamp::MIN, Timestamp::UNIX_EPOCH, usual] {
            assert_eq!(time(at.as_millisecond()), at);
        }
        assert_eq!((time(i64::MAX), time(i64::MIN)), (Timestamp::MAX, Timestamp::MIN));
    }

    #[test]
    fn places_are_numbered_from_one_or_stand_in_order() {
        assert_eq!(Places::Numbered.tuple(1, 3), "($1,$2,$3)");
        assert_eq!(Places::Numbered.tuple(4, 1), "($4)");
        assert_eq!(Places::InOrder.tuple(4, 2), "(?,?)");
    }
}
