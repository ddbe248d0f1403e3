//! Cookies of one site: taken from its answers, sent with its requests, imported from a browser.
//!
//! RFC 6265 as far as one site needs it: a jar is only ever used for the host that it was made for, so that there is no list
//! of public suffixes. Bounded: a hostile site cannot fill it without end.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use super::date;
use crate::domain::secret::Secret;

/// Bytes of one `Set-Cookie` that are believed; browsers stop at the same length (RFC 6265 section 6.1).
const COOKIE_LIMIT_BYTES: usize = 4096;
/// Cookies that are kept; the oldest go first.
const COOKIES_LIMIT: usize = 100;
/// Bytes of a `Cookie` header; the oldest cookies are left out.
const HEADER_LIMIT_BYTES: usize = 16 * 1024;
/// Bytes of an exported jar that are read.
const IMPORT_LIMIT_BYTES: usize = 4 << 20;

/// One cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret<String>,
    /// The host that set it, or the domain that it is for, lower case without a leading dot.
    pub domain: String,
    /// Sent to that host only, not to hosts below.
    pub is_host_only: bool,
    /// The path that it is for.
    pub path: String,
    /// Sent over TLS only.
    pub is_secure: bool,
    /// When it ends; `None` for the end of the browser's session, which for us is never.
    pub expires_at: Option<Timestamp>,
}

/// The cookies of one site, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jar {
    cookies: Vec<Cookie>,
}

/// Why a jar cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JarError {
    /// Too large to be an export of one site.
    #[error("it is larger than {IMPORT_LIMIT_BYTES} bytes; export the cookies of this site only")]
    TooLarge,
    /// Neither form.
    #[error(
        "it is neither a cookies.txt (seven columns with tabs between) nor a JSON list of cookies; export it again"
    )]
    Form,
    /// Nothing for this site in it.
    #[error("it holds no cookie for {host}; log in there with the browser and export again")]
    Empty {
        /// The site's host.
        host: String,
    },
}

/// A cookie at rest, before it is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    value: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    expires_ms: Option<i64>,
}

/// A cookie as browser extensions export it.
#[derive(Deserialize)]
struct Exported {
    name: String,
    value: String,
    domain: String,
    #[serde(rename = "hostOnly")]
    host_only: Option<bool>,
    path: Option<String>,
    secure: Option<bool>,
    #[serde(alias = "expirationDate", alias = "expiry")]
    expires: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Export {
    List(Vec<Exported>),
    Object { cookies: Vec<Exported> },
}

impl Jar {
    /// Tells how many cookies there are.
    pub fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// Returns the names of its cookies and when they end, for people.
    pub fn names(&self) -> impl Iterator<Item = (&str, Option<Timestamp>)> {
        self.cookies.iter().map(|cookie| (cookie.name.as_str(), cookie.expires_at))
    }

    /// Takes a `Set-Cookie` of an answer that came from `url`; returns whether anything changed.
    pub fn take(&mut self, header: &str, url: &Url, now: Timestamp) -> bool {
        match set_cookie(header, url, now) {
            Some(cookie) => self.put(cookie, now),
            None => false,
        }
    }

    /// Returns the `Cookie` header of a request; `None` if there is nothing to send.
    pub fn header(&self, url: &Url, now: Timestamp) -> Option<Secret<String>> {
        let host = host_of(url);
        let is_for = |cookie: &&Cookie| {
            let is_host = if cookie.is_host_only { host == cookie.domain } else { is_under(&host, &cookie.domain) };
            is_host
                && is_path_under(url.path(), &cookie.path)
                && (!cookie.is_secure || url.scheme() == "https")
                && cookie.expires_at.is_none_or(|at| at > now)
        };
        let mut sent: Vec<&Cookie> = self.cookies.iter().filter(is_for).collect();
        // Longer paths first (RFC 6265 section 5.4); of the rest the newest, as far as there is room.
        sent.reverse();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let mut header = String::new();
        for cookie in sent {
            let pair = format!("{}={}", cookie.name, cookie.value.reveal());
            if header.len() + pair.len() + 2 <= HEADER_LIMIT_BYTES {
                if !header.is_empty() {
                    header.push_str("; ");
                }
                header.push_str(&pair);
            }
        }
        (!header.is_empty()).then(|| Secret::new(header))
    }

    /// Reads an export of a browser, Netscape's cookies.txt or JSON, and takes what is for the host of `site`.
    ///
    /// # Errors
    /// `TooLarge`, `Form` or `Empty`, each saying how to mend it.
    pub fn import(text: &str, site: &Url, now: Timestamp) -> Result<Self, JarError> {
        if text.len() > IMPORT_LIMIT_BYTES {
            return Err(JarError::TooLarge);
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        let cookies = if text.starts_with(['[', '{']) { json(text)? } else { netscape(text)? };
        if cookies.is_empty() {
            return Err(JarError::Form);
        }
        let host = host_of(site);
        let bare = host.strip_prefix("www.").unwrap_or(&host).to_owned();
        let mut jar = Self::default();
        for cookie in cookies.into_iter().filter(|cookie| is_believed(&cookie.name, cookie.value.reveal())) {
            if is_under(&host, &cookie.domain) || is_under(&cookie.domain, &bare) {
                jar.put(cookie, now);
            }
        }
        if jar.is_empty() { Err(JarError::Empty { host }) } else { Ok(jar) }
    }

    /// Writes the jar as it is kept; the caller seals it.
    pub fn to_json(&self) -> Secret<String> {
        let kept: Vec<Kept> = self
            .cookies
            .iter()
            .map(|cookie| Kept {
                name: cookie.name.clone(),
                value: cookie.value.reveal().clone(),
                domain: cookie.domain.clone(),
                host_only: cookie.is_host_only,
                path: cookie.path.clone(),
                secure: cookie.is_secure,
                expires_ms: cookie.expires_at.map(Timestamp::as_millisecond),
            })
            .collect();
        Secret::new(serde_json::to_string(&kept).unwrap_or_default())
    }

    /// Reads what [`Jar::to_json`] wrote; `None` if it is damaged.
    pub fn from_json(text: &str) -> Option<Self> {
        let kept: Vec<Kept> = serde_json::from_str(text).ok()?;
        let cookies = kept.into_iter().map(|kept| Cookie {
            name: kept.name,
            value: Secret::new(kept.value),
            domain: kept.domain,
            is_host_only: kept.host_only,
            path: kept.path,
            is_secure: kept.secure,
            expires_at: kept.expires_ms.and_then(|at| Timestamp::from_millisecond(at).ok()),
        });
        Some(Self { cookies: cookies.collect() })
    }

    fn put(&mut self, cookie: Cookie, now: Timestamp) -> bool {
        let is_same =
            |known: &Cookie| known.name == cookie.name && known.domain == cookie.domain && known.path == cookie.path;
        let known = self.cookies.iter().position(is_same);
        if cookie.expires_at.is_some_and(|at| at <= now) {
            return known.map(|at| self.cookies.remove(at)).is_some();
        }
        if let Some(known) = known.and_then(|at| self.cookies.get_mut(at)) {
            let is_changed = *known != cookie;
            *known = cookie;
            return is_changed;
        }
        self.cookies.retain(|known| known.expires_at.is_none_or(|at| at > now));
        if self.cookies.len() >= COOKIES_LIMIT {
            self.cookies.remove(0);
        }
        self.cookies.push(cookie);
        true
    }
}

fn set_cookie(header: &str, url: &Url, now: Timestamp) -> Option<Cookie> {
    if header.len() > COOKIE_LIMIT_BYTES {
        return None;
    }
    let mut parts = header.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let host = host_of(url);
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: Secret::new(value.to_owned()),
        domain: host.clone(),
        is_host_only: true,
        path: default_path(url.path()),
        is_secure: false,
        expires_at: None,
    };
    let mut max_age = None;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" if !value.is_empty() => {
                cookie.domain = value.trim_start_matches('.').to_ascii_lowercase();
                cookie.is_host_only = false;
            }
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "secure" => cookie.is_secure = true,
            "expires" => cookie.expires_at = date::parse(value).or(cookie.expires_at),
            "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
            _ => {}
        }
    }
    if let Some(seconds) = max_age {
        cookie.expires_at = Some(now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX));
    }
    (is_believed(name, value) && is_under(&host, &cookie.domain)).then_some(cookie)
}

fn netscape(text: &str) -> Result<Vec<Cookie>, JarError> {
    let mut cookies = Vec::new();
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let columns: Vec<&str> = line.split('\t').collect();
        let [domain, below, path, secure, expires, name, value] = columns.as_slice() else {
            return Err(JarError::Form);
        };
        cookies.push(Cookie {
            name: (*name).to_owned(),
            value: Secret::new((*value).to_owned()),
            domain: domain.trim_start_matches('.').to_ascii_lowercase(),
            is_host_only: !below.eq_ignore_ascii_case("true"),
            path: (*path).to_owned(),
            is_secure: secure.eq_ignore_ascii_case("true"),
            // Nought stands for the end of the browser's session.
            expires_at: expires.parse::<i64>().ok().filter(|at| *at > 0).and_then(|at| Timestamp::from_second(at).ok()),
        });
    }
    Ok(cookies)
}

fn json(text: &str) -> Result<Vec<Cookie>, JarError> {
    let exported = match serde_json::from_str(text).map_err(|_| JarError::Form)? {
        Export::List(cookies) | Export::Object { cookies } => cookies,
    };
    let cookies = exported.into_iter().map(|cookie| Cookie {
        name: cookie.name,
        value: Secret::new(cookie.value),
        is_host_only: cookie.host_only.unwrap_or(!cookie.domain.starts_with('.')),
        domain: cookie.domain.trim_start_matches('.').to_ascii_lowercase(),
        path: cookie.path.unwrap_or_else(|| "/".to_owned()),
        is_secure: cookie.secure.unwrap_or(false),
        expires_at: cookie.expires.as_ref().and_then(exported_time),
    });
    Ok(cookies.collect())
}

/// Seconds since 1970, whole or not, or a date; below one for the end of the browser's session.
fn exported_time(value: &serde_json::Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str() {
        return text.parse().ok().or_else(|| date::parse(text));
    }
    let seconds = value.as_f64().filter(|seconds| *seconds >= 1.0)?;
    let time = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(time).ok()
}

/// Tells whether a cookie can be sent back as it is: printable, and not long.
fn is_believed(name: &str, value: &str) -> bool {
    let is_plain = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b';');
    !name.is_empty()
        && !name.contains('=')
        && name.len() + value.len() <= COOKIE_LIMIT_BYTES
        && is_plain(name)
        && is_plain(value)
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

fn is_under(host: &str, domain: &str) -> bool {
    let is_name = host.parse::<std::net::IpAddr>().is_err();
    host == domain
        || (is_name && !domain.is_empty() && host.strip_suffix(domain).is_some_and(|below| below.ends_with('.')))
}

fn is_path_under(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || of.ends_with('/'))
}

fn default_path(path: &str) -> String {
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(at) => path.get(..at).unwrap_or("/").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-27T10:00:00Z".parse().unwrap()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn sent(jar: &Jar, target: &str) -> String {
        jar.header(&url(target), now()).map(|header| header.reveal().clone()).unwrap_or_default()
    }

    #[test]
    fn cookies_go_where_they_are_meant_for_and_nowhere_else() {
        for (set, target, expected) in [
            ("a=1", "http://forum.example/x", "a=1"),
            ("a=1", "http://sub.forum.example/x", ""),
            ("a=1; domain=.forum.example", "http://sub.forum.example/", "a=1"),
            ("a=1; domain=other.example", "http://forum.example/", ""),
            ("a=1; domain=rum.example", "http://forum.example/", ""),
            ("a=1; path=/board", "http://forum.example/board/x", "a=1"),
            ("a=1; path=/board", "http://forum.example/boards", ""),
            ("a=1; secure", "http://forum.example/", ""),
            ("a=1; Secure", "https://forum.example/", "a=1"),
            ("a=1; max-age=60", "http://forum.example/", "a=1"),
            ("a=1; max-age=0", "http://forum.example/", ""),
            ("a=1; expires=Sun, 21-Nov-2027 20:13:54 GMT", "http://forum.example/", "a=1"),
            ("a=1; expires=Thu, 01 Jan 1970 00:00:01 GMT", "http://forum.example/", ""),
            ("a=1=2", "http://forum.example/", "a=1=2"),
            ("=1", "http://forum.example/", ""),
            ("nothing", "http://forum.example/", ""),
            ("a=\u{1}", "http://forum.example/", ""),
        ] {
            let mut jar = Jar::default();
            jar.take(set, &url("http://forum.example/"), now());
            assert_eq!(sent(&jar, target), expected, "{set} {target}");
        }
    }

    #[test]
    fn a_cookie_set_again_is_replaced_and_one_that_ended_is_gone() {
        let (mut jar, site) = (Jar::default(), url("http://forum.example/"));
        assert!(jar.take("a=1", &site, now()));
        assert!(!jar.take("a=1", &site, now()), "nothing changed");
        assert!(jar.take("a=2; path=/", &site, now()));
        assert_eq!(sent(&jar, "http://forum.example/"), "a=2");
        assert!(jar.take("a=x; max-age=0", &site, now()));
        assert!(jar.is_empty());
    }

    #[test]
    fn a_jar_stays_small_whatever_the_site_does() {
        let (mut jar, site) = (Jar::default(), url("http://forum.example/"));
        for number in 0..500 {
            jar.take(&format!("c{number}={}", "x".repeat(1_000)), &site, now());
        }
        jar.take(&format!("huge={}", "x".repeat(5_000)), &site, now());
        assert!(jar.len() <= COOKIES_LIMIT);
        let header = sent(&jar, "http://forum.example/");
        assert!(header.len() <= HEADER_LIMIT_BYTES && header.contains("c499=") && !header.contains("huge"));
    }

    #[test]
    fn exports_of_browsers_are_read_in_both_forms() {
        let site = url("https://forum.example/");
        let text = "# Netscape HTTP Cookie File\n\n#HttpOnly_forum.example\tFALSE\t/\tTRUE\t1900000000\tsid\tabc\n\
                    .forum.example\tTRUE\t/\tFALSE\t0\tuser\t7\nother.example\tFALSE\t/\tFALSE\t0\tx\ty\n";
        let jar = Jar::import(text, &site, now()).unwrap();
        assert_eq!((jar.len(), sent(&jar, "https://forum.example/")), (2, "user=7; sid=abc".to_owned()));

        let list = r#"[{"domain":"forum.example","hostOnly":true,"name":"sid","value":"abc","path":"/","secure":true,
                        "httpOnly":true,"expirationDate":1900000000.5,"sameSite":"lax","session":false},
                       {"domain":".forum.example","name":"user","value":"7"},
                       {"domain":"other.example","name":"x","value":"y"}]"#;
        for text in [list.to_owned(), format!("{{\"cookies\":{list},\"origins\":[]}}")] {
            let jar = Jar::import(&text, &site, now()).unwrap();
            assert_eq!((jar.len(), sent(&jar, "https://forum.example/")), (2, "user=7; sid=abc".to_owned()));
        }
    }

    #[test]
    fn an_import_that_cannot_help_says_so() {
        let site = url("http://forum.example/");
        let import = |text: &str| Jar::import(text, &site, now()).unwrap_err();
        assert_eq!(import("hello"), JarError::Form);
        assert_eq!(import("[{\"a\":1}]"), JarError::Form);
        assert_eq!(
            import("other.example\tFALSE\t/\tFALSE\t0\tx\ty"),
            JarError::Empty { host: "forum.example".to_owned() }
        );
        let ended = "forum.example\tFALSE\t/\tFALSE\t1000\tx\ty";
        assert!(matches!(import(ended), JarError::Empty { .. }), "all its cookies have ended");
        assert_eq!(import(&"x".repeat(IMPORT_LIMIT_BYTES + 1)), JarError::TooLarge);
    }

    #[test]
    fn a_jar_comes_back_as_it_was_kept_and_never_prints_a_value() {
        let mut jar = Jar::default();
        jar.take("sid=hunter2; max-age=60; domain=forum.example", &url("https://forum.example/a/b"), now());
        assert_eq!(Jar::from_json(jar.to_json().reveal()), Some(jar.clone()));
        assert!(!format!("{jar:?}").contains("hunter2"));
        assert_eq!(Jar::from_json("{"), None);
    }
}
