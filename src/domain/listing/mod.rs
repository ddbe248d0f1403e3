//! Is this an offer to sell data, and what does it claim: price, volume, owner, date, seller, contacts.
//!
//! A post is taken apart once (`post`); phrases, layout and wording go through a linear model (`features`, `model`) that says
//! what the post does and why; prices, volumes, contacts and the rest are read by rules, each with the place it was read from.
//! Not here: whether the claim is true (`matcher` and `case` know that), who wrote it (`forum` reads authors).

mod contacts;
mod dates;
mod details;
mod excerpt;
mod explain;
mod features;
mod fold;
mod forms;
mod languages;
mod layout;
mod model;
mod numbers;
mod owners;
mod post;
mod prices;
mod tally;
pub mod training;
mod vocabulary;
mod volumes;

use serde::{Deserialize, Serialize};

use crate::domain::span::ByteSpan;

pub use contacts::{Contact, ContactKind};
pub use dates::{DateRole, Dated};
pub use languages::Language;
pub use model::Act;
pub use owners::Owner;
pub use prices::{Price, PriceUnit};
pub use vocabulary::Concept;
pub use volumes::{Volume, VolumeUnit};

use features::{Facts, Features};
use model::Model;
use post::{Part, Post};
use prices::PriceFound;
use volumes::VolumeFound;

/// What a post says of itself; by default, nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Listing {
    /// How likely it offers data for sale; 0..=1.
    pub sale: f64,
    /// What it most likely does.
    #[serde(default)]
    pub act: Act,
    /// The price asked.
    pub price: Option<Price>,
    /// The phrases and traits that decided, weightiest first.
    pub cues: Vec<String>,
    /// The rest of what it claims.
    #[serde(default)]
    pub claims: Claims,
}

/// What a post claims, each with where it says so.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Claims {
    /// The phrases that decided what the post does, by what they say, weightiest first.
    #[serde(default)]
    pub phrases: Vec<Found<String>>,
    /// What kind of data it is about.
    pub goods: Option<Found<Goods>>,
    /// All amounts of money that may be prices, the one asked first.
    pub prices: Vec<Found<Asked>>,
    /// How much is offered.
    pub volume: Option<Found<Volume>>,
    /// Institutions, domains, countries, sectors it is said to come from.
    pub owners: Vec<Found<Owner>>,
    /// When the data is from, when it was posted.
    pub dates: Vec<Found<Dated>>,
    /// Columns, by their common names: `name`, `phone`, `resident_id` ….
    pub fields: Vec<Found<String>>,
    /// How many sample rows are shown.
    pub samples: Option<Found<usize>>,
    /// Who sells, where the text names him; a forum's author is not repeated here.
    pub seller: Option<Found<String>>,
    /// How to reach the seller.
    pub contacts: Vec<Found<Contact>>,
    /// Links to proof or downloads.
    pub links: Vec<Found<String>>,
    /// Escrow is offered.
    pub escrow: Option<Source>,
    /// One buyer only.
    pub exclusive: Option<Source>,
    /// Said to be new or never sold before.
    pub fresh: Option<Source>,
    /// Said to be sold, closed or gone.
    pub closed: Option<Source>,
    /// Languages, the most used first.
    pub languages: Vec<Language>,
}

/// A value and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found<T> {
    /// What was read.
    pub value: T,
    /// Where.
    #[serde(flatten)]
    pub at: Source,
}

/// A place in a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Which part of [`Written`].
    pub place: Place,
    /// Bytes of it.
    pub span: ByteSpan,
}

/// A part of [`Written`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The title.
    Title,
    /// The text.
    Text,
    /// The labels.
    Tags,
    /// The name of the board.
    Board,
    /// The title of the page.
    Page,
}

impl Place {
    /// Returns the word of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Text => "text",
            Self::Tags => "tags",
            Self::Board => "board",
            Self::Page => "page",
        }
    }
}

/// A post and where it stands; what is not known is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written<'a> {
    /// Title of the thread; without one, the first line of the text counts as title.
    pub title: &'a str,
    /// The writer's words.
    pub text: &'a str,
    /// Labels that the engine shows beside the title, in one line: `Selling`, `出售`.
    pub tags: &'a str,
    /// Name of the board.
    pub board: &'a str,
    /// Title of the page.
    pub page: &'a str,
}

impl<'a> Written<'a> {
    /// A post of which only title and text are known.
    pub fn new(title: &'a str, text: &'a str) -> Self {
        Self { title, text, ..Self::default() }
    }
}

/// A price and what it buys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The amount.
    #[serde(flatten)]
    pub price: Price,
    /// What for.
    pub unit: PriceUnit,
}

/// Kinds of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goods {
    /// Passwords, logs, mail access.
    Credentials,
    /// Payment cards.
    Cards,
    /// Identity documents and full identities.
    Identity,
    /// Telephone and mail lists.
    Leads,
    /// Look-ups of people on order.
    LookupService,
    /// Access to systems.
    Access,
    /// Documents, source code, staff.
    Corporate,
    /// Records of customers, users, citizens.
    Database,
}

impl Goods {
    /// Every kind, the special before the general.
    pub const ALL: [Self; 8] = [
        Self::Credentials,
        Self::Cards,
        Self::Identity,
        Self::Leads,
        Self::LookupService,
        Self::Access,
        Self::Corporate,
        Self::Database,
    ];

    /// Returns the word of JSON and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Cards => "cards",
            Self::Identity => "identity",
            Self::Leads => "leads",
            Self::LookupService => "lookup_service",
            Self::Access => "access",
            Self::Corporate => "corporate",
            Self::Database => "database",
        }
    }

    /// The concept whose phrases name it.
    const fn concept(self) -> Concept {
        match self {
            Self::Credentials => Concept::Credentials,
            Self::Cards => Concept::Cards,
            Self::Identity => Concept::Identity,
            Self::Leads => Concept::Leads,
            Self::LookupService => Concept::Lookup,
            Self::Access => Concept::Access,
            Self::Corporate => Concept::Corporate,
            Self::Database => Concept::Database,
        }
    }
}

impl Listing {
    /// From this probability on, a post counts as an offer.
    pub const OFFER_FROM: f64 = 0.5;

    /// Tells whether the post counts as an offer.
    pub fn is_offer(&self) -> bool {
        self.sale >= Self::OFFER_FROM
    }

    /// Returns how many rows are claimed; 0 where none are, or where files or gigabytes are counted.
    pub fn rows(&self) -> u64 {
        let volume = self.claims.volume.as_ref().map(|found| &found.value);
        let rows = volume.filter(|volume| volume.unit == VolumeUnit::Rows).map_or(0.0, |volume| volume.amount);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded before")]
        let rows = rows.clamp(0.0, 1e15) as u64;
        rows
    }
}

/// Reads a post. Costs some 20 µs for a short post; of long ones at most the first 128 kB are searched, and the telling passages
/// are read closely (`excerpt`).
pub fn read(written: &Written<'_>) -> Listing {
    read_with(Model::shipped(), written)
}

fn read_with(model: &Model, written: &Written<'_>) -> Listing {
    let post = Post::new(written);
    let money = Money::of(&post);
    let contacts: Vec<_> = post.parts().into_iter().flat_map(contacts::find).collect();
    let links = details::links(&post);
    let features = Features::of(&post, &money.facts(contacts.len(), links.len()));
    let probabilities = model.probabilities(&features);
    let act = Act::ALL
        .into_iter()
        .zip(probabilities)
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map_or(Act::Discussion, |(act, _)| act);
    let sale = f64::from(probabilities.first().copied().unwrap_or_default());
    let (cues, phrases) = explain::cues(model, &features, &probabilities, &post);
    let prices = if act.may_ask_a_price() { money.asked(&post) } else { money.tagged(&post) };
    Listing {
        sale,
        act,
        price: prices.first().map(|found| found.value.price.clone()),
        cues,
        claims: Claims {
            phrases,
            goods: details::goods(&post),
            prices,
            volume: money.volume(&post),
            owners: owners::find(&post),
            dates: dates::find(&post),
            fields: details::fields(&post),
            samples: details::samples(&post),
            seller: details::seller(&post, &money.tags()),
            contacts,
            links,
            escrow: details::first(&post, Concept::Escrow),
            exclusive: details::first(&post, Concept::Exclusive),
            fresh: details::first(&post, Concept::Fresh),
            closed: details::first(&post, Concept::Closed),
            languages: languages::of([written.title, written.text]),
        },
    }
}

/// Prices and volumes of title and text.
struct Money {
    head: (Vec<PriceFound>, Vec<VolumeFound>),
    body: (Vec<PriceFound>, Vec<VolumeFound>),
}

impl Money {
    fn of(post: &Post<'_>) -> Self {
        let of_part = |part: &Part<'_>| {
            let text = part.words.text.as_str();
            let found = prices::find(text, &part.numbers, &part.mentions);
            let is_money = |number: &numbers::Number| {
                found.iter().any(|price| price.start <= number.start && number.start < price.end)
            };
            let volumes = volumes::find(text, &part.numbers, is_money);
            (found, volumes)
        };
        Self { head: of_part(&post.head), body: of_part(&post.body) }
    }

    fn facts(&self, contacts: usize, links: usize) -> Facts {
        let likely = |prices: &[PriceFound]| prices.iter().filter(|price| price.score > 0).count();
        Facts {
            prices_in_head: likely(&self.head.0),
            prices_in_body: likely(&self.body.0),
            price_tags: self.tags().len(),
            contacts,
            volumes_in_head: self.head.1.iter().filter(|volume| volume.score > 0).count(),
            volumes_in_body: self.body.1.iter().filter(|volume| volume.score > 0).count(),
            links,
        }
    }

    /// Where price tags stand in the text: amounts on lines that hold little else.
    fn tags(&self) -> Vec<usize> {
        self.body.0.iter().filter(|price| price.is_tag).map(|price| price.start).collect()
    }

    /// All likely prices, the one asked first; the title's goes before the text's unless the text's is surer.
    fn asked(&self, post: &Post<'_>) -> Vec<Found<Asked>> {
        let head = self.head.0.iter().map(|price| (price, &post.head, 2));
        let body = self.body.0.iter().map(|price| (price, &post.body, 0));
        let mut all: Vec<_> = head.chain(body).filter(|(price, ..)| price.score > 0).collect();
        // What a month of access costs is not what the goods cost, if that is said too.
        let is_rent = |price: &PriceFound| i32::from(price.unit == PriceUnit::Month);
        all.sort_by_key(|(price, _, bonus)| 6 * is_rent(price) - (price.score + bonus));
        all.truncate(16);
        let found = |(price, part, _): (&PriceFound, &Part<'_>, i32)| Found {
            value: Asked { price: price.price.clone(), unit: price.unit },
            at: part.source(price.start, price.end),
        };
        all.into_iter().map(found).collect()
    }

    /// Only prices that stand as tags: what news and talk mention is somebody else's money.
    fn tagged(&self, post: &Post<'_>) -> Vec<Found<Asked>> {
        let tags = self.tags();
        let is_tag =
            |price: &Found<Asked>| tags.iter().any(|at| post.body.source(*at, *at).span.start == price.at.span.start);
        self.asked(post).into_iter().filter(is_tag).collect()
    }

    fn volume(&self, post: &Post<'_>) -> Option<Found<Volume>> {
        let (head, body) = (volumes::offered(&self.head.1), volumes::offered(&self.body.1));
        let (volume, part) = match (head, body) {
            (Some(head), Some(body)) if body.score > head.score + 2 => (body, &post.body),
            (Some(head), _) => (head, &post.head),
            (None, body) => (body?, &post.body),
        };
        Some(Found { value: volume.volume.clone(), at: part.source(volume.start, volume.end) })
    }
}

#[cfg(test)]
mod tests;
