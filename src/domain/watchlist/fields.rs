//! The values of a canary by field: a watchlist holds up to ten million, so each takes little more than its letters.

use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names that stand in most watchlists: kept once for all canaries.
const USUAL: [&str; 20] = [
    "account",
    "address",
    "balance",
    "birth_date",
    "branch",
    "card_no",
    "city",
    "company",
    "country",
    "email",
    "iban",
    "id",
    "name",
    "national_id",
    "opened_at",
    "pan",
    "passport",
    "phone",
    "postcode",
    "resident_id",
];

static KEPT: LazyLock<Vec<Arc<str>>> = LazyLock::new(|| USUAL.iter().map(|name| Arc::from(*name)).collect());

/// Field name (`name`, `pan`, `phone` …) to value as planted, by name; each name once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Box<[(Arc<str>, Box<str>)]>);

impl Fields {
    /// Makes fields of pairs; of two with the same name the later counts.
    pub fn of(pairs: Vec<(Arc<str>, Box<str>)>) -> Self {
        let mut pairs = pairs;
        if !pairs.is_sorted_by(|(one, _), (other, _)| one < other) {
            pairs.reverse();
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
            pairs.dedup_by(|(later, _), (first, _)| later == first);
        }
        Self(pairs.into_boxed_slice())
    }

    /// Returns a field's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Sets a field's value.
    pub fn insert(&mut self, name: &str, value: &str) {
        let kept = self.iter().map(|(name, value)| (shared(name), Box::from(value)));
        *self = Self::of(kept.chain([(shared(name), Box::from(value))]).collect());
    }

    /// Lists names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Counts the fields.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns a field's name as it is kept.
pub(super) fn shared(name: &str) -> Arc<str> {
    let kept = USUAL.binary_search(&name).ok().and_then(|at| KEPT.get(at));
    kept.cloned().unwrap_or_else(|| Arc::from(name))
}

impl<N: AsRef<str>, V: Into<Box<str>>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self::of(pairs.into_iter().map(|(name, value)| (shared(name.as_ref()), value.into())).collect())
    }
}

impl<N: AsRef<str>, V: Into<Box<str>>, const COUNT: usize> From<[(N, V); COUNT]> for Fields {
    fn from(pairs: [(N, V); COUNT]) -> Self {
        pairs.into_iter().collect()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of fields to values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(8).min(64));
        while let Some(Name(name)) = map.next_key()? {
            pairs.push((name, map.next_value()?));
        }
        Ok(Fields::of(pairs))
    }
}

/// A name on its way from a document.
struct Name(Arc<str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ReadName)
    }
}

struct ReadName;

impl Visitor<'_> for ReadName {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(Name(shared(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_a_map_by_name_in_memory_and_in_documents() {
        assert!(USUAL.is_sorted());
        let fields: Fields =
            [("pan", "9999"), ("email", "a@b.example"), ("own_column", "x"), ("pan", "1234")].into_iter().collect();
        assert_eq!(fields.iter().collect::<Vec<_>>(), [("email", "a@b.example"), ("own_column", "x"), ("pan", "1234")]);
        assert_eq!((fields.get("pan"), fields.get("name"), fields.len()), (Some("1234"), None, 3));
        let text = serde_json::to_string(&fields).unwrap();
        assert_eq!(text, r#"{"email":"a@b.example","own_column":"x","pan":"1234"}"#);
        let read: Fields =
            serde_json::from_str(r#"{"pan":"0","own_column":"x","email":"a@b.ex\u0061mple","pan":"1234"}"#).unwrap();
        assert_eq!(read, fields);
        let mut changed = read;
        changed.insert("name", "Jo Wren");
        changed.insert("pan", "1");
        assert_eq!(
            serde_json::to_string(&changed).unwrap(),
            r#"{"email":"a@b.example","name":"Jo Wren","own_column":"x","pan":"1"}"#
        );
    }
}
