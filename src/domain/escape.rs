//! Writes text into HTML so that it stays text.

/// Escapes the five characters that HTML gives a meaning, for content and quoted attributes alike. Control characters
/// other than line breaks and tabs, and those that turn the direction of writing, are dropped: they can only mislead.
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other if other.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn markup_becomes_text_and_what_misleads_is_dropped() {
        for (text, escaped) in [
            ("<a href=\"x\">'&'</a>", "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;"),
            ("a\u{202e}b\u{0}c\n示例", "abc\n示例"),
        ] {
            assert_eq!(html(text), escaped);
        }
    }
}
