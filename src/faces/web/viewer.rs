//! How somebody wants pages: language, time zone, theme; known before anybody has logged in.

use axum::http::{HeaderMap, header};
use jiff::tz::TimeZone;

/// Languages of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tongue {
    /// English.
    #[default]
    English,
    /// Chinese, simplified.
    Chinese,
}

impl Tongue {
    /// Returns the language's tag.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Reads a language tag; `zh-Hans-CN` is Chinese, what is not known is nothing.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        match tag.trim().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// Chooses between the two wordings of a text.
    pub(crate) const fn choose<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// How pages are made for somebody.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// In which language.
    pub(crate) tongue: Tongue,
    /// In which time zone: the one that was chosen, or the browser's, once its script has told.
    pub(crate) zone: TimeZone,
    /// Whether it was chosen.
    pub(crate) is_zone_chosen: bool,
    /// `light`, `dark`, or empty for what the system prefers.
    pub(crate) theme: &'static str,
}

impl Viewer {
    /// Reads the preferences out of a request: cookies first, then what the browser says.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let asked = || {
            let accepted =
                headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            accepted.split(',').find_map(|item| Tongue::parse(item.split(';').next().unwrap_or_default()))
        };
        let chosen = cookie(headers, "zone").and_then(zone);
        let theme = match cookie(headers, "theme") {
            Some("light") => "light",
            Some("dark") => "dark",
            Some(_) | None => "",
        };
        Self {
            tongue: cookie(headers, "lang").and_then(Tongue::parse).or_else(asked).unwrap_or_default(),
            zone: chosen.clone().or_else(|| cookie(headers, "tz").and_then(zone)).unwrap_or(TimeZone::UTC),
            is_zone_chosen: chosen.is_some(),
            theme,
        }
    }

    /// Chooses between the two wordings of a text.
    pub(crate) const fn t<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        self.tongue.choose(english, chinese)
    }
}

/// Returns a request's cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Zones that are offered where one is chosen; every other name of the IANA database is taken, too.
pub(crate) const ZONES: [&str; 24] = [
    "UTC",
    "America/Chicago",
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Toronto",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Kolkata",
    "Asia/Seoul",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Taipei",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Moscow",
    "Europe/Paris",
    "Europe/Zurich",
    "Pacific/Auckland",
];

/// Scripts write a zone's `/` as `%2F` or as it is.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    let name = name.replace("%2F", "/");
    let is_sound = name.len() < 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte));
    if is_sound { TimeZone::get(&name).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(lines: &[(header::HeaderName, &str)]) -> Viewer {
        let headers = lines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        Viewer::of(&headers)
    }

    #[test]
    fn a_cookie_goes_before_what_the_browser_asks_for() {
        let asked = (header::ACCEPT_LANGUAGE, "fr, zh-CN;q=0.8, en;q=0.5");
        assert_eq!(viewer(std::slice::from_ref(&asked)).tongue, Tongue::Chinese);
        let chosen = (header::COOKIE, "a=b; lang=en; tz=Asia%2FShanghai; theme=dark");
        let chosen = viewer(&[asked, chosen]);
        assert_eq!((chosen.tongue, chosen.theme), (Tongue::English, "dark"));
        assert_eq!((chosen.zone.iana_name(), chosen.is_zone_chosen), (Some("Asia/Shanghai"), false));
        let told = viewer(&[(header::COOKIE, "tz=Asia%2FShanghai; zone=Europe/Berlin")]);
        assert_eq!((told.zone.iana_name(), told.is_zone_chosen), (Some("Europe/Berlin"), true));
        assert!(ZONES.iter().all(|name| zone(name).is_some()), "the database knows what is offered");
    }

    #[test]
    fn what_is_not_known_is_english_and_utc() {
        for cookie in ["", "lang=xx; tz=../../etc/passwd; theme=<b>", "tz=Nowhere/Land"] {
            let viewer = viewer(&[(header::COOKIE, cookie)]);
            assert_eq!((viewer.tongue, viewer.theme, viewer.zone), (Tongue::English, "", TimeZone::UTC));
        }
    }
}
