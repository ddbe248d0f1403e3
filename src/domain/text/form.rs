//! Is a document markup or text as it stands?

use super::view::Form;

/// Tells markup from text: by declared type, by name, by how it begins.
pub fn form_of(bytes: &[u8], name: &str, media_type: Option<&str>) -> Form {
    let media_type = media_type.unwrap_or_default();
    if media_type.contains("html") || media_type.contains("xml") {
        return Form::Markup;
    }
    let extension = name.rsplit(['.', '/']).next().unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" | "xhtml" | "xml" | "mht" | "svg" => return Form::Markup,
        "csv" | "tsv" | "txt" | "json" | "jsonl" | "sql" | "log" | "md" => return Form::Plain,
        _ => {}
    }
    let head: Vec<u8> = bytes.iter().take(2048).map(u8::to_ascii_lowercase).collect();
    let openings: [&[u8]; 8] = [b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<table", b"<div", b"<meta"];
    if openings.iter().any(|opening| memchr::memmem::find(&head, opening).is_some()) {
        Form::Markup
    } else {
        Form::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_known_by_type_name_or_beginning() {
        for (name, media_type, head, form) in [
            ("a", Some("text/html; charset=utf-8"), "x", Form::Markup),
            ("a.HTM", None, "x", Form::Markup),
            ("a.csv", None, "<html>", Form::Plain),
            ("-", None, "\n<!DOCTYPE html>", Form::Markup),
            ("-", None, "4111 <b>", Form::Plain),
        ] {
            assert_eq!(form_of(head.as_bytes(), name, media_type), form, "{name}");
        }
    }
}
