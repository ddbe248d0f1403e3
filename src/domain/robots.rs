//! robots.txt (RFC 9309): which addresses of a site a robot may read, and how fast.
//!
//! Reads what sites really write: other line ends, missing colons, usual misspellings. Not here: fetching and keeping it
//! (`services::crawl`).

use std::fmt::Write as _;
use std::time::Duration;

use url::Url;

use crate::domain::source::fits;

/// Bytes that are read; the rest is left alone (RFC 9309 section 2.5 asks for 500 KiB at least).
pub const LIMIT_BYTES: usize = 500 << 10;
/// Longest wait between two requests that is believed.
const DELAY_LIMIT: Duration = Duration::from_mins(5);
const RULES_LIMIT: usize = 5_000;
const RULE_LIMIT_BYTES: usize = 2_048;

/// The rules that are meant for us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Robots {
    rules: Vec<Rule>,
    /// Least wait between two requests (`Crawl-delay`), five minutes at most.
    pub crawl_delay: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// Ends with `*` unless it was anchored by `$`.
    pattern: String,
    /// Octets as written; the longest rule wins.
    length: usize,
    is_allowed: bool,
}

/// A line that means something.
enum Line<'a> {
    Agent(&'a str),
    Rule { path: &'a str, is_allowed: bool },
    Delay(&'a str),
}

impl Robots {
    /// Takes the rules for a robot of this product token; those for `*` if there are none of its own.
    pub fn read(text: &str, product: &str) -> Self {
        let end = text.floor_char_boundary(LIMIT_BYTES);
        let text = text.get(..end).unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (mut own, mut others) = (Self::default(), Self::default());
        let (mut is_own, mut is_others, mut has_own) = (false, false, false);
        let mut is_heading = false;
        for line in text.split(['\n', '\r']).filter_map(line) {
            match line {
                Line::Agent(agent) => {
                    if !is_heading {
                        (is_own, is_others, is_heading) = (false, false, true);
                    }
                    is_others |= is_star(agent);
                    is_own |= token(agent).eq_ignore_ascii_case(product) && !product.is_empty();
                    has_own |= is_own;
                }
                Line::Rule { path, is_allowed } => {
                    is_heading = false;
                    for (is_meant, robots) in [(is_own, &mut own), (is_others, &mut others)] {
                        if is_meant {
                            robots.add(path, is_allowed);
                        }
                    }
                }
                Line::Delay(seconds) => {
                    for (is_meant, robots) in [(is_own, &mut own), (is_others, &mut others)] {
                        if is_meant {
                            // The first counts: one that follows may be meant for a robot named in between.
                            robots.crawl_delay = robots.crawl_delay.or(delay(seconds));
                        }
                    }
                }
            }
        }
        if has_own { own } else { others }
    }

    /// Tells whether an address may be read: the longest rule that fits decides, among equals the one that allows.
    pub fn allows(&self, url: &Url) -> bool {
        if url.path() == "/robots.txt" {
            return true;
        }
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let target = canonical(&target);
        let fitting = self.rules.iter().filter(|rule| fits(rule.pattern.as_bytes(), target.as_bytes()));
        fitting.max_by_key(|rule| (rule.length, rule.is_allowed)).is_none_or(|rule| rule.is_allowed)
    }

    fn add(&mut self, path: &str, is_allowed: bool) {
        // An empty path allows everything, which is what no rule says as well.
        if path.is_empty() || path.len() > RULE_LIMIT_BYTES || self.rules.len() >= RULES_LIMIT {
            return;
        }
        let path = canonical(path);
        let pattern = match path.strip_suffix('$') {
            Some(anchored) => anchored.to_owned(),
            None => format!("{path}*"),
        };
        self.rules.push(Rule { pattern, length: path.len(), is_allowed });
    }
}

/// Returns the product token of a user agent, as robots.txt names it: `dyepack/0.1 (+…)` → `dyepack`.
pub fn product(user_agent: &str) -> &str {
    token(user_agent.trim_start())
}

fn token(text: &str) -> &str {
    let end = text.find(|letter: char| !(letter.is_ascii_alphabetic() || letter == '-' || letter == '_'));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn is_star(agent: &str) -> bool {
    agent.strip_prefix('*').is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

fn line(text: &str) -> Option<Line<'_>> {
    let text = text.split('#').next().unwrap_or_default().trim();
    // Two words without a colon are meant as a line.
    let words =
        || text.split_once(char::is_whitespace).filter(|(_, value)| !value.trim().contains(char::is_whitespace));
    let (key, value) = text.split_once(':').or_else(words)?;
    let (key, value) = (key.trim_end(), value.trim());
    match key.to_ascii_lowercase().as_str() {
        "user-agent" | "useragent" | "user agent" => Some(Line::Agent(value)),
        "allow" => Some(Line::Rule { path: value, is_allowed: true }),
        "disallow" | "dissallow" | "dissalow" | "disalow" | "diasllow" | "disallaw" => {
            Some(Line::Rule { path: value, is_allowed: false })
        }
        "crawl-delay" | "crawldelay" | "crawl delay" => Some(Line::Delay(value)),
        _ => None,
    }
}

fn delay(seconds: &str) -> Option<Duration> {
    let delay = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    Some(delay.min(DELAY_LIMIT))
}

/// Writes a path so that equal paths are equal texts (RFC 9309 section 2.2.2): octets outside ASCII are encoded, hexadecimal
/// digits are upper case, encoded letters and digits are decoded.
fn canonical(path: &str) -> String {
    let mut left = path.as_bytes();
    let mut written = String::with_capacity(path.len());
    while let [byte, rest @ ..] = left {
        let (octet, is_encoded, rest) = match encoded(left) {
            Some((octet, rest)) => (octet, true, rest),
            None => (*byte, false, rest),
        };
        left = rest;
        let is_plain = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
        if is_plain || (!is_encoded && octet.is_ascii_graphic()) {
            written.push(char::from(octet));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(written, "%{octet:02X}");
        }
    }
    written
}

/// Takes an octet written as `%2F` off the front.
fn encoded(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(*high)? << 4 | digit(*low)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(text: &str, product: &str, target: &str) -> bool {
        Robots::read(text, product).allows(&Url::parse(&format!("http://forum.example{target}")).unwrap())
    }

    #[test]
    fn the_examples_of_rfc_9309_come_out_as_it_says() {
        // Section 5.1.
        let simple = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n\
                      User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n\
                      User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\nUser-Agent: quxbot\n";
        for (product, target, expected) in [
            ("other", "/a.gif", false),
            ("other", "/a.gif?x", true),
            ("other", "/example/x", false),
            ("other", "/publications/", true),
            ("foobot", "/", false),
            ("foobot", "/example/page.html", true),
            ("foobot", "/example/allowed.gif", true),
            ("barbot", "/example/page.html", false),
            ("bazbot", "/example/page.html", false),
            ("barbot", "/example/other.html", true),
            ("quxbot", "/example/page.html", true),
        ] {
            assert_eq!(allows(simple, product, target), expected, "{product} {target}");
        }
        // Section 5.2: the longest match wins.
        let longest = "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n";
        assert!(!allows(longest, "foobot", "/example/page/disallowed.gif"));
        assert!(allows(longest, "foobot", "/example/page/other.gif"));
        // Section 2.2.1: groups of one robot are one group.
        let twice =
            "user-agent: ExampleBot\ndisallow: /foo\ndisallow: /bar\n\nuser-agent: ExampleBot\ndisallow: /baz\n";
        for (target, expected) in [("/foo", false), ("/bar", false), ("/baz", false), ("/qux", true)] {
            assert_eq!(allows(twice, "examplebot", target), expected, "{target}");
        }
    }

    #[test]
    fn octets_are_compared_and_not_the_way_they_are_written() {
        // Section 2.2.2, table 1.
        for (rule, target, expected) in [
            ("/foo/bar?baz=quz", "/foo/bar?baz=quz", false),
            ("/foo/bar?baz=http://foo.bar", "/foo/bar?baz=http://foo.bar", false),
            ("/foo/bar/\u{30c4}", "/foo/bar/%E3%83%84", false),
            ("/foo/bar/%E3%83%84", "/foo/bar/\u{30c4}", false),
            ("/foo/bar/%62%61%7A", "/foo/bar/baz", false),
            ("/foo/%2fbar", "/foo/%2Fbar", false),
            ("/foo/%2fbar", "/foo//bar", true),
            ("/100%", "/100%", false),
        ] {
            assert_eq!(allows(&format!("user-agent: *\ndisallow: {rule}\n"), "dyepack", target), expected, "{rule}");
        }
    }

    #[test]
    fn what_googles_parser_is_tested_for() {
        let only = |rules: &str| format!("user-agent: dyepack\ndisallow: /\n{rules}\n");
        for (text, target, expected) in [
            // Lines: case, spaces, comments, line ends, a mark at the start.
            ("user-agent: DyePack\nDISALLOW:   /x   # why\n".to_owned(), "/x", false),
            ("User-Agent:dyepack\r\nDisallow:/x\r\n".to_owned(), "/x/y", false),
            ("User-Agent: dyepack\rDisallow: /x\r".to_owned(), "/x", false),
            ("\u{feff}User-Agent: dyepack\nDisallow: /x".to_owned(), "/x", false),
            ("user-agent dyepack\ndisallow /x\n".to_owned(), "/x", false),
            ("foo: dyepack\nbar: /x\n".to_owned(), "/x", true),
            ("user agent: dyepack\ndisalow: /x\n".to_owned(), "/x", false),
            // Names: a version is not part of a name; another name that begins alike is another.
            ("User-Agent: dyepack/2.1\nDisallow: /x\n".to_owned(), "/x", false),
            ("User-Agent: dyepack-news\nDisallow: /x\n".to_owned(), "/x", true),
            ("User-Agent: dye\nDisallow: /x\n".to_owned(), "/x", true),
            // Groups: own rules replace those of the star, wherever they stand; other lines do not part a group.
            ("user-agent: *\ndisallow: /x\nuser-agent: dyepack\nallow: /\n".to_owned(), "/x", true),
            ("user-agent: dyepack\nallow: /\nuser-agent: *\ndisallow: /\n".to_owned(), "/x", true),
            ("user-agent: * dyepack\ndisallow: /x\n".to_owned(), "/x", false),
            ("user-agent: *baz\ndisallow: /x\n".to_owned(), "/x", true),
            ("disallow: /x\nuser-agent: dyepack\nallow: /\n".to_owned(), "/x", true),
            ("user-agent: a\nsitemap: http://b/\nuser-agent: dyepack\ndisallow: /x\n".to_owned(), "/x", false),
            ("user-agent: dyepack\nuser-agent: a\ndisallow: /x\n".to_owned(), "/x", false),
            // Rules: the longest wins, allow among equals, none at all allows; the empty one says nothing.
            (only("allow: /x/page.html"), "/x/page.html", true),
            (only("allow: /x/page.html"), "/x/page", false),
            (only("allow: /"), "/x", true),
            (only("disallow: /x\nallow: /x"), "/x", true),
            ("user-agent: dyepack\ndisallow:\n".to_owned(), "/x", true),
            (String::new(), "/x", true),
            // Special characters.
            (only("allow: /foo/bar/*/qux"), "/foo/bar/baz/qux", true),
            (only("allow: /foo/bar/*/qux"), "/foo/bar/qux", false),
            (only("allow: *.html$"), "/a.html", true),
            (only("allow: *.html$"), "/a.html?x", false),
            (only("allow: /a$b"), "/a$bc", true),
            (only("allow: /p*.php"), "/Page.php", false),
            (only("allow: /X"), "/x", false),
            (only(""), "/robots.txt", true),
        ] {
            assert_eq!(allows(&text, "dyepack", target), expected, "{text:?} {target}");
        }
    }

    #[test]
    fn the_crawl_delay_is_that_of_our_own_group() {
        let delay = |text: &str| Robots::read(text, "dyepack").crawl_delay;
        for (text, expected) in [
            ("user-agent: *\ncrawl-delay: 7\ndisallow: /x", Some(7.0)),
            ("user-agent: dyepack\ncrawl-delay: 2.5\n\nuser-agent: *\ncrawl-delay: 7", Some(2.5)),
            ("user-agent: other\ncrawl-delay: 7", None),
            ("user-agent: *\ncrawl-delay: 99999", Some(300.0)),
            ("user-agent: *\ncrawl-delay: -1", None),
            ("user-agent: *\ncrawl-delay: soon", None),
        ] {
            assert_eq!(delay(text), expected.map(Duration::from_secs_f64), "{text}");
        }
    }

    #[test]
    fn only_the_first_part_of_an_endless_file_is_read() {
        let text = format!("user-agent: *\ndisallow: /x\n{}\ndisallow: /y\n", "#".repeat(LIMIT_BYTES));
        assert!(!allows(&text, "dyepack", "/x") && allows(&text, "dyepack", "/y"));
        let many = format!("user-agent: *\n{}", "disallow: /*a*b*c*d$\n".repeat(20_000));
        assert!(Robots::read(&many, "dyepack").rules.len() <= RULES_LIMIT);
    }

    #[test]
    fn a_product_is_the_first_word_of_a_user_agent() {
        for (agent, expected) in
            [("dyepack/0.1 (+x)", "dyepack"), ("Mozilla/5.0", "Mozilla"), ("a-b_c 1", "a-b_c"), ("", "")]
        {
            assert_eq!(product(agent), expected);
        }
    }
}
