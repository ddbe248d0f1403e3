//! Archives and documents made by other programs, and what happens to the process that unpacks hostile ones.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dyepack::domain::container::Limits;
use dyepack::domain::matcher::{Document, Matcher, Scan};
use dyepack::domain::secret::Secret;
use dyepack::ports::sandbox::{Allowance, Sandbox};
use dyepack::services::intake;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::world::program::python;

/// More digits than a float holds, and odd.
const CARD: &str = "9990483834645857";
const MAIL: &str = "ada.quill161@inbox.example";

fn matcher() -> Matcher {
    let folder = tempfile::tempdir().unwrap();
    let watchlist = folder.path().join("example-bank");
    fs::create_dir_all(&watchlist).unwrap();
    let organization =
        "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@example-bank.example\"\n";
    fs::write(watchlist.join("organization.toml"), organization).unwrap();
    let head = "canary,dataset,holders,planted_at,retired_at,name,email,pan";
    fs::write(
        watchlist.join("canaries.csv"),
        format!("{head}\nc1,,OWNER,2026-01-31,,Ada Quillfeather,{MAIL},{CARD}\n"),
    )
    .unwrap();
    Matcher::compile(&[intake::load(&watchlist).unwrap()])
}

fn sandbox(allowance: Allowance) -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_dyepack").into(), allowance)
}

/// Member and field of each hit, and codes of oddities.
fn told(scan: &Scan) -> (Vec<(&str, &str)>, Vec<&str>) {
    let hits = scan.hits.iter().map(|hit| (hit.member.as_str(), hit.field.as_str())).collect();
    (hits, scan.oddities.iter().map(|oddity| oddity.code.as_str()).collect())
}

#[test]
fn files_made_by_other_programs_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let maker = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/containers.py");
    let made = Command::new(python()).arg(maker).arg(folder.path()).args([CARD, MAIL]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let matcher = matcher();
    let sandbox =
        sandbox(Allowance::default()).with_passwords(["no", "s3cret-密码"].map(|word| Secret::new(word.to_owned())));
    let long = format!("base.tar/{}/part1.csv", "x".repeat(150));
    let expected: [(&str, Vec<(&str, &str)>); 17] = [
        ("lzma.zip", vec![("база/part1.csv", "pan"), (":names", "email")]),
        ("bzip2.zip", vec![("база/part1.csv", "pan"), (":names", "email")]),
        ("deflate.zip", vec![("база/part1.csv", "pan"), (":names", "email")]),
        ("base.tar.gz", vec![(&long, "pan")]),
        ("base.tar.bz2", vec![(&long, "pan")]),
        ("base.tar.xz", vec![(&long, "pan")]),
        ("plain.7z", vec![("part1.csv", "pan")]),
        ("locked.7z", vec![("part1.csv", "pan")]),
        ("setup.exe", vec![("part1.csv", "pan")]),
        ("book.xlsx", vec![("clients", "pan"), ("hidden", "email")]),
        ("book.txt", vec![("clients", "pan"), ("hidden", "email")]),
        ("old.xls", vec![("база", "pan")]),
        ("open.ods", vec![("Лист1", "pan")]),
        ("letter.docx", vec![("word/document.xml", "email"), ("word/document.xml", "pan")]),
        ("letter.odt", vec![("content.xml", "pan")]),
        ("page.pdf", vec![("text", "pan")]),
        ("base.db", vec![("clients", "pan")]),
    ];
    let mut differences = Vec::new();
    for (file, hits) in expected {
        let searched = sandbox.search_file(&matcher, &folder.path().join(file)).unwrap();
        if told(&searched.scan) != (hits.clone(), vec![]) {
            differences.push(format!(
                "{file}: expected {hits:?}, found {:?} {:?}",
                told(&searched.scan),
                searched.scan.oddities
            ));
        }
    }
    let searched = sandbox.search_file(&matcher, &folder.path().join("mail.eml")).unwrap();
    let (hits, oddities) = told(&searched.scan);
    let fields: Vec<&str> = hits.iter().map(|(_, field)| *field).collect();
    if (fields.as_slice(), oddities.len()) != (&["email", "pan", "email"], 0) {
        differences.push(format!("mail.eml: {hits:?} {oddities:?}"));
    }
    assert!(differences.is_empty(), "{differences:#?}");
    // A damaged database: what is on sound pages and what is in the bytes.
    let mut database = fs::read(folder.path().join("base.db")).unwrap();
    let middle = database.len() / 2;
    database[middle..middle + 4096].fill(0xa5);
    let document = Document { bytes: &database, name: "x.db", media_type: None, charset: None };
    assert!(!sandbox.search(&matcher, &document).oddities.is_empty());
}

/// A rar 5 archive of stored files, as its format's description has it.
fn rar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"Rar!\x1a\x07\x01\x00".to_vec();
    let mut push_header = |body: &[u8], content: &[u8]| {
        let sized = [number(body.len() as u64), body.to_vec()].concat();
        archive.extend(crc32(&sized).to_le_bytes());
        archive.extend(sized);
        archive.extend(content);
    };
    push_header(&[1, 0, 0], b"");
    for (name, content) in members {
        let sizes = [vec![2, 2], number(content.len() as u64), vec![4], number(content.len() as u64), vec![0]].concat();
        let tail = [&crc32(content).to_le_bytes()[..], &[0, 1], &number(name.len() as u64), name.as_bytes()].concat();
        push_header(&[sizes, tail].concat(), content);
    }
    push_header(&[5, 0, 0], b"");
    archive
}

/// Seven bits a byte, the lowest first.
fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn rar_archives_are_read_also_behind_a_picture() {
    let inner = zip(&[("deep.csv", CARD.as_bytes())]);
    let archive = rar(&[("a.csv", format!("x;{MAIL}").as_bytes()), ("inner.zip", &inner)]);
    let (matcher, sandbox) = (matcher(), sandbox(Allowance::default()));
    let hits = vec![("a.csv", "email"), ("inner.zip/deep.csv", "pan")];
    for bytes in [archive.clone(), [b"\xff\xd8\xff\xe0 a photo".as_slice(), &archive].concat()] {
        let document = Document { bytes: &bytes, name: "photo.jpg", media_type: None, charset: None };
        assert_eq!(told(&sandbox.search(&matcher, &document)), (hits.clone(), vec![]));
    }
    let document = Document { bytes: &archive[..archive.len() - 60], name: "x.rar", media_type: None, charset: None };
    let scan = sandbox.search(&matcher, &document);
    assert!(!scan.oddities.is_empty(), "an archive that is cut off is named");
}

#[test]
fn a_process_that_cannot_start_dies_or_hangs_is_named_and_the_rest_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let one_member = r"printf 'S\002\000\000\000faB\020\000\000\000%s' 9990483834645857";
    let matcher = matcher();
    let bytes = [b"PK\x03\x04 ", MAIL.as_bytes()].concat();
    let document = Document { bytes: &bytes, name: "x.zip", media_type: None, charset: None };
    for (program, hits, code) in [
        (PathBuf::from("/nowhere/dyepack"), vec![("", "email")], "unpacker-not-started"),
        (script("dies", &format!("{one_member}; kill -SEGV $$")), vec![("a", "pan")], "unpacker-died"),
        (script("ends", one_member), vec![("a", "pan")], "unpacker-died"),
        (script("hangs", &format!("{one_member}; exec sleep 600")), vec![("a", "pan")], "unpacker-too-slow"),
        (script("lies", "exec yes"), vec![], "unpacker-died"),
    ] {
        let allowance = Allowance { wait: Duration::from_millis(1500), ..Allowance::default() };
        let scan = Sandbox::new(program.clone(), allowance).search(&matcher, &document);
        assert_eq!(told(&scan), (hits, vec![code]), "{}", program.display());
    }
}

#[test]
fn a_document_that_takes_too_much_memory_is_cut_and_named() {
    // It says that it is a zip archive, so it must be held; what it holds does not fit.
    let mut content = vec![0; 300 << 20];
    content[..4].copy_from_slice(b"PK\x03\x04");
    let packed = zstd::encode_all(content.as_slice(), 1).unwrap();
    let limits = Limits { ratio: 1 << 20, held_bytes: 1 << 30, ..Limits::default() };
    let allowance = Allowance { memory_bytes: 256 << 20, limits, ..Allowance::default() };
    let document = Document { bytes: &packed, name: "base.zst", media_type: None, charset: None };
    let scan = sandbox(allowance).search(&matcher(), &document);
    assert_eq!(told(&scan), (vec![], vec!["member-too-large"]), "{:?}", scan.oddities);
}

/// What a process says of members, in the shell's words.
fn said(members: &[(&str, &str)]) -> String {
    let length = |text: &str| format!(r"\{:03o}\000\000\000", text.len());
    let member = |(path, content): &(&str, &str)| {
        format!("printf 'S{}f{path}B{}%s' '{content}'", length(&format!("f{path}")), length(content))
    };
    members.iter().map(member).collect::<Vec<_>>().join(r"; printf 'E\000\000\000\000'; ")
}

#[test]
fn a_document_that_ends_the_unpacker_hides_nothing_of_what_stands_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    // It dies in the middle of the second member, until it is told to be careful.
    let (first, both) = (said(&[("a", CARD), ("b", MAIL)]), said(&[("a", CARD), ("b", MAIL), ("c", CARD)]));
    let whole = format!(r"{both}; printf 'E\000\000\000\000D\000\000\000\000'");
    let text = format!("#!/bin/sh\nif grep -aq '\"is_careful\":true'; then {whole}; else {first}; kill -SEGV $$; fi\n");
    let program = folder.path().join("unpacker");
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let (matcher, sandbox) = (matcher(), Sandbox::new(program, Allowance::default()));
    let path = folder.path().join("x.zip");
    fs::write(&path, b"PK\x03\x04 ").unwrap();
    let document = Document { bytes: b"PK\x03\x04 ", name: "x.zip", media_type: None, charset: None };
    for scan in [sandbox.search(&matcher, &document), sandbox.search_file(&matcher, &path).unwrap().scan] {
        let hits = vec![("a", "pan"), ("b", "email"), ("c", "pan")];
        assert_eq!(told(&scan), (hits, vec!["unpacker-died"]), "{:?}", scan.oddities);
        let detail = &scan.oddities[0].detail;
        assert!(detail.starts_with("b: ") && detail.ends_with("with its documents as they stand"), "{detail}");
    }
}

#[test]
fn a_command_opens_archives_with_passwords_and_counts_what_is_odd() {
    let folder = tempfile::tempdir().unwrap();
    let bank = folder.path().join("watchlists/example-bank");
    fs::create_dir_all(&bank).unwrap();
    fs::write(
        bank.join("organization.toml"),
        "id = \"example-bank\"\nname = \"Example Bank\"\n[[contact]]\naddress = \"soc@example-bank.example\"\n",
    )
    .unwrap();
    fs::write(
        bank.join("canaries.csv"),
        format!("canary,dataset,holders,planted_at,retired_at,pan\nc1,,OWNER,2026-01-31,,{CARD}\n"),
    )
    .unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file("a.csv", SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, "hunter2"))
        .unwrap();
    writer.write_all(CARD.as_bytes()).unwrap();
    fs::write(folder.path().join("locked.zip"), writer.finish().unwrap().into_inner()).unwrap();
    fs::write(folder.path().join("words"), "letmein\nhunter2\n").unwrap();
    let scan = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dyepack"));
        command
            .current_dir(folder.path())
            .args(["scan", "--data", "data", "--format", "json"])
            .args(arguments)
            .output()
            .unwrap()
    };
    let locked = scan(&["locked.zip"]);
    let said = String::from_utf8(locked.stderr).unwrap();
    assert_eq!(locked.status.code(), Some(0), "{said}");
    assert!(said.contains("member-encrypted") && said.contains("a.csv") && said.contains("1 odd"), "{said}");
    let opened = scan(&["--passwords", "words", "locked.zip"]);
    let said = format!("{opened:?}");
    assert_eq!(opened.status.code(), Some(1), "{said}");
    assert!(said.contains("a.csv") && !said.contains("hunter2") && !said.contains(CARD), "{said}");
}
