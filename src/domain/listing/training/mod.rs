//! Training the model on texts that a grammar generates; nothing that was crawled is ever trained on.
//!
//! The same grammar and seed give the same model. Reading files and writing weights is the command's part.

mod grammar;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::features::{BIAS, FEATURES, Features, NAMED};
use super::model::{ACTS, Act, Model, softmax};
use super::post::Post;
use super::{Listing, Money, Written, contacts, details, read_with};

pub use grammar::{Grammar, GrammarError};

/// How a model is trained.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// Number that all chance comes from.
    pub seed: u64,
    /// Texts to generate for training.
    pub texts: usize,
    /// Passes over them.
    pub passes: usize,
}

/// A trained model, ready to be written.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Content of `weights.txt`.
    pub weights: String,
    /// How it does on texts made of words that it was not trained on, for people.
    pub report: String,
    model: Model,
}

impl Trained {
    /// Reads a post with these weights instead of those built in.
    pub fn read(&self, written: &Written<'_>) -> Listing {
        read_with(&self.model, written)
    }
}

/// Models that are averaged, each trained on a draw of its own.
const DRAWS: u16 = 3;

/// A random source: `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// True once in `of` times.
    pub(super) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

/// An example: features and the act they belong to.
#[derive(Clone)]
struct Example {
    features: Features,
    act: usize,
    language: String,
}

/// Trains a model, and measures on held-out words: a fifth of the alternatives of each rule that is never used in training.
///
/// The temperature is chosen on texts of languages that a model was not trained on: as real texts, they say the same things in
/// words that it does not know. The shipped weights are then trained on all words of all languages.
pub fn train(grammar: &Grammar, recipe: Recipe) -> Trained {
    let mut chance = Chance::new(recipe.seed);
    let known = examples(grammar, grammar::Words::Known, recipe.texts, &mut chance);
    let unknown = examples(grammar, grammar::Words::HeldOut, recipe.texts / 6, &mut chance);
    let held_out = measure(&fit(&known, recipe.passes, &mut chance), &unknown);
    let all = examples(grammar, grammar::Words::All, recipe.texts, &mut chance);
    let (temperature, foreign) = transfer(&all, recipe.passes, &mut chance);
    let mut model = fit(&all, recipe.passes, &mut chance);
    // What two more draws of the grammar teach is averaged in: chance speaks less.
    for more in 2..=DRAWS {
        let again = examples(grammar, grammar::Words::All, recipe.texts, &mut chance);
        model.blend(&fit(&again, recipe.passes, &mut chance), more);
    }
    model.temperature = temperature;
    let report = format!(
        "On texts of held-out words: {held_out}\nOn languages left out of training: {foreign}; temperature {temperature:.1}"
    );
    let provenance = format!(
        "Weights of the listing model: eight acts ({}), named features first, hashed ones after.\n\
         Trained by `dyepack train-listing` on generated texts only; grammar {}, seed {}, {} texts, {} passes.\n\
         A small training by the same code: {}.\n{report}",
        Act::ALL.map(Act::as_str).join(", "),
        grammar.digest(),
        recipe.seed,
        recipe.texts,
        recipe.passes,
        probe(grammar, recipe.seed),
    );
    let weights = model.format(&provenance);
    Trained { model: Model::parse(&weights), weights, report }
}

/// Trains on a few hundred texts and returns the first digits of the SHA-256 of the weights: they change with whatever would
/// change the weights of a full training, and take a moment.
fn probe(grammar: &Grammar, seed: u64) -> String {
    let mut chance = Chance::new(seed);
    let few = examples(grammar, grammar::Words::All, 400, &mut chance);
    let weights = fit(&few, 2, &mut chance).format("");
    Sha256::digest(weights.as_bytes()).iter().take(6).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Trains without one language after the other and judges its texts; returns the temperature that fits them all, and how well
/// offers were told.
fn transfer(examples: &[Example], passes: usize, chance: &mut Chance) -> (f32, String) {
    let mut judged = Vec::new();
    let mut report = String::new();
    for language in ["en", "zh", "ru"] {
        let (own, others): (Vec<Example>, Vec<Example>) =
            examples.iter().cloned().partition(|example| example.language == language);
        if own.is_empty() || others.is_empty() {
            continue;
        }
        let model = fit(&others, passes, chance);
        judged.extend(own.iter().map(|example| (model.odds(&example.features), example.act)));
        let separator = if report.is_empty() { "" } else { "; " };
        let _ = write!(report, "{separator}{}", f1_by_language(&model, &own));
    }
    (best_temperature(&judged), report)
}

fn examples(grammar: &Grammar, words: grammar::Words, count: usize, chance: &mut Chance) -> Vec<Example> {
    (0..count)
        .map(|_| {
            let text = grammar.text(words, chance);
            let post = Post::new(&text.written());
            let money = Money::of(&post);
            let contacts: usize = post.parts().into_iter().map(|part| contacts::find(part).len()).sum();
            let features = Features::of(&post, &money.facts(contacts, details::links(&post).len()));
            Example { features, act: text.act as usize, language: text.language }
        })
        .collect()
}

/// Multinomial logistic regression by `AdaGrad`. In every other step the hashed features are hidden, so that the named ones,
/// which carry over to words the grammar does not know, must be able to decide alone.
fn fit(examples: &[Example], passes: usize, chance: &mut Chance) -> Model {
    const RATE: f32 = 0.08;
    const DECAY_NAMED: f32 = 3e-5;
    const DECAY_HASHED: f32 = 6e-5;
    let mut model = Model::blank();
    let mut gathered = vec![[1e-3_f32; ACTS]; FEATURES];
    let mut mean = Model::blank();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for pass in 0..passes {
        for at in (1..order.len()).rev() {
            order.swap(at, chance.below(at + 1));
        }
        for example in order.iter().filter_map(|at| examples.get(*at)) {
            let hides_wording = chance.one_in(2);
            let is_seen = |feature: u32| !hides_wording || (feature as usize) < NAMED || feature as usize == BIAS;
            let active: Vec<(u32, f32)> = example
                .features
                .active
                .iter()
                .copied()
                .filter(|(feature, _)| is_seen(*feature))
                .filter(|_| !chance.one_in(12))
                .collect();
            let mut slope = softmax(model.odds(&Features { active: active.clone() }));
            if let Some(own) = slope.get_mut(example.act) {
                *own -= 1.0;
            }
            for (feature, value) in active {
                let decay = if (feature as usize) < NAMED { DECAY_NAMED } else { DECAY_HASHED };
                let (Some(weights), Some(sums)) =
                    (model.weights.get_mut(feature as usize), gathered.get_mut(feature as usize))
                else {
                    continue;
                };
                for ((weight, sum), slope) in weights.iter_mut().zip(sums).zip(slope) {
                    let step = slope * value + decay * *weight * 10.0;
                    *sum += step * step;
                    *weight -= RATE * step / sum.sqrt();
                }
            }
        }
        // The mean over the later passes forgets the order of the examples.
        if pass * 2 >= passes {
            #[expect(clippy::cast_precision_loss, reason = "a few passes")]
            let share = 1.0 / (passes - passes.div_ceil(2)).max(1) as f32;
            for (mean, weight) in mean.weights.iter_mut().flatten().zip(model.weights.iter().flatten()) {
                *mean += weight * share;
            }
        }
    }
    mean
}

/// Tries temperatures from 0.7 to 4 and keeps the one under which the acts are likeliest; 1 if there is nothing to judge by.
fn best_temperature(judged: &[([f32; ACTS], usize)]) -> f32 {
    let loss = |temperature: f32| -> f64 {
        let share = |(odds, act): &([f32; ACTS], usize)| {
            softmax(odds.map(|odds| odds / temperature)).get(*act).copied().unwrap_or_default()
        };
        judged.iter().map(|one| -f64::from(share(one).max(1e-9)).ln()).sum()
    };
    let temperatures = (7_u8..=40).map(|tenths| f32::from(tenths) / 10.0).filter(|_| !judged.is_empty());
    temperatures
        .map(|temperature| (loss(temperature), temperature))
        .min_by(|left, right| left.0.total_cmp(&right.0))
        .map_or(1.0, |(_, best)| best)
}

/// Says how a model does on examples: right of all for each act, F1 of offers for each language.
fn measure(model: &Model, examples: &[Example]) -> String {
    let mut by_act = [(0_usize, 0_usize); ACTS];
    for example in examples {
        let probabilities = model.probabilities(&example.features);
        let best =
            probabilities.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1)).map_or(0, |(act, _)| act);
        if let Some((right, all)) = by_act.get_mut(example.act) {
            *right += usize::from(best == example.act);
            *all += 1;
        }
    }
    let mut report = String::from("right of all, by act:");
    for (act, (right, all)) in Act::ALL.into_iter().zip(by_act) {
        let _ = write!(report, " {} {right}/{all}", act.as_str());
    }
    let _ = write!(report, "; {}", f1_by_language(model, examples));
    report
}

/// F1 of offers for each language.
fn f1_by_language(model: &Model, examples: &[Example]) -> String {
    let mut by_language: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for example in examples {
        let is_said = model.probabilities(&example.features).first().is_some_and(|sale| *sale >= 0.5);
        let [hit, wrong, missed] = by_language.entry(&example.language).or_default();
        match (is_said, example.act == Act::Offer as usize) {
            (true, true) => *hit += 1,
            (true, false) => *wrong += 1,
            (false, true) => *missed += 1,
            (false, false) => {}
        }
    }
    let mut report = String::from("F1 of offers:");
    for (language, [hit, wrong, missed]) in by_language {
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let f1 = 2.0 * hit as f64 / ((2 * hit + wrong + missed).max(1) as f64);
        let _ = write!(report, " {language} {f1:.2}");
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "offer en: {good} for sale, price 10$ # database dump\ndiscussion en: i think {good} is fine ; anyone?\ngood = customer database | email list";

    const SHIPPED: [&str; 4] = [
        include_str!("../../../../training/listing/en.txt"),
        include_str!("../../../../training/listing/more.txt"),
        include_str!("../../../../training/listing/ru.txt"),
        include_str!("../../../../training/listing/zh.txt"),
    ];

    #[test]
    fn the_shipped_weights_come_from_the_shipped_grammar_and_code() {
        let head: Vec<&str> = include_str!("../weights.txt").lines().take_while(|line| line.starts_with('#')).collect();
        let grammar = Grammar::parse(&SHIPPED).unwrap();
        let has = |words: &str| head.iter().any(|line| line.contains(words));
        let again = "run `dyepack train-listing --grammar training/listing --out src/domain/listing/weights.txt`";
        assert!(has(&format!("grammar {}, seed 7,", grammar.digest())), "{again}: {head:?}");
        assert!(has(&format!("by the same code: {}.", probe(&grammar, 7))), "{again}: {head:?}");
    }

    #[test]
    fn the_same_grammar_and_seed_give_the_same_model() {
        let grammar = Grammar::parse(&[SMALL]).unwrap();
        let recipe = Recipe { seed: 7, texts: 40, passes: 2 };
        assert_eq!(train(&grammar, recipe).weights, train(&grammar, recipe).weights);
    }
}
