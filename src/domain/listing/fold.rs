//! One spelling for many: widths, cases, accents, ornamental letters, look-alikes, spaced-out and leet words, with a map back.
//!
//! Only for reading words. Identifiers are matched on the views of `text`, whose steps can be replayed; these cannot.

use std::ops::Range;
use std::sync::LazyLock;

use crate::domain::span::ByteSpan;
use crate::domain::text::block::{BLOCK_BYTES, Block};

/// A text folded for reading, and where each of its bytes came from.
#[derive(Debug, Clone)]
pub(super) struct Folded<'a> {
    source: &'a str,
    pub(super) text: String,
    runs: Vec<Run>,
}

/// From which byte of the source the bytes of a folded text come, from one on until the next run begins.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// First byte of the folded text.
    at: usize,
    /// First byte of the source.
    from: usize,
    /// Whether character stands for character of the same length; else all of the run comes from the character at `from`.
    is_even: bool,
}

impl Run {
    /// Tells where the byte at `at` of the folded text would come from if the run went on.
    const fn source_of(&self, at: usize) -> usize {
        if self.is_even { self.from + (at - self.at) } else { self.from }
    }
}

impl<'a> Folded<'a> {
    /// Folds at most `limit` bytes of a text.
    pub(super) fn new(source: &'a str, limit: usize) -> Self {
        let source = source.get(..floor_boundary(source, limit)).unwrap_or_default();
        let mut folded = Self { source, text: String::with_capacity(source.len()), runs: Vec::new() };
        let mut at = 0;
        while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = ascii_end(rest.as_bytes());
            folded.push_ascii(rest.get(..plain).unwrap_or_default(), at);
            at += plain;
            let wide = rest.get(plain..).unwrap_or_default();
            let usual = usual_end(wide);
            folded.push_usual(wide.get(..usual).unwrap_or_default(), at);
            at += usual;
            let wide = wide.get(usual..).unwrap_or_default();
            for character in wide.chars().take_while(|character| !(character.is_ascii() || is_usual(*character))) {
                let width = character.len_utf8();
                fold_wide(character, |character| folded.push(character, (at, width)));
                at += width;
            }
        }
        folded
    }

    fn push_ascii(&mut self, run: &str, from: usize) {
        if run.is_empty() {
            return;
        }
        let start = self.text.len();
        self.go_on(from, true);
        self.text.push_str(run);
        if let Some(run) = self.text.get_mut(start..) {
            run.make_ascii_lowercase();
        }
    }

    /// Writes what means itself.
    fn push_usual(&mut self, run: &str, from: usize) {
        if !run.is_empty() {
            self.go_on(from, true);
            self.text.push_str(run);
        }
    }

    /// Writes a character that comes from one of so many bytes.
    fn push(&mut self, character: char, (from, width): (usize, usize)) {
        self.go_on(from, character.len_utf8() == width);
        self.text.push(character);
    }

    /// Begins a run unless what is written next goes on with the last one.
    fn go_on(&mut self, from: usize, is_even: bool) {
        let at = self.text.len();
        let goes_on = |last: &Run| last.is_even == is_even && last.source_of(at) == from;
        if !self.runs.last().is_some_and(goes_on) {
            self.runs.push(Run { at, from, is_even });
        }
    }

    /// Returns the first byte of the source character that a byte of the folded text came from.
    fn origin(&self, at: usize) -> Option<usize> {
        let run = self.runs.get(self.runs.partition_point(|run| run.at <= at).checked_sub(1)?)?;
        (at < self.text.len()).then(|| floor_boundary(self.source, run.source_of(at)))
    }

    /// Maps a range of the folded text to the bytes of the source it came from.
    pub(super) fn span(&self, start: usize, end: usize) -> ByteSpan {
        let first = self.origin(start).unwrap_or(self.source.len());
        let last = end.checked_sub(1).and_then(|last| self.origin(last)).unwrap_or(first);
        ByteSpan::new(first as u64, (last + self.width(last)) as u64)
    }

    /// Returns the length of the source character at a place.
    fn width(&self, at: usize) -> usize {
        self.source.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
    }

    /// Returns the source text behind a range of the folded text.
    pub(super) fn source(&self, start: usize, end: usize) -> &'a str {
        let span = self.span(start, end);
        let bounds = usize::try_from(span.start).unwrap_or(0)..usize::try_from(span.end).unwrap_or(0);
        self.source.get(bounds).unwrap_or_default()
    }

    /// Undoes what hides words from readers that look for them: Latin and Cyrillic letters mixed in one word, digits for
    /// letters, letters set apart. Handles, addresses and amounts are left alone: a word is only touched if most of it is letters.
    pub(super) fn unmasked(&self) -> Self {
        if !may_be_masked(&self.text) {
            return self.clone();
        }
        self.unmasked_by_words()
    }

    fn unmasked_by_words(&self) -> Self {
        let mut plain = Self { source: self.source, text: String::with_capacity(self.text.len()), runs: Vec::new() };
        // Everything before `copied` is in `plain`; most texts are copied in one piece.
        let (mut copied, mut rest) = (0, 0);
        while let Some(word) = next_doubtful_word(&self.text, rest) {
            rest = word.end;
            if let Some(run) = spaced_out(&self.text, &word) {
                plain.copy(self, copied, word.start);
                for (at, character) in self.text.get(word.start..run).unwrap_or_default().char_indices() {
                    if character.is_alphabetic() {
                        plain.push(character, self.character(word.start + at));
                    }
                }
                (copied, rest) = (run, run);
            } else if word.is_mixed() {
                plain.copy(self, copied, word.start);
                let written = self.text.get(word.start..word.end).unwrap_or_default();
                // Letters that no Latin letter looks like make the word Cyrillic.
                let is_cyrillic = written.chars().any(|letter| is_cyrillic(letter) && to_latin(letter) == letter);
                for (at, character) in written.char_indices() {
                    let written = self.character(word.start + at);
                    plain.push(if is_cyrillic { to_cyrillic(character) } else { to_latin(character) }, written);
                }
                copied = word.end;
            }
        }
        plain.copy(self, copied, self.text.len());
        plain
    }

    /// Keeps some ranges only, each as a line of its own.
    pub(super) fn excerpt(&self, ranges: &[Range<usize>]) -> Self {
        let length = ranges.iter().map(|range| range.len() + 1).sum();
        let mut excerpt = Self { source: self.source, text: String::with_capacity(length), runs: Vec::new() };
        for range in ranges {
            excerpt.copy(self, range.start, range.end);
            if !excerpt.text.ends_with('\n') {
                let last = excerpt.text.len().checked_sub(1).map_or((0, 0), |last| excerpt.character(last));
                excerpt.go_on(last.0, false);
                excerpt.text.push('\n');
            }
        }
        excerpt
    }

    /// Returns where the byte at `at` of `other`, another folding of the same text, stands in this one.
    pub(super) fn position_of(&self, other: &Self, at: usize) -> usize {
        let Some(origin) = other.origin(at) else { return self.text.len() };
        let next = self.runs.partition_point(|run| run.from < origin);
        let end = self.runs.get(next).map_or(self.text.len(), |run| run.at);
        let inside = next.checked_sub(1).and_then(|before| self.runs.get(before)).filter(|run| run.is_even);
        inside.map(|run| run.at + (origin - run.from)).filter(|at| *at < end).unwrap_or(end)
    }

    /// Returns where the source character behind a byte of the folded text lies, and its length.
    fn character(&self, at: usize) -> (usize, usize) {
        let from = self.origin(at).unwrap_or_default();
        (from, self.width(from))
    }

    fn copy(&mut self, other: &Self, start: usize, end: usize) {
        let Some(piece) = other.text.get(start..end).filter(|piece| !piece.is_empty()) else { return };
        let first = other.runs.partition_point(|run| run.at <= start).saturating_sub(1);
        let last = other.runs.partition_point(|run| run.at < end);
        let ahead = self.text.len();
        for run in other.runs.get(first..last).unwrap_or_default() {
            let at = run.at.max(start);
            self.runs.push(Run { at: ahead + (at - start), from: run.source_of(at), is_even: run.is_even });
        }
        self.text.push_str(piece);
    }
}

/// Returns the last character boundary at or before `limit`.
pub(super) fn floor_boundary(text: &str, limit: usize) -> usize {
    let mut limit = limit.min(text.len());
    while !text.is_char_boundary(limit) {
        limit -= 1;
    }
    limit
}

/// Returns the first characters of a text, so many at most.
pub(super) fn first_characters(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Folds a phrase as texts are folded.
pub(super) fn fold_phrase(phrase: &str) -> String {
    Folded::new(phrase, phrase.len()).text
}

/// Tells, sixty-four bytes at a time, whether anything may hide words: Cyrillic, a sign between two Latin letters, or a letter
/// by itself that another follows after one sign.
fn may_be_masked(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without an early way out many bytes are compared at once.
    let has_cyrillic = |chunk: &[u8]| chunk.iter().fold(false, |seen, byte| seen | CYRILLIC_LEADS.contains(byte));
    if bytes.chunks(BLOCK_BYTES).any(has_cyrillic) {
        return true;
    }
    let is_letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_lowercase);
    let is_between = |at: usize| is_letter(at.checked_sub(1)) && is_letter(Some(at + 1));
    let leads_on = |at: usize| match bytes.get(at + 2) {
        Some(b'a'..=b'z') => !is_letter(Some(at + 3)),
        // U+4000 to U+9FFF, Han and signs, end a run.
        Some(0x80..=0xe3 | 0xea..) => true,
        Some(_) | None => false,
    };
    if memchr::memchr2_iter(b'@', b'$', bytes).any(is_between) {
        return true;
    }
    let mut was_letter = 0;
    (0..bytes.len()).step_by(BLOCK_BYTES).any(|start| {
        let Block { letters, digits, .. } = Block::at(bytes, start);
        let next_is_letter = u64::from(is_letter(Some(start + BLOCK_BYTES)));
        let (before, after) = (letters << 1 | was_letter, letters >> 1 | next_is_letter << (BLOCK_BYTES - 1));
        was_letter = letters >> (BLOCK_BYTES - 1);
        let mut alone = letters & !before & !after;
        let mut places = std::iter::from_fn(|| {
            let at = (alone != 0).then(|| start + alone.trailing_zeros() as usize)?;
            alone &= alone - 1;
            Some(at)
        });
        digits & before & after != 0 || places.any(leads_on)
    })
}

struct Word {
    start: usize,
    end: usize,
    latin: usize,
    cyrillic: usize,
    signs: usize,
}

impl Word {
    /// Letters of two scripts, or digits and signs between Latin letters.
    const fn is_mixed(&self) -> bool {
        let letters = self.latin + self.cyrillic;
        (self.latin > 0 && self.cyrillic > 0) || (self.signs > 0 && letters >= 3 && self.signs * 2 <= letters)
    }
}

/// Finds the next word that may be mixed or spaced out; passes over those of several letters of one script alone.
fn next_doubtful_word(text: &str, from: usize) -> Option<Word> {
    let bytes = text.as_bytes();
    let mut from = from;
    loop {
        let rest = bytes.get(from..)?;
        let start = rest.iter().position(|byte| LETTERS.of(*byte) & (LATIN | CYRILLIC) != 0)?;
        let word = rest.get(start..)?;
        let latin = latin_letters(word);
        let cyrillic = if latin == 0 { lead_count(word) } else { 0 };
        let length = latin + 2 * cyrillic;
        if latin + cyrillic < 2 || word.get(length).is_some_and(|next| LETTERS.of(*next) != 0) {
            return next_word(text, from + start);
        }
        from += start + length;
    }
}

/// Counts the Latin letters that a folded text begins with, eight bytes at a time.
pub(super) fn latin_letters(bytes: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const UPPER_BITS: u64 = 0x80 * EACH;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let ascii = word & !UPPER_BITS;
        // The upper bit of a byte tells whether it is `a` or more, and whether it is more than `z`.
        let (from_a, past_z) = (ascii + (0x80 - 0x61) * EACH, ascii + (0x80 - 0x7b) * EACH);
        let others = !(from_a & !past_z & !word) & UPPER_BITS;
        if others != 0 {
            return at * 8 + others.trailing_zeros() as usize / 8;
        }
    }
    chunks.len() * 8 + rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count()
}

/// Counts the Cyrillic letters, of two bytes each, that a text begins with.
fn lead_count(bytes: &[u8]) -> usize {
    bytes.iter().step_by(2).take_while(|byte| LETTERS.of(**byte) == CYRILLIC).count()
}

/// What a byte may be in a word, as a bit.
struct Letters([u8; 256]);

const LATIN: u8 = 1;
const CYRILLIC: u8 = 2;
const SIGN: u8 = 4;

static LETTERS: Letters = Letters::table();

impl Letters {
    const fn table() -> Self {
        let mut table = [0; 256];
        let mut byte = 0_u8;
        while byte < u8::MAX {
            table[byte as usize] = match byte {
                b'a'..=b'z' | b'A'..=b'Z' => LATIN,
                0xd0..=0xd3 => CYRILLIC,
                b'0' | b'1' | b'3' | b'4' | b'5' | b'7' | b'@' | b'$' => SIGN,
                _ => 0,
            };
            byte += 1;
        }
        Self(table)
    }

    const fn of(&self, byte: u8) -> u8 {
        self.0[byte as usize]
    }
}

/// Finds the next run of letters, with leet signs only between letters.
fn next_word(text: &str, from: usize) -> Option<Word> {
    let bytes = text.as_bytes();
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || CYRILLIC_LEADS.contains(byte);
    let start = from + bytes.get(from..)?.iter().position(is_letter)?;
    let mut word = Word { start, end: start, latin: 0, cyrillic: 0, signs: 0 };
    let (mut at, mut pending) = (start, 0);
    while let Some(byte) = bytes.get(at) {
        let letters = (usize::from(byte.is_ascii_alphabetic()), usize::from(CYRILLIC_LEADS.contains(byte)));
        if letters != (0, 0) {
            word.latin += letters.0;
            word.cyrillic += letters.1;
            word.signs += pending;
            pending = 0;
            at += 1 + letters.1;
            word.end = at;
        } else if pending == 0 && matches!(byte, b'0' | b'1' | b'3' | b'4' | b'5' | b'7' | b'@' | b'$') {
            pending = 1;
            at += 1;
        } else {
            break;
        }
    }
    Some(word)
}

/// First bytes of U+0400 to U+04FF.
const CYRILLIC_LEADS: std::ops::RangeInclusive<u8> = 0xd0..=0xd3;

const fn is_cyrillic(character: char) -> bool {
    matches!(character, '\u{400}'..='\u{4ff}')
}

/// Returns the end of a run like `s e l l i n g` or `п-р-о-д-а-м` that starts with this one-letter word.
fn spaced_out(text: &str, word: &Word) -> Option<usize> {
    if word.latin + word.cyrillic != 1 {
        return None;
    }
    let mut rest = text.get(word.end..)?.chars();
    let separator = rest.next().filter(|sign| matches!(sign, ' ' | '.' | '-' | '_' | '*' | '|'))?;
    let (mut end, mut letters) = (word.end, 1);
    while let Some(letter) = rest.next().filter(|letter| letter.is_alphabetic() && !is_han(*letter)) {
        let after = rest.next();
        if after.is_some_and(char::is_alphanumeric) {
            break;
        }
        letters += 1;
        end += separator.len_utf8() + letter.len_utf8();
        if after != Some(separator) {
            break;
        }
    }
    (letters >= 4).then_some(end)
}

/// Tells whether a folded character is a letter, the common ones first.
pub(super) fn is_alphabetic(character: char) -> bool {
    match character {
        'a'..='z' | 'а'..='я' | '\u{4e00}'..='\u{9fff}' => true,
        // Signs that stand between words: the slow table need not be asked.
        '\0'..='\u{7f}'
        | '\u{2000}'..='\u{206f}'
        | '\u{3000}'..='\u{3004}'
        | '\u{3008}'..='\u{3020}'
        | '\u{ff01}'..='\u{ff20}' => false,
        _ => character.is_alphabetic(),
    }
}

/// Tells whether a character is a Han ideograph.
pub(super) const fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2ffff}')
}

const fn to_cyrillic(character: char) -> char {
    match character {
        'a' | '@' | '4' => 'а',
        'b' => 'в',
        'c' => 'с',
        'e' => 'е',
        'h' => 'н',
        'k' => 'к',
        'm' => 'м',
        'o' | '0' => 'о',
        'p' => 'р',
        't' => 'т',
        'u' | 'y' => 'у',
        'x' => 'х',
        'n' => 'п',
        'r' => 'г',
        '3' => 'з',
        other => other,
    }
}

const fn to_latin(character: char) -> char {
    match character {
        'а' | '@' | '4' => 'a',
        'в' => 'b',
        'с' => 'c',
        'е' | '3' => 'e',
        'н' => 'h',
        'к' => 'k',
        'м' => 'm',
        'о' | '0' => 'o',
        'р' => 'p',
        'т' | '7' => 't',
        'у' => 'y',
        'х' => 'x',
        'і' | '1' => 'i',
        'ѕ' | '5' | '$' => 's',
        other => other,
    }
}

/// Base letters of U+00C0.., U+01A0.., U+01CD.. and U+1E00..; `.` where there is none.
const BASES: [(u32, &str); 4] = [
    (
        0xc0,
        "aaaaaa.ceeeeiiiidnooooo.ouuuuy.saaaaaaaceeeeiiiidnooooo.ouuuuytyaaaaaaccccccccddddeeeeeeeeeegggggggghh.hiiiiiiiiii..jjkkkllllll..llnnnnnn..noooooo.orrrrrrsssssssstttt.tuuuuuuuuuuuuwwyyyzzzzzz.",
    ),
    (0x1a0, "oo.............uu"),
    (0x1cd, "aaiioouuuuuuuuuu.aaaa....ggkkoooo..j...gg..nnaa....aaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy"),
    (
        0x1e00,
        "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy......aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy......",
    ),
];

/// Traditional characters of the trade's vocabulary, each followed by its simplified form.
const TRADITIONAL: &str = "數数據据庫库資资訊讯戶户賣卖買买購购價价錢钱銀银證证號号碼码電电話话聯联繫系係系飛飞機机擔担開开資资產产業业務务險险貸贷網网絡络車车學学員员個个條条萬万億亿實实時时間间獨独貨货單单發发護护照照駕驾駛驶執执圖图庫库國国內内灣湾東东馬马貓猫愛爱會会員员賬账帳账碼码軟软體体腳脚本本遠远權权限限後后臺台務务報报導导記记詐诈騙骗諮咨詢询請请問问為为麼么嗎吗誰谁聽听說说覺觉個个點点這这樣样們们來来還还讓让給给對对應应該该長长張张門门題题論论壇坛貼贴規规則则禁禁廣广經经過过進进運运遊游戲戏視视頻频頁页鏈链結结鏡镜導导航航換换匯汇幣币儲储納纳稅税醫医療疗師师婦妇嬰婴兒儿閱阅讀读寫写檔档處处理理優优惠惠誠诚質质驗验測测試试無无複复雜杂餘余額额歲岁齡龄職职業业聘聘訂订購购淨净減减標标識识別别歷历屆届畢毕羅罗雲云鑰钥匙匙隱隐藝艺術术團团隊队認认證证賭赌棋棋牌牌賬账單单積积極极歡欢迎迎傳传輸输轉转讓让贈赠盤盘離离線线動动態态級级類类極极選选舉举黨党衛卫軍军龍龙劃划劵券債债償偿貴贵賤贱費费賠赔賺赚趙赵錄录錯错鋪铺關关閉闭陳陈陽阳隨随難难電电靜静韓韩頭头預预領领頻频顧顾飯饭館馆驚惊鬆松麗丽麵面黃黄齊齐";

/// Tells whether a character beyond ASCII is one of the many that mean themselves.
fn is_usual(character: char) -> bool {
    match character {
        'а'..='я' | '\u{3001}' | '\u{3002}' => true,
        '\u{4e00}'..='\u{9fff}' => simplified(character) == character,
        _ => false,
    }
}

/// Returns where the first byte stands that is not ASCII, looking at sixteen at a time.
fn ascii_end(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<16>();
    let start = chunks.iter().take_while(|chunk| chunk.is_ascii()).count() * 16;
    start + bytes.iter().skip(start).take_while(|byte| byte.is_ascii()).count()
}

/// Returns where the first character stands that does not mean itself.
fn usual_end(text: &str) -> usize {
    text.char_indices().find(|(_, character)| !is_usual(*character)).map_or(text.len(), |(at, _)| at)
}

fn fold_wide(character: char, mut push: impl FnMut(char)) {
    match character {
        'а'..='я' => return push(character),
        _ if is_han(character) => return push(simplified(character)),
        _ => {}
    }
    let code = u32::from(character);
    match character {
        '\u{ff01}'..='\u{ff5e}' => push(ascii(code - 0xfee0)),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' // unseen
        | '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{640}' | '\u{fe00}'..='\u{fe0f}' => {} // marks on letters
        '\u{a0}' | '\u{3000}' | '\u{2000}'..='\u{200a}' | '\u{202f}' => push(' '),
        'ё' | 'Ё' => push('е'),
        'ي' | 'ى' => push('ی'),
        'ك' => push('ک'),
        'أ' | 'إ' | 'آ' => push('ا'),
        'ة' => push('ه'),
        '\u{660}'..='\u{669}' => push(ascii(code - 0x660 + 0x30)),
        '\u{6f0}'..='\u{6f9}' => push(ascii(code - 0x6f0 + 0x30)),
        '\u{1d400}'..='\u{1d6a3}' => push(letter((code - 0x1d400) % 52 % 26)),
        '\u{1d7ce}'..='\u{1d7ff}' => push(ascii((code - 0x1d7ce) % 10 + 0x30)),
        '\u{24b6}'..='\u{24e9}' => push(letter((code - 0x24b6) % 26)),
        '\u{1f130}'..='\u{1f149}' => push(letter(code - 0x1f130)),
        '\u{1f150}'..='\u{1f169}' => push(letter(code - 0x1f150)),
        '\u{1f170}'..='\u{1f189}' => push(letter(code - 0x1f170)),
        '\u{1f1e6}'..='\u{1f1ff}' => push(letter(code - 0x1f1e6)),
        '’' | '‘' => push('\''),
        '“' | '”' => push('"'),
        '–' | '—' | '‑' => push('-'),
        '【' => push('['),
        '】' => push(']'),
        '\u{3001}'..='\u{303f}' => push(character),
        other => match base_letter(code).or_else(|| small_capital(other)) {
            Some(base) => push(base),
            None => other.to_lowercase().for_each(push),
        },
    }
}

fn ascii(code: u32) -> char {
    char::from_u32(code).unwrap_or(' ').to_ascii_lowercase()
}

fn letter(index: u32) -> char {
    char::from_u32(u32::from(b'a') + index).unwrap_or(' ')
}

fn base_letter(code: u32) -> Option<char> {
    let (start, letters) = BASES.iter().rev().find(|(start, _)| *start <= code)?;
    let base = letters.as_bytes().get(usize::try_from(code - start).ok()?)?;
    (*base != b'.').then_some(char::from(*base))
}

fn small_capital(character: char) -> Option<char> {
    const SMALL: &str = "ᴀaʙbᴄcᴅdᴇeꜰfɢgʜhɪiᴊjᴋkʟlᴍmɴnᴏoᴘpʀrꜱsᴛtᴜuᴠvᴡwʏyᴢz";
    if !matches!(character, '\u{250}'..='\u{2af}' | '\u{1d00}'..='\u{1d7f}' | '\u{a730}'..='\u{a7ff}') {
        return None;
    }
    let mut characters = SMALL.chars();
    while let (Some(small), Some(plain)) = (characters.next(), characters.next()) {
        if small == character {
            return Some(plain);
        }
    }
    None
}

/// Simplified form of every character of the common Han block, by offset from U+4E00.
static SIMPLIFIED: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut table: Vec<char> = ('\u{4e00}'..='\u{9fff}').collect();
    let characters: Vec<char> = TRADITIONAL.chars().collect();
    for [from, to] in characters.as_chunks::<2>().0 {
        if let Some(slot) = table.get_mut((u32::from(*from) as usize).wrapping_sub(0x4e00)) {
            *slot = *to;
        }
    }
    table
});

fn simplified(character: char) -> char {
    SIMPLIFIED.get((u32::from(character) as usize).wrapping_sub(0x4e00)).copied().unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> String {
        Folded::new(text, 1 << 20).unmasked().text
    }

    #[test]
    fn latin_letters_are_counted_as_one_by_one() {
        for length in 0..40 {
            for byte in 0..=u8::MAX {
                let mut word = vec![b'z'; length];
                word.extend([byte, b'a']);
                let counted = word.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
                assert_eq!(latin_letters(&word), counted, "{length} {byte}");
            }
        }
    }

    #[test]
    fn disguised_words_are_read() {
        for (written, read) in [
            ("ＳＥＬＬＩＮＧ", "selling"),
            ("𝐒𝐄𝐋𝐋𝐈𝐍𝐆 𝟗𝟎𝟎$", "selling 900$"),
            ("S E L L I N G now", "selling now"),
            ("s.e.l.l.i.n.g", "selling"),
            ("s3lling d4tabase", "selling database"),
            ("Пpoдaм бaзy", "продам базу"),
            ("Sеlling", "selling"),
            ("出\u{200b}售數據庫", "出售数据库"),
            ("Bán dữ liệu", "ban du lieu"),
            ("Продаё", "продае"),
            ("ѕᴇʟʟɪɴɢ", "selling"),
        ] {
            assert_eq!(plain(written), read, "{written}");
        }
    }

    proptest! {
        #[test]
        fn what_hides_no_word_is_known_by_a_look(
            text in "([a-dA-D]{1,3}|[0-9@$]{1,2}| |[.|*_\\-]|[éßλя]|[中あ]|plain words ){0,40}",
            filler in 0..70_usize,
        ) {
            let folded = Folded::new(&text, 1 << 20);
            let far = format!("{}{text}", "plain words ".repeat(6).get(..filler).unwrap_or_default());
            for folded in [folded, Folded::new(&far, 1 << 20)] {
                prop_assert_eq!(&folded.unmasked().text, &folded.unmasked_by_words().text);
            }
        }
    }

    #[test]
    fn amounts_and_handles_keep_their_digits() {
        for text in ["100k lines", "900usdt", "a b c", "i am 5", "4.2m rows"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn spans_lead_back_to_the_written_form() {
        let written = "now: Ｓell 數據";
        let folded = Folded::new(written, 1 << 20).unmasked();
        let start = folded.text.find("sell").unwrap();
        assert_eq!(folded.source(start, start + 4), "Ｓell");
        let start = folded.text.find("数据").unwrap();
        assert_eq!(folded.source(start, start + 6), "數據");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(Folded::new("数据", 4).text, "数");
    }

    #[test]
    fn every_character_is_known_where_it_was_written() {
        let written = "Ｓell，數據 s3ll Sеll p-r-o-d 𝐒İß база。now ẞ e\u{301}x д4ta\n";
        let plain = Folded::new(written, 1 << 20);
        let words = plain.unmasked();
        let excerpt = words.excerpt(&[0..12, 17..21, words.text.len() - 9..words.text.len()]);
        for folded in [&plain, &words, &excerpt] {
            let origins: Vec<usize> =
                (0..folded.text.len()).map(|at| usize::try_from(folded.span(at, at + 1).start).unwrap()).collect();
            assert!(origins.is_sorted(), "{origins:?}");
            for (at, character) in folded.text.char_indices() {
                assert!((at..at + character.len_utf8()).all(|byte| origins[byte] == origins[at]), "{character}");
                let there = origins.partition_point(|origin| *origin < origins[at]);
                assert_eq!(folded.position_of(folded, at), there);
                assert!(plain.position_of(folded, at) <= plain.text.len());
            }
        }
        assert!(
            words.text.starts_with("sell,数据 sell sell prod ") && words.text.ends_with(" дата\n"),
            "{}",
            words.text
        );
    }
}
