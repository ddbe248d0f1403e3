//! The way from a view, or from a text within it, back to raw bytes.
//!
//! Made only where something was found. What was found behind layers is read again as anybody will who checks it; where a
//! slice does not read as it does in its surroundings, the surroundings are told, and the place within them.

use std::cell::OnceCell;
use std::ops::Range;

use super::charset::Decoded;
use super::fold::fold_mapped;
use super::html::Markup;
use super::layers::{Base, CHARSET, Derived, FOLD, cut};
use super::map::OffsetMap;
use super::replay::{replay, step_of};
use crate::domain::span::ByteSpan;

/// Where a range of a view stands in the raw bytes, and how to read it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Raw bytes.
    pub span: ByteSpan,
    /// Steps from those bytes to the range's text; see [`replay`].
    pub steps: Vec<String>,
}

/// The way from a view back to its raw bytes.
#[derive(Debug)]
pub struct Locator<'a> {
    pub(super) decoded: &'a Decoded<'a>,
    pub(super) markup: Option<Markup<OffsetMap>>,
    pub(super) folds: OffsetMap,
}

impl<'a> Locator<'a> {
    /// Returns where a non-empty range of the view's text stands in the raw bytes.
    pub fn place(&self, view: &Range<usize>) -> Place {
        let mut place = self.place_unfolded(&self.folds.to_source(view));
        place.steps.push(FOLD.to_owned());
        place
    }

    /// Returns where a non-empty range of the view's text begins in the raw bytes.
    pub fn start(&self, view: &Range<usize>) -> u64 {
        let unfolded = self.folds.to_source(view);
        let text = self.markup.as_ref().map_or_else(|| unfolded.clone(), |markup| markup.trace.to_source(&unfolded));
        self.decoded.raw_start(text.start)
    }

    /// Returns a range of the view's text as it stood before it was folded.
    pub fn unfolded(&self, view: &Range<usize>) -> &str {
        self.text().get(self.folds.to_source(view)).unwrap_or_default()
    }

    /// Makes the way back from a text within the view.
    pub fn derived<'d>(&'d self, derived: &'d Derived<'d>) -> DerivedLocator<'d, 'a> {
        let folds = derived.unfolded.map(|text| fold_mapped(text).1);
        DerivedLocator { view: self, derived, folds, whole: OnceCell::new() }
    }

    fn text(&self) -> &str {
        self.markup.as_ref().map_or(&*self.decoded.text, |markup| markup.text.as_str())
    }

    fn place_unfolded(&self, unfolded: &Range<usize>) -> Place {
        let mut steps = vec![format!("{CHARSET}{}", self.decoded.charset.to_ascii_lowercase())];
        let text = match &self.markup {
            None => unfolded.clone(),
            Some(markup) => {
                steps.extend(step_of(markup.region(unfolded.start)).map(str::to_owned));
                markup.trace.to_source(unfolded)
            }
        };
        Place { span: self.decoded.to_raw(&text), steps }
    }
}

/// The way from a text within a view back to the view's raw bytes.
#[derive(Debug)]
pub struct DerivedLocator<'d, 'a> {
    view: &'d Locator<'a>,
    derived: &'d Derived<'d>,
    folds: Option<OffsetMap>,
    /// Where all of the derived text stands, and how it reads there: made once for all that must be told so.
    whole: OnceCell<(Place, String)>,
}

impl DerivedLocator<'_, '_> {
    /// Returns where a non-empty range of the derived text stands in the raw bytes.
    pub fn place(&self, range: &Range<usize>) -> Place {
        let place = self.place_alone(range);
        let expected = self.derived.text.get(range.clone()).unwrap_or_default();
        let raw = self.view.decoded.raw();
        if replay(raw, place.span, &place.steps).as_deref() == Some(expected) {
            return place;
        }
        let (whole, text) = self.whole.get_or_init(|| {
            let whole = self.place_alone(&(0..self.derived.text.len()));
            let text = replay(raw, whole.span, &whole.steps).unwrap_or_default();
            (whole, text)
        });
        let is_there = |at: &usize| text.get(*at..).is_some_and(|rest| rest.starts_with(expected));
        let Some(at) = Some(range.start).filter(is_there).or_else(|| text.find(expected)) else { return place };
        let mut whole = whole.clone();
        whole.steps.push(cut(&(at..at + expected.len())));
        whole
    }

    /// Returns a range of the derived text as it stood before it was folded, where folding is the last step.
    pub fn unfolded(&self, range: &Range<usize>) -> &str {
        match (&self.folds, self.derived.unfolded) {
            (Some(folds), Some(text)) => text.get(folds.to_source(range)),
            (None, _) | (_, None) => self.derived.text.get(range.clone()),
        }
        .unwrap_or_default()
    }

    /// Returns where a non-empty range of the derived text begins in the raw bytes.
    pub fn start(&self, range: &Range<usize>) -> u64 {
        self.place_alone(range).span.start
    }

    fn place_alone(&self, range: &Range<usize>) -> Place {
        let (base, steps) = self.to_base(range);
        let mut place = match self.derived.base {
            Base::Unfolded => self.view.place_unfolded(&base),
            Base::Folded => self.view.place(&base),
        };
        place.steps.extend(steps.into_iter().rev());
        place
    }

    fn to_base(&self, range: &Range<usize>) -> (Range<usize>, Vec<String>) {
        let mut steps = Vec::new();
        let mut range = range.clone();
        if let Some(folds) = &self.folds {
            steps.push(FOLD.to_owned());
            range = folds.to_source(&range);
        }
        for link in std::iter::successors(self.derived.link, |link| link.before) {
            range = link.to_source(&range, &mut steps);
        }
        (range, steps)
    }
}
