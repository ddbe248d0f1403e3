//! Bytes to text: which charset they are in, and which bytes each character came from.
//!
//! Order of trust: byte order mark, what the bytes prove (valid UTF-8 with enough multi-byte characters), the
//! declared charset and the document's own `meta` as long as they decode cleanly, a detector on the densest 4 KB.
//! Not here: markup and folding (`html`, `fold`).

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, ISO_2022_JP, KOI8_R, KOI8_U, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE,
    WINDOWS_1251,
};

use super::map::{OffsetMap, Trace};
use super::noise::is_noise;
use crate::domain::span::ByteSpan;

/// Raw bytes between two places where the decoder is known to be at rest; what a lookup has to decode again.
const CHECKPOINT_BYTES: usize = 2048;
/// The detector costs 50 µs/KB and settles within a few hundred non-ASCII bytes.
const DETECT_BYTES: usize = 4096;
/// What the detector is asked about when a charset is only to be doubted.
const SECOND_BYTES: usize = 1024;
/// So many bytes beyond ASCII, and the detector is right.
const SURE_BYTES: usize = 256;
/// What is decoded to see whether a charset fits.
const SAMPLE_BYTES: usize = 1 << 18;
/// HTML's own rule: a `meta` must lie within the first KB; real pages are less tidy.
const META_BYTES: usize = 2048;
/// So many multi-byte characters of valid UTF-8 do not happen by chance in another charset.
const UTF8_PROOF_CHARACTERS: usize = 4;

/// A text read from bytes, with the way back.
#[derive(Debug, Clone)]
pub struct Decoded<'a> {
    /// The text; borrowed when the bytes were UTF-8.
    pub text: Cow<'a, str>,
    /// Its charset, as the Encoding Standard names it: `UTF-8`, `gb18030`, `windows-1251`, `UTF-16LE` ….
    pub charset: &'static str,
    raw: &'a [u8],
    encoding: &'static Encoding,
    mark_bytes: usize,
    /// Pairs of raw and text offsets at which the decoder was at rest; empty when the text is the raw bytes.
    checkpoints: Vec<(usize, usize)>,
    /// The piece that was mapped last: places are asked for in order, so most lie in it again.
    mapped: RefCell<Option<(usize, OffsetMap)>>,
}

impl<'a> Decoded<'a> {
    /// Returns another charset that the bytes may be in, if they neither prove the one they were read in nor are ASCII.
    ///
    /// A declared charset can lie, and every byte is a character in some. Costs the detector on at most 1 KB.
    pub(super) fn other_charset(&self) -> Option<&'static str> {
        let is_proven = matches!(self.text, Cow::Borrowed(_)) || self.mark_bytes > 0;
        let is_stateful = [UTF_16LE, UTF_16BE, ISO_2022_JP].contains(&self.encoding);
        if is_proven || is_stateful || self.raw.is_ascii() {
            return None;
        }
        let detected = detect(self.raw, SECOND_BYTES);
        let is_same = |encoding: &'static Encoding| {
            encoding == self.encoding || [encoding, self.encoding].iter().all(|one| [KOI8_R, KOI8_U].contains(one))
        };
        let usual = [detected, GB18030, WINDOWS_1251];
        let mut others = usual.into_iter().filter(|encoding| !is_same(encoding) && *encoding != UTF_8);
        let is_short = || self.raw.iter().filter(|byte| **byte >= 0x80).take(SURE_BYTES).count() < SURE_BYTES;
        // The detector weighs common characters; names in GBK are rare ones, and look like words of a neighbour.
        let is_neighbour = [EUC_JP, EUC_KR, BIG5, SHIFT_JIS].contains(&self.encoding);
        if is_same(detected) && !is_neighbour && !is_short() {
            return None;
        }
        others.find(|encoding| is_clean(encoding, self.raw)).map(Encoding::name)
    }

    /// Returns the bytes the text was read from.
    pub(super) const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Returns the raw bytes that a range of the text came from.
    ///
    /// Costs nothing for UTF-8, else the decoding of about 2 KB at each end.
    pub fn to_raw(&self, text: &Range<usize>) -> ByteSpan {
        let start = self.raw_atom(text.start).start;
        let end = if text.end > text.start { self.raw_atom(text.end - 1).end } else { start };
        ByteSpan::new(start as u64, end as u64)
    }

    /// Returns the raw byte at which what stands at an offset of the text begins.
    pub(super) fn raw_start(&self, text: usize) -> u64 {
        self.raw_atom(text).start as u64
    }

    fn raw_atom(&self, text: usize) -> Range<usize> {
        let after = self.checkpoints.partition_point(|&(_, at)| at <= text);
        let Some(&(raw_start, text_start)) = after.checked_sub(1).and_then(|index| self.checkpoints.get(index)) else {
            return self.mark_bytes + text..self.mark_bytes + text + 1;
        };
        let raw_end = self.checkpoints.get(after).map_or(self.raw.len(), |&(raw, _)| raw);
        let at = text - text_start;
        let mut mapped = self.mapped.borrow_mut();
        if mapped.as_ref().is_none_or(|(known, _)| *known != after) {
            let piece = self.raw.get(raw_start..raw_end).unwrap_or_default();
            *mapped = Some((after, piece_map(self.encoding, piece)));
        }
        let atom = mapped.as_ref().map_or(at..at + 1, |(_, map)| map.to_source(&(at..at + 1)));
        (raw_start + atom.start).min(raw_end)..(raw_start + atom.end).min(raw_end)
    }
}

/// Decodes bytes whose charset may be declared (by HTTP, by a mail header), wrongly or not at all.
///
/// Never fails: what cannot be decoded becomes U+FFFD. Labels are those of the Encoding Standard; GBK and GB2312 are
/// read as their superset GB18030. Cost: one validation for UTF-8, one decoding else.
pub fn decode<'a>(body: &'a [u8], declared: Option<&str>) -> Decoded<'a> {
    let (encoding, mark_bytes) = choose(body, declared);
    decode_as(body, encoding, mark_bytes)
}

/// Decodes bytes in a charset that is known; an unknown label is read as UTF-8.
pub fn decode_known<'a>(body: &'a [u8], label: &str) -> Decoded<'a> {
    decode_as(body, encoding_for(label).unwrap_or(UTF_8), 0)
}

/// Returns how long the text of the first bytes of a document is, without what their last bytes only begin.
pub(super) fn unended_length(head: &[u8], label: &str) -> usize {
    let mut decoder = encoding_for(label).unwrap_or(UTF_8).new_decoder_without_bom_handling();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(head.len()).unwrap_or(0));
    let _ = decoder.decode_to_string(head, &mut text, false);
    text.len()
}

/// Decides which charset bytes are in, as [`decode`] does; gives its name and the length of its byte order mark.
pub fn charset_of(body: &[u8], declared: Option<&str>) -> (&'static str, usize) {
    let (encoding, mark_bytes) = choose(body, declared);
    (encoding.name(), mark_bytes)
}

/// Where a piece of a long document ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceEnd<'a> {
    /// One past its last byte.
    pub end: usize,
    /// Whether that is the end of a line or of the document.
    pub is_line_end: bool,
    body: &'a [u8],
    encoding: &'static Encoding,
}

impl PieceEnd<'_> {
    /// Returns where the next piece begins so that it repeats at most about `overlap` bytes of this one.
    pub fn resume(&self, overlap: usize) -> usize {
        let from = self.end.saturating_sub(overlap);
        let at = rest_after(self.encoding, self.body.get(..self.end).unwrap_or_default(), from.max(1));
        if at >= self.end && self.encoding == UTF_8 {
            let is_start = |at: &usize| self.body.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
            return (from..self.end).find(is_start).unwrap_or(self.end);
        }
        at.min(self.end)
    }
}

/// Finds the end of the piece of about `length` bytes that begins at `start`: after the last line end within it, or
/// behind the last character if it is all one line.
pub fn piece_end<'a>(body: &'a [u8], charset: &str, start: usize, length: usize) -> PieceEnd<'a> {
    let encoding = encoding_for(charset).unwrap_or(UTF_8);
    let limit = (start + length).min(body.len());
    let piece = body.get(start..limit).unwrap_or_default();
    let is_wide = encoding == UTF_16LE || encoding == UTF_16BE;
    let line_end = if is_wide {
        let newline: [u8; 2] = if encoding == UTF_16LE { [b'\n', 0] } else { [0, b'\n'] };
        piece.chunks_exact(2).rposition(|unit| unit == newline).map(|unit| 2 * unit + 2)
    } else {
        memchr::memrchr(b'\n', piece).map(|at| at + 1)
    };
    match line_end {
        _ if limit == body.len() => PieceEnd { end: limit, is_line_end: true, body, encoding },
        Some(at) => PieceEnd { end: start + at, is_line_end: true, body, encoding },
        // Stateful text cannot be cut inside a line.
        None if encoding == ISO_2022_JP => PieceEnd { end: body.len(), is_line_end: true, body, encoding },
        None => {
            let is_first = |at: &usize| encoding != UTF_8 || body.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
            let end = (limit.saturating_sub(3).max(start + 1)..=limit).rev().find(is_first).unwrap_or(limit);
            PieceEnd { end: end - if is_wide { (end - start) % 2 } else { 0 }, is_line_end: false, body, encoding }
        }
    }
}

fn decode_as<'a>(body: &'a [u8], encoding: &'static Encoding, mark_bytes: usize) -> Decoded<'a> {
    let content = body.get(mark_bytes..).unwrap_or_default();
    // What is valid is borrowed; the check is several times faster than the standard library's.
    let valid =
        if encoding == UTF_8 { UTF_8.decode_without_bom_handling_and_without_replacement(content) } else { None };
    let (text, checkpoints) = if let Some(text) = valid {
        (text, Vec::new())
    } else {
        let (text, checkpoints) = decode_pieces(encoding, content, mark_bytes);
        (Cow::Owned(text), checkpoints)
    };
    Decoded { text, charset: encoding.name(), raw: body, encoding, mark_bytes, checkpoints, mapped: RefCell::default() }
}

fn encoding_for(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label_no_replacement(label.trim().as_bytes())?;
    Some(if encoding == encoding_rs::GBK { GB18030 } else { encoding })
}

fn choose(body: &[u8], declared: Option<&str>) -> (&'static Encoding, usize) {
    if let Some((encoding, length)) = Encoding::for_bom(body) {
        return (encoding, length);
    }
    if let Some(encoding) = utf16_without_mark(body) {
        return (encoding, 0);
    }
    let proof = utf8_characters(body);
    if proof.is_some_and(|characters| characters == 0 || characters >= UTF8_PROOF_CHARACTERS) {
        // Pure ASCII reads the same in every charset but the ones that escape with ASCII bytes.
        let is_escaped = declared.and_then(encoding_for) == Some(ISO_2022_JP) && body.contains(&0x1b);
        return (if is_escaped { ISO_2022_JP } else { UTF_8 }, 0);
    }
    let hypotheses = [declared.map(str::to_owned), meta_charset(body)];
    for encoding in hypotheses.iter().flatten().filter_map(|label| encoding_for(label)) {
        if is_clean(encoding, body) {
            return (encoding, 0);
        }
    }
    // Bytes that are no text have no charset; as UTF-8 they keep what ASCII and UTF-8 is among them.
    if proof.is_some()
        || is_noise(body.get(..body.len().min(SAMPLE_BYTES)).unwrap_or_default())
        || is_clean(UTF_8, body)
    {
        return (UTF_8, 0);
    }
    let detected = detect(body, DETECT_BYTES);
    (if is_clean(detected, body) { detected } else { least_broken(detected, &hypotheses, body) }, 0)
}

/// Counts the multi-byte characters if the bytes are UTF-8; a character cut off at the end is forgiven.
fn utf8_characters(body: &[u8]) -> Option<usize> {
    let (text, rest) = body.split_at_checked(Encoding::utf8_valid_up_to(body))?;
    if std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_some()) {
        return None;
    }
    let foreign = text.get(Encoding::ascii_valid_up_to(text)..)?;
    Some(foreign.iter().filter(|byte| **byte >= 0xc0).take(UTF8_PROOF_CHARACTERS).count())
}

/// Text in UTF-16 has a zero in every second byte wherever it is ASCII; even Chinese text has spaces, digits, line ends.
fn utf16_without_mark(body: &[u8]) -> Option<&'static Encoding> {
    let head = body.get(..body.len().min(512)).unwrap_or_default();
    let pairs = head.len() / 2;
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    if pairs < 4 {
        None
    } else if even * 3 <= odd && odd * 8 >= pairs {
        // A few characters, 一 and the wide space among them, end in a zero byte.
        Some(UTF_16LE)
    } else if odd * 3 <= even && even * 8 >= pairs {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Finds `charset=` in a `meta` element or an XML declaration near the top.
fn meta_charset(body: &[u8]) -> Option<String> {
    let head = body.get(..body.len().min(META_BYTES)).unwrap_or_default().to_ascii_lowercase();
    ["charset", "encoding"].iter().find_map(|word| {
        let at = memchr::memmem::find(&head, word.as_bytes())? + word.len();
        let rest = head.get(at..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
        let label: Vec<u8> = rest
            .iter()
            .copied()
            .take(40)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.'))
            .collect();
        String::from_utf8(label).ok().filter(|label| !label.is_empty())
    })
}

/// A charset is clean when at most one character in 200 of those beyond ASCII, and one cut off, does not decode.
fn is_clean(encoding: &'static Encoding, body: &[u8]) -> bool {
    let (broken, foreign) = faults(encoding, body);
    broken <= 1 + foreign / 200
}

fn least_broken(detected: &'static Encoding, hypotheses: &[Option<String>], body: &[u8]) -> &'static Encoding {
    let declared = hypotheses.iter().flatten().filter_map(|label| encoding_for(label));
    declared.chain([UTF_8, detected]).min_by_key(|encoding| faults(encoding, body).0).unwrap_or(UTF_8)
}

/// Counts characters that do not decode and characters beyond ASCII, on a sample.
fn faults(encoding: &'static Encoding, body: &[u8]) -> (usize, usize) {
    let sample = body.get(..body.len().min(SAMPLE_BYTES)).unwrap_or_default();
    let (text, _) = encoding.decode_without_bom_handling(sample);
    let broken = text.matches('\u{fffd}').count();
    (broken, text.bytes().filter(|byte| *byte >= 0xc0).count())
}

/// Asks the detector about the densest part: lines that hold bytes beyond ASCII, with a little ASCII around.
fn detect(body: &[u8], limit: usize) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut rest = body;
    let mut left = limit;
    while left > 0 {
        let Some(at) = rest.iter().position(|byte| *byte >= 0x80) else { break };
        let from = rest.get(at..).unwrap_or_default();
        // A run ends at ASCII that cannot be the second half of a character.
        let length = from.iter().position(|byte| *byte < 0x30).map_or(from.len(), |end| end + 1).min(left);
        detector.feed(from.get(..length).unwrap_or_default(), false);
        left -= length;
        rest = from.get(length..).unwrap_or_default();
    }
    detector.feed(b"\n", true);
    let encoding = detector.guess(None, Utf8Detection::Allow);
    if encoding == encoding_rs::GBK { GB18030 } else { encoding }
}

fn decode_pieces(encoding: &'static Encoding, content: &[u8], offset: usize) -> (String, Vec<(usize, usize)>) {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(content.len() + content.len() / 2);
    let mut checkpoints = Vec::with_capacity(content.len() / CHECKPOINT_BYTES + 1);
    let mut at = 0;
    while at < content.len() {
        checkpoints.push((offset + at, text.len()));
        let end = rest_after(encoding, content, at + CHECKPOINT_BYTES);
        let piece = content.get(at..end).unwrap_or_default();
        if encoding == UTF_8 {
            decode_broken_utf8(piece, &mut text);
        } else {
            text.reserve(decoder.max_utf8_buffer_length(piece.len()).unwrap_or(piece.len() * 3 + 16));
            let _ = decoder.decode_to_string(piece, &mut text, end == content.len());
        }
        at = end;
    }
    (text, checkpoints)
}

/// Decodes UTF-8 that is none in places, as the Encoding Standard does; where every other byte is wrong, several times faster
/// than its decoder.
fn decode_broken_utf8(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push('\u{fffd}');
        }
    }
}

/// Returns the first offset from `from` on at which a decoder of this charset is at rest whatever came before.
fn rest_after(encoding: &'static Encoding, content: &[u8], from: usize) -> usize {
    if encoding == ISO_2022_JP {
        return content.len();
    }
    let is_wide = encoding == UTF_16LE || encoding == UTF_16BE;
    let mut at = if is_wide { from.next_multiple_of(2) } else { from };
    while let (true, Some(before)) = (at < content.len(), at.checked_sub(1)) {
        let byte = |index: usize| content.get(index).copied().unwrap_or_default();
        if is_wide {
            let high = if encoding == UTF_16LE { byte(before) } else { byte(before.saturating_sub(1)) };
            if !(0xd8..0xdc).contains(&high) {
                return at;
            }
            at += 2;
        } else {
            // No charset of the web uses a byte below `0` as the second half of a character.
            if byte(before) < 0x30 {
                return at;
            }
            at += 1;
        }
    }
    content.len()
}

/// Maps a piece by feeding the decoder byte by byte, from a place of rest.
fn piece_map(encoding: &'static Encoding, piece: &[u8]) -> OffsetMap {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut map = OffsetMap::default();
    let mut written = [0_u8; 64];
    let (mut view, mut pending) = (0, 0);
    for (index, byte) in piece.iter().enumerate() {
        let is_last = index + 1 == piece.len();
        let (_, _, length, _) = decoder.decode_to_utf8(&[*byte], &mut written, is_last);
        if length == 0 {
            continue;
        }
        // After a broken sequence the decoder gives back the ASCII bytes it had swallowed: those are their own.
        let output = written.get(..length).unwrap_or_default();
        let source = piece.get(pending..=index).unwrap_or_default();
        let pairs = output.iter().rev().zip(source.iter().rev());
        let same = pairs.take_while(|(made, from)| made == from && made.is_ascii()).count();
        let own = if encoding.is_ascii_compatible() { same } else { 0 };
        map.atom(view, length - own, pending..index + 1 - own);
        map.copy(view + length - own, index + 1 - own, own);
        view += length;
        pending = index + 1;
    }
    map
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(label: &str, text: &str) -> Vec<u8> {
        match encoding_for(label) {
            Some(encoding) if encoding == UTF_16LE => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Some(encoding) if encoding == UTF_16BE => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Some(encoding) => encoding.encode(text).0.into_owned(),
            None => text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn what_looks_like_a_neighbour_is_read_as_gbk_too() {
        let rows = "欧阳采薇,12014504193,9990483834645856\nAnn,13800138000,6222021234567890\n王伟,13900139000,6222020987654321\n";
        let (bytes, _, _) = encoding_rs::GBK.encode(rows);
        for label in ["euc-jp", "euc-kr", "big5", "shift_jis"] {
            assert_eq!(decode_known(&bytes.repeat(50), label).other_charset(), Some("gb18030"), "{label}");
        }
    }

    #[test]
    fn each_charset_is_read_when_declared_and_when_not() {
        let chinese = "客户资料：姓名 张三丰，卡号 9990123412341234，电话 12014504193，地址 上海市浦东新区。".repeat(3);
        let russian = "Клиенты банка: Елисей Тихозеров, карта 9990123412341234, телефон +7 000 126-40-97. ".repeat(3);
        for (label, name, text) in [
            ("utf-8", "UTF-8", &chinese),
            ("gbk", "gb18030", &chinese),
            ("big5", "Big5", &"客戶資料：姓名 張三豐，卡號 9990123412341234，電話號碼，地址 臺北市。".repeat(3)),
            ("windows-1251", "windows-1251", &russian),
            ("koi8-r", "KOI8-R", &russian),
            ("shift_jis", "Shift_JIS", &"お客様の情報：山田太郎、カード番号 9990123412341234。".repeat(3)),
            ("utf-16le", "UTF-16LE", &russian),
            ("utf-16be", "UTF-16BE", &russian),
        ] {
            let body = encoded(label, text);
            for declared in [Some(label), None] {
                let decoded = decode(&body, declared);
                let name = if declared.is_none() && name == "KOI8-R" { "KOI8-U" } else { name };
                assert_eq!((decoded.charset, &*decoded.text), (name, text.as_str()), "{label} declared {declared:?}");
            }
        }
    }

    #[test]
    fn a_declared_charset_that_lies_is_not_believed() {
        let chinese = "示例银行的客户资料，一手数据，支持验证。".repeat(2);
        for (declared, really) in [("utf-8", "gbk"), ("gbk", "utf-8"), ("windows-1251", "utf-8")] {
            let body = encoded(really, &chinese);
            let decoded = decode(&body, Some(declared));
            assert_eq!(decoded.text, chinese, "declared {declared}, is {really}, read as {}", decoded.charset);
        }
    }

    #[test]
    fn a_meta_element_counts_when_nothing_is_declared() {
        let text = r#"<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><p>Да</p>"#;
        assert_eq!(decode(&encoded("koi8-r", text), None).text, text);
    }

    #[test]
    fn a_byte_order_mark_decides_and_is_not_text() {
        let decoded = decode(b"\xef\xbb\xbfname,pan", Some("gbk"));
        assert_eq!((&*decoded.text, decoded.to_raw(&(0..4))), ("name,pan", ByteSpan::new(3, 7)));
        let decoded = decode(b"\xff\xfen\0a\0", None);
        assert_eq!((&*decoded.text, decoded.to_raw(&(1..2))), ("na", ByteSpan::new(4, 6)));
    }

    #[test]
    fn a_page_cut_in_the_middle_of_a_character_is_still_utf8() {
        let body = "示例银行客户资料".as_bytes();
        let decoded = decode(body.get(..body.len() - 1).unwrap(), None);
        assert_eq!(decoded.charset, "UTF-8");
        assert!(decoded.text.starts_with("示例银行客户资"));
    }

    #[test]
    fn a_piece_of_one_line_ends_between_characters() {
        let body = "９".repeat(100).into_bytes();
        for length in 90..=95 {
            let piece = piece_end(&body, "utf-8", 6, length);
            assert_eq!((piece.end, piece.is_line_end), ((6 + length) / 3 * 3, false));
        }
    }

    #[test]
    fn a_byte_that_swallowed_digits_gives_them_back() {
        let body = [b"abc \x81".as_slice(), b"4111111111111111 \xd6\xd0\xb9\xfa"].concat();
        let decoded = decode_known(&body, "gbk");
        let at = decoded.text.find("4111").unwrap();
        assert_eq!(decoded.to_raw(&(at..at + 16)), ByteSpan::new(5, 21));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_character_maps_to_the_bytes_that_spell_it(
            text in "[ -~а-яА-Я一-龥\n]{0,300}",
            label in proptest::sample::select(vec!["utf-8", "gbk", "gb18030", "utf-16le", "utf-16be"]),
        ) {
            let body = encoded(label, &text);
            let decoded = decode_known(&body, label);
            prop_assert_eq!(&*decoded.text, text.as_str());
            for (at, character) in text.char_indices() {
                let span = decoded.to_raw(&(at..at + character.len_utf8()));
                let range = usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap();
                let spelled = encoded(label, &character.to_string());
                prop_assert_eq!(&body[range], spelled.as_slice());
            }
        }

        #[test]
        fn broken_utf8_is_decoded_as_the_standard_says(
            body in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xe4), Just(0xb8), Just(0xf0), Just(0x9f), Just(b'1')], 0..200),
        ) {
            let (expected, _) = UTF_8.decode_without_bom_handling(&body);
            let mut text = String::new();
            decode_broken_utf8(&body, &mut text);
            prop_assert_eq!(text.as_str(), &*expected);
            prop_assert_eq!(&*decode_known(&body, "utf-8").text, &*expected);
        }

        #[test]
        fn any_bytes_decode_and_map_inside_themselves(
            body in proptest::collection::vec(any::<u8>(), 0..2000),
            declared in proptest::option::of(proptest::sample::select(vec!["gbk", "big5", "shift_jis", "euc-kr", "utf-8", "utf-16", "iso-2022-jp", "x"])),
        ) {
            let decoded = decode(&body, declared);
            let mut last = 0;
            for (at, character) in decoded.text.char_indices().step_by(151) {
                let span = decoded.to_raw(&(at..at + character.len_utf8()));
                prop_assert!(span.start <= span.end && span.end <= body.len() as u64);
                prop_assert!(span.start >= last);
                last = span.start;
            }
        }
    }
}
