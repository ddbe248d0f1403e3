//! What comes out of containers, whole, lying, damaged and hostile ones; those made by other programs are in `tests/it`.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use zip::unstable::write::FileOptionsExt as _;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{AesMode, CompressionMethod};

use super::*;

pub(super) type Found = (Vec<(String, String)>, Vec<String>);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip_with(members: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(members, SimpleFileOptions::default())
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Everything that comes out: members with their text (lists of names aside), and codes of oddities.
fn order(order: &Order, bytes: &[u8]) -> Found {
    let (mut found, mut oddities): Found = Default::default();
    let mut is_open = false;
    unpack(order, Box::new(Held::new(bytes.to_vec())), &mut |piece| match piece {
        Piece::Start(path, _) => {
            assert!(!is_open, "a member within a member");
            is_open = true;
            found.push((path.to_owned(), String::new()));
        }
        Piece::Bytes(bytes) => {
            assert!(is_open, "bytes of no member");
            found.last_mut().unwrap().1.push_str(&String::from_utf8_lossy(bytes));
        }
        Piece::End => {
            assert!(is_open, "an end of no member");
            is_open = false;
        }
        Piece::Odd(oddity) => oddities.push(oddity.code),
    });
    assert!(!is_open, "a member without an end");
    (found, oddities)
}

pub(super) fn members(name: &str, bytes: &[u8], limits: &Limits) -> Found {
    let (mut found, oddities) = order(&Order { name: name.to_owned(), limits: *limits, ..Order::default() }, bytes);
    found.retain(|(path, _)| !path.ends_with(":names"));
    (found, oddities)
}

fn with_passwords(bytes: &[u8], passwords: &[&str]) -> Found {
    let passwords = passwords.iter().map(|password| Secret::new((*password).to_owned())).collect();
    let (mut found, oddities) = order(&Order { passwords, ..Order::default() }, bytes);
    found.retain(|(path, _)| !path.ends_with(":names"));
    (found, oddities)
}

fn listed(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn members_come_with_their_paths() {
    let inner = zip(&[("data/part1.csv", b"a,b"), ("readme.txt", b"hello")]);
    let packed_tar = gzip(&tar(&[("t/one.csv", b"5,6"), ("t/two.zip", &zip(&[("deep.txt", b"7")]))]));
    let outer = zip(&[("one.txt", b"1"), ("inner.zip", &inner), ("t.csv.gz", &gzip(b"x,y")), ("all.tgz", &packed_tar)]);
    let (found, oddities) = members("outer.zip", &outer, &Limits::default());
    let expected = [
        ("one.txt", "1"),
        ("inner.zip/data/part1.csv", "a,b"),
        ("inner.zip/readme.txt", "hello"),
        ("t.csv.gz/t.csv", "x,y"),
        ("all.tgz/all.tar/t/one.csv", "5,6"),
        ("all.tgz/all.tar/t/two.zip/deep.txt", "7"),
    ];
    assert_eq!((found, oddities), (listed(&expected), vec![]));
    let (found, _) = members("dump.sql.gz", &gzip(b"INSERT"), &Limits::default());
    assert_eq!(found, listed(&[("dump.sql", "INSERT")]));
    let (found, _) = members("plain.csv", b"a,b", &Limits::default());
    assert_eq!(found, listed(&[("", "a,b")]));
}

#[test]
fn every_packing_of_zip_members_is_read() {
    for method in
        [CompressionMethod::Stored, CompressionMethod::Deflated, CompressionMethod::Bzip2, CompressionMethod::Zstd]
    {
        let packed =
            zip_with(&[("a.csv", b"9990483834645856")], SimpleFileOptions::default().compression_method(method));
        assert_eq!(
            members("x", &packed, &Limits::default()),
            (listed(&[("a.csv", "9990483834645856")]), vec![]),
            "{method}"
        );
    }
}

#[test]
fn names_and_comments_are_members_too() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.set_comment("卡号 9990483834645856").unwrap();
    writer.start_file("ada.quill161@inbox.example.txt", SimpleFileOptions::default()).unwrap();
    let packed = writer.finish().unwrap().into_inner();
    let (found, _) = order(&Order::default(), &packed);
    let names = &found.iter().find(|(path, _)| path == ":names").unwrap().1;
    assert!(names.contains("9990483834645856") && names.contains("ada.quill161@inbox.example"), "{names}");
}

#[test]
fn what_is_encrypted_opens_with_a_known_password_only() {
    let plain = SimpleFileOptions::default();
    let weak = zip_with(
        &[("a.csv", b"first"), ("b.csv", b"second")],
        plain.with_deprecated_encryption("桜-42".as_bytes()).unwrap(),
    );
    let strong =
        zip_with(&[("a.csv", b"first"), ("b.csv", b"second")], plain.with_aes_encryption(AesMode::Aes256, "桜-42"));
    let wrong: Vec<String> = (0..150).map(|number| format!("wrong{number}")).collect();
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    for packed in [weak, strong] {
        let all = listed(&[("a.csv", "first"), ("b.csv", "second")]);
        let some: Vec<&str> =
            if packed.len() < 400 { [&wrong[..], &["桜-42"]].concat() } else { vec!["no", "桜-42"] };
        assert_eq!(with_passwords(&packed, &some), (all, vec![]));
        assert_eq!(with_passwords(&packed, &["no"]), (vec![], vec!["member-encrypted".to_owned(); 2]));
        assert_eq!(with_passwords(&packed, &[]).1, vec!["member-encrypted".to_owned(); 2]);
    }
}

#[test]
fn bombs_are_cut_and_named() {
    let bomb = vec![b'0'; 8 << 20];
    let limits = Limits { ratio: 20, ..Limits::default() };
    for packed in [zip(&[("bomb", &bomb)]), gzip(&bomb)] {
        let (found, oddities) = members("x", &packed, &limits);
        assert!(found[0].1.len() < 2 << 20, "{} bytes", found[0].1.len());
        assert_eq!(oddities, vec!["member-too-large".to_owned()]);
    }
    let limits = Limits { total_bytes: 3000, members: 5, ..Limits::default() };
    let many: Vec<(String, Vec<u8>)> = (0..9).map(|index| (format!("{index}"), vec![b'1'; 1000])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let (found, oddities) = members("x.zip", &zip(&many), &limits);
    assert_eq!((found.len(), oddities[0].as_str()), (3, "container-too-large"));
}

#[test]
fn a_bomb_of_many_levels_and_copies_stays_within_the_total() {
    let mut packed = vec![b'0'; 1 << 20];
    for _ in 0..5 {
        let copies: Vec<(String, &[u8])> = (0..16).map(|copy| (format!("{copy}.zip"), packed.as_slice())).collect();
        let copies: Vec<(&str, &[u8])> = copies.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
        packed = zip(&copies);
    }
    let limits = Limits { total_bytes: 200 << 20, members: 500, ..Limits::default() };
    let mut bytes = 0;
    let mut oddities = Vec::new();
    let order = Order { limits, ..Order::default() };
    unpack(&order, Box::new(Held::new(packed)), &mut |piece| match piece {
        Piece::Bytes(piece) => bytes += piece.len() as u64,
        Piece::Odd(oddity) => oddities.push(oddity.code),
        Piece::Start(..) | Piece::End => {}
    });
    assert!(bytes <= 200 << 20, "{bytes} bytes");
    assert!(oddities.iter().any(|code| code == "container-too-large"), "{oddities:?}");
}

#[test]
fn a_container_too_deep_is_named_and_given_as_it_stands() {
    let mut packed = b"deep".to_vec();
    for _ in 0..8 {
        packed = gzip(&packed);
    }
    let (found, oddities) = members("x", &packed, &Limits::default());
    assert_eq!((found.len(), oddities), (1, vec!["container-too-deep".to_owned()]));
}

#[test]
fn damaged_and_unknown_containers_are_named_and_given_as_they_stand() {
    let mut cut = gzip(&[b'7'; 5000]);
    cut.truncate(cut.len() - 10);
    let (found, oddities) = members("x.gz", &cut, &Limits::default());
    assert_eq!((found[0].0.as_str(), oddities), ("x", vec!["member-unreadable".to_owned()]));
    for bytes in [
        b"PK\x03\x04 4111".as_slice(),
        b"Rar!\x1a\x07\x01\x00 4111",
        b"7z\xbc\xaf\x27\x1c\x00\x04 4111",
        b"%PDF-1.4 4111",
        b"SQLite format 3\x00 4111",
        b"MSCF 4111",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 4111",
    ] {
        let (found, oddities) = members("x", bytes, &Limits::default());
        assert!(found.iter().any(|(_, text)| text.contains("4111")), "{bytes:?}: {found:?}");
        assert_eq!(oddities.len(), 1, "{bytes:?}: {oddities:?}");
    }
}

#[test]
fn a_zip_without_its_directory_is_read_from_the_front() {
    let whole = zip(&[("a.csv", b"first"), ("b.csv", b"second")]);
    let directory = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
    let (found, oddities) = members("x.zip", &whole[..directory], &Limits::default());
    assert_eq!(found, listed(&[("a.csv", "first"), ("b.csv", "second")]));
    assert_eq!(oddities, vec!["container-damaged".to_owned()]);
}

#[test]
fn what_follows_a_damaged_file_is_found_whatever_packed_it() {
    // A block of bzip2 that holds no symbol: its decoder panics, and cannot unwind, if it is asked once more.
    let damaged = [b"BZh91AY&SY".as_slice(), &[0; 40]].concat();
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut whole = zip_with(&[("a.csv", &damaged), ("b.csv", b"second")], stored);
    whole[8..10].copy_from_slice(&12_u16.to_le_bytes());
    let directory = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
    let (found, oddities) = members("x.zip", &whole[..directory], &Limits::default());
    assert!(found.contains(&("b.csv".to_owned(), "second".to_owned())), "{found:?}");
    assert!(oddities.contains(&"member-unreadable".to_owned()), "{oddities:?}");
}

#[test]
fn a_file_that_the_directory_leaves_out_is_found() {
    let hidden = zip(&[("hidden.csv", b"9990483834645856 is a card of ours")]);
    let directory = memchr::memmem::find(&hidden, b"PK\x01\x02").unwrap();
    let shown = zip(&[("shown.csv", b"nothing")]);
    // A member that stands before all that the directory of the second archive knows.
    let both = [&hidden[..directory], &shown].concat();
    let (found, oddities) = members("x.zip", &both, &Limits::default());
    assert!(found.iter().any(|(_, text)| text.contains("9990483834645856")), "{found:?}");
    assert!(found.iter().any(|(path, _)| path == "shown.csv"), "{found:?} {oddities:?}");
}

#[test]
fn an_archive_behind_a_program_a_picture_or_a_text_is_found() {
    let packed = zip(&[("a.csv", b"9990483834645856")]);
    for before in
        [b"MZ\x90 a program".as_slice(), b"\x89PNG\r\n\x1a\n a picture", b"\xff\xd8\xff\xe0 a photo", b"a text"]
    {
        let (found, oddities) = members("photo.jpg", &[before, &packed].concat(), &Limits::default());
        assert!(found.contains(&("a.csv".to_owned(), "9990483834645856".to_owned())), "{found:?} {oddities:?}");
        assert!(
            found.iter().any(|(path, text)| path == ":before" && text.starts_with(&*String::from_utf8_lossy(before)))
        );
    }
}

#[test]
fn plain_files_are_no_containers() {
    for (bytes, name) in [
        (b"a,b\n1,2".as_slice(), "x.zip"),
        (b"", "x"),
        (b"<html><body>PK\x03\x04</body>", "x.html"),
        (b"From: the seller\nTo: everybody\nprices below", "post.txt"),
        (b"\x89PNG\r\n\x1a\n a picture", "x.png"),
        (b"MZ a program", "x.exe"),
        (b"insert into clients values (1);", "x.sql"),
        (b"{\"date\":1}\n{\"date\":2}", "x.jsonl"),
        (b"BZh is not bzip2", "x.bz2"),
    ] {
        assert!(!is_container(bytes, name), "{name}");
    }
}

#[test]
fn a_tar_with_a_lying_size_gives_what_is_there() {
    let mut packed = tar(&[("a.csv", b"9990483834645856")]);
    packed[124..135].copy_from_slice(b"77777777777");
    let mut header = ::tar::Header::from_byte_slice(&packed[..512]).clone();
    header.set_cksum();
    packed[..512].copy_from_slice(header.as_bytes());
    let (found, oddities) = members("x.tar", &packed, &Limits::default());
    assert!(found[0].1.starts_with("9990483834645856") && found[0].1.len() < 5000);
    assert!(!oddities.is_empty());
}

#[test]
fn mail_is_read_with_its_header_bodies_and_attachments() {
    let mail = "From: =?utf-8?B?0JDQvdC90LA=?= <anna@post.example>\r\nTo: x@post.example\r\nSubject: base\r\n\
        Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=windows-1251\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        =EA=E0=F0=F2=E0 9990=\r\n483834645856\r\n--b\r\nContent-Type: application/zip; name=base.zip\r\n\
        Content-Disposition: attachment; filename=base.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let packed = zip(&[("a.csv", b"4,5")]);
    let mail = [mail.as_bytes(), base64(&packed).as_bytes(), b"\r\n--b--\r\n"].concat();
    for (name, prefix) in [("x.eml", ""), ("x", "")] {
        let (found, oddities) = members(name, &mail, &Limits::default());
        let text = |ending: &str| found.iter().find(|(path, _)| path.ends_with(ending)).map(|(_, text)| text.clone());
        assert_eq!(oddities, Vec::<String>::new());
        assert!(text(":header").unwrap().contains("Анна anna@post.example"), "{found:?}");
        assert!(text("body.txt").unwrap().contains("карта 9990483834645856"), "{found:?}");
        assert_eq!(text("base.zip/a.csv").as_deref(), Some("4,5"), "{prefix}");
    }
    let mailbox = [b"From a@b Sat Nov 21 2026\r\n", mail.as_slice(), b"From c@d Sat Nov 21 2026\r\n", &mail].concat();
    let (found, _) = members("box", &mailbox, &Limits::default());
    assert_eq!(found.iter().filter(|(path, _)| path.ends_with("base.zip/a.csv")).count(), 2, "{found:?}");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let wide = chunk.iter().fold(0_usize, |wide, byte| wide << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let sign = if digit <= chunk.len() { DIGITS[wide >> (18 - 6 * digit) & 63] } else { b'=' };
            text.push(char::from(sign));
        }
        if text.len().is_multiple_of(76) {
            text.push_str("\r\n");
        }
    }
    text
}

#[test]
fn names_are_read_in_any_charset_and_cleaned() {
    assert_eq!(clean_name("выгрузка.txt".as_bytes()), "выгрузка.txt");
    assert_eq!(clean_name(b"a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    assert_eq!(clean_name(&[b'a'; 900]).len(), 200);
}

#[test]
fn paths_are_shown_without_identifiers() {
    assert_eq!(shown("base/part_12.csv"), "base/part_12.csv");
    assert_eq!(shown("4111111111111111 anna@post.example.txt"), "**************** ****@****.*******.***");
    assert!(shown(&"x".repeat(900)).chars().count() < 130);
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let mail = b"From: a@b\r\nDate: x\r\nSubject: y\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--";
    let word = zip(&[("word/document.xml", b"<w:p><w:r><w:t>9990</w:t></w:r></w:p>")]);
    let kinds = vec![
        zip(&[("data/part1.csv", b"9990483834645856,a\n9990483834645857,b"), ("x.gz", &gzip(b"hello"))]),
        tar(&[("data/part1.csv", b"9990483834645856,a"), ("x.gz", &gzip(b"hello"))]),
        gzip(&tar(&[("a", b"b")])),
        mail.to_vec(),
        word,
    ];
    let flips = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    (proptest::sample::select(kinds), flips, any::<prop::sample::Index>()).prop_map(|(mut packed, flips, cut)| {
        for (at, byte) in flips {
            let at = at.index(packed.len());
            packed[at] = byte;
        }
        packed.truncate(cut.index(packed.len()).max(packed.len() / 2));
        packed
    })
}

proptest! {
    #[test]
    fn any_damage_is_survived(packed in damaged(), name in "[a-z]{1,3}\\.(zip|tar|gz|eml|docx|x)") {
        members(&name, &packed, &Limits::default());
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..700), magic in 0_usize..12) {
        let openings: [&[u8]; 12] = [b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c\x00\x04",
            b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"SQLite format 3\x00", b"BZh91AY&SY", b"%PDF-1.4\n"];
        members("x", &[openings[magic], &bytes].concat(), &Limits::default());
    }
}

#[test]
fn a_careful_order_gives_documents_as_they_stand() {
    let mut old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    old.resize(2048, 0);
    let pdf = b"%PDF-1.4 9990483834645856".to_vec();
    let database = [b"SQLite format 3\0".as_slice(), &[0; 100], b"9990483834645856"].concat();
    let archive = zip(&[("a.xls", &old), ("b.pdf", &pdf), ("c.db", &database), ("d.csv", b"1,2")]);
    let careful = Order { name: "x.zip".to_owned(), is_careful: true, ..Order::default() };
    let (found, oddities) = order(&careful, &archive);
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["a.xls", "b.pdf", "c.db", "d.csv", ":names"]);
    assert!(found[1].1.ends_with("9990483834645856") && found[2].1.ends_with("9990483834645856"), "{found:?}");
    assert_eq!(oddities, ["container-unread"; 3]);
}
