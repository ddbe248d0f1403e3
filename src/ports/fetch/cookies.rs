//! The cookies of each source, between the HTTP client and whoever keeps them.

use std::sync::{PoisonError, RwLock};

use reqwest::cookie::CookieStore;
use reqwest::header::HeaderValue;
use url::Url;

use crate::domain::session::Jar;
use crate::ports::clock::Clock;

/// Cookies taken from one answer.
const COOKIES_PER_ANSWER: usize = 50;

/// One source's jar.
#[derive(Debug)]
pub(super) struct Cookies {
    clock: Clock,
    /// The jar, and how often it changed.
    state: RwLock<(Jar, u64)>,
}

impl Cookies {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, state: RwLock::default() }
    }

    pub(super) fn state(&self) -> (Jar, u64) {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn wear(&self, jar: Jar) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = (jar, state.1 + 1);
    }
}

impl CookieStore for Cookies {
    fn set_cookies(&self, cookie_headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let now = self.clock.now();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for header in cookie_headers.take(COOKIES_PER_ANSWER) {
            let is_changed = header.to_str().is_ok_and(|header| state.0.take(header, url, now));
            state.1 += u64::from(is_changed);
        }
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut header = HeaderValue::from_str(state.0.header(url, self.clock.now())?.reveal()).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}
