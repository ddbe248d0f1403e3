//! XML of documents, one tag or text at a time: no entities but the five and characters, no tree, no recursion.

use std::borrow::Cow;
use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// One step through a document; names come without their prefix.
pub(super) enum Token<'a> {
    Open(&'a str, Attributes<'a>),
    Close(&'a str),
    Text(&'a str),
}

/// The attributes of a tag.
pub(super) struct Attributes<'a>(&'a BytesStart<'a>);

impl Attributes<'_> {
    /// Returns the value of an attribute, whatever its prefix.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut attributes = self.0.attributes();
        let found = attributes.with_checks(false).flatten().find(|attribute| {
            let full: &str = attribute.key.as_ref();
            full.rsplit(':').next() == Some(name)
        })?;
        Some(found.normalized_value(XmlVersion::Implicit1_0).map_or_else(|_| String::new(), Cow::into_owned))
    }
}

/// Whether a document could be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    Broken,
}

/// Walks through a document until it ends or `visit` returns false.
pub(super) fn walk(reader: impl Read, visit: &mut dyn FnMut(Token<'_>) -> bool) -> Ending {
    let mut reader = Reader::from_reader(BufReader::with_capacity(1 << 16, reader));
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.expand_empty_elements = true;
    let mut buffer = Vec::new();
    let mut seen = false;
    loop {
        buffer.clear();
        let goes_on = match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                seen = true;
                let name = tag.local_name();
                visit(Token::Open(name.as_ref(), Attributes(&tag)))
            }
            Ok(Event::End(tag)) => visit(Token::Close(tag.local_name().as_ref())),
            Ok(Event::Text(text)) => visit(Token::Text(&text.xml_content(XmlVersion::Implicit1_0))),
            Ok(Event::CData(text)) => visit(Token::Text(&text.into_inner())),
            Ok(Event::GeneralRef(entity)) => match entity.resolve_char_ref() {
                Ok(Some(character)) => visit(Token::Text(character.encode_utf8(&mut [0; 4]))),
                Ok(None) | Err(_) => visit(Token::Text(named(&entity.into_inner()))),
            },
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => true,
            Ok(Event::Eof) => return if seen { Ending::Whole } else { Ending::Broken },
            Err(_) => return Ending::Broken,
        };
        if !goes_on {
            return Ending::Whole;
        }
    }
}

/// The five entities every document knows; others could stand for anything, at any length.
fn named(entity: &str) -> &'static str {
    match entity {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => " ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(xml: &str) -> (String, Ending) {
        let mut text = String::new();
        let ending = walk(xml.as_bytes(), &mut |token| {
            match token {
                Token::Text(part) => text.push_str(part),
                Token::Open(name, attributes) => {
                    text.extend(["<", name, &attributes.get("name").unwrap_or_default(), ">"]);
                }
                Token::Close(name) => text.extend(["</", name, ">"]),
            }
            true
        });
        (text, ending)
    }

    #[test]
    fn characters_are_read_and_entities_of_the_document_are_not() {
        let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><x>&b;1&#50;&amp;<![CDATA[<3]]></x>";
        assert_eq!(text_of(laughs), ("<x> 12&<3</x>".to_owned(), Ending::Whole));
        assert_eq!(text_of("<t:x q:name='a&lt;b'/>"), ("<xa<b></x>".to_owned(), Ending::Whole));
    }

    #[test]
    fn damage_ends_the_walk_and_keeps_what_was_read() {
        assert_eq!(text_of("<x>99904838<y").1, Ending::Broken);
        assert!(text_of("<x>99904838<y").0.contains("99904838"));
        assert_eq!(text_of("no markup at all").1, Ending::Broken);
    }

    #[test]
    fn a_document_of_a_million_levels_is_walked_without_recursion() {
        let deep = "<a>".repeat(1_000_000);
        let mut opened = 0;
        walk(deep.as_bytes(), &mut |_| {
            opened += 1;
            true
        });
        assert_eq!(opened, 1_000_000);
    }
}
