//! Fetches one page on the route its network asks for, bounded in size, time and redirects.
//!
//! Not here: when to fetch (`domain::frontier`), what the page says (`domain::forum`). To sites nothing is ever posted but
//! a login form; `hook` posts to an organization's own channels.

mod asked;
mod authority;
mod cookies;
mod error;
mod explain;
mod hook;
mod lane;
mod onion;
mod provider;
mod proxy;
mod retry_after;
mod route;
mod socks;
mod way;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER, SET_COOKIE,
    USER_AGENT as USER_AGENT_HEADER,
};
use tokio::time::{Instant, timeout};
use url::Url;

pub use error::{FetchError, Phase};
pub use explain::Fault;
pub use hook::{HookError, Hooks, POST_LIMIT, Post};
pub use lane::Answers;
pub use provider::Ask;
pub use proxy::{Proxy, ProxyError, ProxyKind};

use crate::domain::forum::login::Submission;
use crate::domain::page::{Asked, FetchedPage, Hop};
use crate::domain::session::Jar;
use crate::domain::source::{Network, Source, SourceId};
use crate::ports::clock::Clock;
use crate::ports::tls;
use cookies::Cookies;
use error::Stage;
use lane::Seen;
use way::Way;

/// Who we say we are when the operator says nothing else.
pub const USER_AGENT: &str = concat!("dyepack/", env!("CARGO_PKG_VERSION"), " (+defensive leak monitoring)");

/// Longest validator that is kept and sent back.
const VALIDATOR_LIMIT_BYTES: usize = 512;

/// How requests leave and what they may cost.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Sent as `User-Agent`.
    pub user_agent: String,
    /// Proxy to the open web; direct connections without it.
    pub open: Option<Proxy>,
    /// Tor's SOCKS port; without it onion sites are refused.
    pub tor: Option<Proxy>,
    /// An I2P router's HTTP or SOCKS proxy; without it I2P sites are refused.
    pub i2p: Option<Proxy>,
    /// Most decompressed bytes of a page.
    pub page_limit_bytes: u64,
    /// Most decompressed bytes of an attachment.
    pub attachment_limit_bytes: u64,
    /// Most redirects followed.
    pub redirect_limit: u32,
    /// How long each step may take.
    pub limits: TimeLimits,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            user_agent: USER_AGENT.to_owned(),
            open: None,
            tor: None,
            i2p: None,
            page_limit_bytes: 8 << 20,
            attachment_limit_bytes: 32 << 20,
            redirect_limit: 8,
            limits: TimeLimits::default(),
        }
    }
}

impl FetchOptions {
    /// Returns the proxy to a network, if one is configured.
    pub const fn proxy(&self, network: Network) -> Option<&Proxy> {
        match network {
            Network::Open => self.open.as_ref(),
            Network::Tor => self.tor.as_ref(),
            Network::I2p => self.i2p.as_ref(),
        }
    }
}

/// How long each step of a fetch may take; the defaults fit Tor's slowest ordinary answers.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    /// Until the connection stands, TLS and proxy included.
    pub connection: Duration,
    /// From sending the request to the head of the answer, connection included.
    pub answer: Duration,
    /// Between two pieces of the body.
    pub progress: Duration,
    /// The whole page, redirects included.
    pub page: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connection: Duration::from_mins(1),
            answer: Duration::from_secs(90),
            progress: Duration::from_secs(30),
            page: Duration::from_mins(3),
        }
    }
}

/// What to fetch.
#[derive(Debug, Clone)]
pub struct Request {
    /// The address.
    pub url: Url,
    /// What it is expected to be.
    pub expect: Expect,
    /// `ETag` of the copy we know.
    pub etag: Option<String>,
    /// `Last-Modified` of the copy we know.
    pub last_modified: Option<String>,
}

impl Request {
    /// Asks for a page, whether it changed or not.
    pub const fn page(url: Url) -> Self {
        Self { url, expect: Expect::Page, etag: None, last_modified: None }
    }
}

/// What an address is expected to lead to; decides the size limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A page of the site.
    Page,
    /// A file attached to a post.
    Attachment,
}

/// What a fetch brought back.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// A complete answer with status 2xx.
    Page(Box<FetchedPage>),
    /// The site says that the copy we know is still good.
    Unchanged,
}

/// Fetches pages; holds one HTTP client with its own cookies for each source. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: FetchOptions,
    clock: Clock,
    /// Names circuits; another one each time the program starts.
    circuit_key: [u8; 32],
    /// With the time when each was used last.
    ways: Mutex<HashMap<SourceId, (Instant, Way)>>,
    /// They outlive the ways.
    cookies: Mutex<HashMap<SourceId, Arc<Cookies>>>,
    /// What was last seen of each network.
    seen: Mutex<HashMap<Network, Seen>>,
    /// Held while Tor is asked for a sign, so that those who doubt at once ask once.
    asking: tokio::sync::Mutex<()>,
}

impl Fetcher {
    /// Makes a fetcher; opens nothing yet.
    ///
    /// # Panics
    /// If the operating system gives no random numbers.
    pub fn new(options: FetchOptions, clock: Clock) -> Self {
        tls::install();
        let mut circuit_key = [0; 32];
        getrandom::fill(&mut circuit_key).expect("the operating system gives random numbers");
        let (ways, cookies, seen) = (Mutex::default(), Mutex::default(), Mutex::default());
        let asking = tokio::sync::Mutex::default();
        Self { shared: Arc::new(Shared { options, clock, circuit_key, ways, cookies, seen, asking }) }
    }

    /// Returns who we say we are where a source says nothing else.
    pub fn user_agent(&self) -> &str {
        &self.shared.options.user_agent
    }

    /// Fetches one URL of a source, following redirects that stay on the site.
    ///
    /// # Errors
    /// [`FetchError::trouble`] says what the caller should do next; a page that was not received whole is an error. Where
    /// the site and our own way into its network look alike, the way is tried before the site is blamed.
    pub async fn fetch(&self, source: &Source, request: &Request) -> Result<Fetched, FetchError> {
        let started_at = self.shared.clock.now();
        let way = self.way(source)?;
        let limit = self.shared.options.limits.page;
        let fetched = timeout(limit, self.follow(&way, source, request))
            .await
            .unwrap_or(Err(FetchError::Timeout { phase: Phase::Page, limit }));
        match fetched {
            Ok(fetched) => {
                self.carried(source.network(), |seen, now| seen.last_page_at = Some(now));
                way.failures.store(0, Ordering::Relaxed);
                Ok(fetched)
            }
            Err(error) => Err(self.judged(&way, error, started_at).await),
        }
    }

    /// Posts a login form and follows where the answer leads; a refusal is an answer like any other.
    ///
    /// # Errors
    /// When no complete answer came.
    pub async fn submit(&self, source: &Source, submission: &Submission) -> Result<FetchedPage, FetchError> {
        let way = self.way(source)?;
        let limit = self.shared.options.limits.page;
        let request = Request::page(submission.url.clone());
        let posting = async {
            route::admit(source, &submission.url)?;
            let mut asked = way.client.post(submission.url.clone()).header(CONTENT_TYPE, submission.media_type);
            for (name, value) in &submission.headers {
                asked = asked.header(name, value.reveal());
            }
            let asked = asked.body(submission.body.reveal().clone());
            let (response, sent) = self.send(asked, (&way, source), &submission.url).await?;
            let next =
                response.status().is_redirection().then(|| redirect_target(&submission.url, &response)).flatten();
            let answer = self.read(&way, (&submission.url, sent), &request, response).await?;
            // Where it leads is followed for what is said there; if nothing is, the answer itself has to do.
            match next {
                None => Ok(answer),
                Some(next) => match self.follow(&way, source, &Request::page(next)).await {
                    Ok(Fetched::Page(page)) => Ok(*page),
                    Ok(Fetched::Unchanged) | Err(_) => Ok(answer),
                },
            }
        };
        timeout(limit, posting).await.unwrap_or(Err(FetchError::Timeout { phase: Phase::Page, limit }))
    }

    /// Returns the cookies of a source as they are now, and a number that grows with every change to them.
    pub fn cookies(&self, source: &SourceId) -> (Jar, u64) {
        self.jar(source).state()
    }

    /// Puts these cookies in the place of those that a source has.
    pub fn wear(&self, source: &SourceId, jar: Jar) {
        self.jar(source).wear(jar);
    }

    fn jar(&self, source: &SourceId) -> Arc<Cookies> {
        let mut cookies = self.shared.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = &self.shared.clock;
        Arc::clone(cookies.entry(source.clone()).or_insert_with(|| Arc::new(Cookies::new(clock.clone()))))
    }

    async fn follow(&self, way: &Way, source: &Source, request: &Request) -> Result<Fetched, FetchError> {
        let mut url = request.url.clone();
        let (mut seen, mut hops) = (HashSet::new(), Vec::new());
        for _ in 0..=self.shared.options.redirect_limit {
            route::admit(source, &url)?;
            let (response, mut sent) = self.ask((way, source), &url, request).await?;
            let status = response.status().as_u16();
            match status {
                304 if request.etag.is_some() || request.last_modified.is_some() => return Ok(Fetched::Unchanged),
                301 | 302 | 303 | 307 | 308 => {
                    let next = redirect_target(&url, &response).ok_or(FetchError::BadRedirect { status })?;
                    // Sites set a cookie and send the browser back to the same address: that is no circle.
                    let sets_cookie = response.headers().contains_key(SET_COOKIE);
                    hops.push(Hop { status, url: url.to_string() });
                    if !seen.insert((url, sets_cookie)) {
                        return Err(FetchError::RedirectLoop);
                    }
                    url = next;
                }
                200..=299 => {
                    sent.hops = hops;
                    let page = self.read(way, (&url, sent), request, response).await?;
                    return Ok(Fetched::Page(Box::new(page)));
                }
                _ => {
                    let retry_after = header(response.headers(), &RETRY_AFTER)
                        .and_then(|value| retry_after::parse(&value, self.shared.clock.now()));
                    if way.has_i2p_pages() {
                        // The router's own words, where it speaks in place of the site.
                        self.read(way, (&url, sent), request, response).await?;
                    }
                    return Err(FetchError::Http { status, retry_after });
                }
            }
        }
        Err(FetchError::TooManyRedirects { limit: self.shared.options.redirect_limit })
    }

    async fn ask(
        &self,
        (way, source): (&Way, &Source),
        url: &Url,
        request: &Request,
    ) -> Result<(reqwest::Response, Asked), FetchError> {
        let mut asked = way.client.get(url.clone()).header(ACCEPT, accepted(request.expect));
        if *url == request.url {
            let validators = [(IF_NONE_MATCH, &request.etag), (IF_MODIFIED_SINCE, &request.last_modified)];
            for (name, value) in validators {
                if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                    asked = asked.header(name, value);
                }
            }
        }
        self.send(asked, (way, source), url).await
    }

    async fn send(
        &self,
        mut asked: reqwest::RequestBuilder,
        (way, source): (&Way, &Source),
        url: &Url,
    ) -> Result<(reqwest::Response, Asked), FetchError> {
        if let Some(user_agent) = &source.settings.user_agent {
            asked = asked.header(USER_AGENT_HEADER, user_agent);
        }
        let limit = self.shared.options.limits.answer;
        let (client, request) = asked.build_split();
        let request = request.map_err(|error| self.sorted(way, error, url, Stage::Head))?;
        let sent = asked::describe(&request, way, (&self.shared.options.user_agent, &self.jar(&source.id)));
        let answered = timeout(limit, client.execute(request))
            .await
            .map_err(|_| FetchError::Timeout { phase: Phase::Answer, limit })?;
        match answered {
            Ok(response) => {
                let protocol = format!("{:?}", response.version());
                Ok((response, Asked { protocol, ..sent }))
            }
            Err(error) => {
                let is_connecting = error.is_connect();
                let error = self.sorted(way, error, url, Stage::Head);
                Err(if is_connecting { self.explained(way, url, error).await } else { error })
            }
        }
    }

    fn sorted(&self, way: &Way, error: reqwest::Error, url: &Url, stage: Stage) -> FetchError {
        let route = (way.route.network, &self.shared.options.limits);
        FetchError::sort(error, &route::shown_host(url), route, stage)
    }

    async fn read(
        &self,
        way: &Way,
        (url, asked): (&Url, Asked),
        request: &Request,
        mut response: reqwest::Response,
    ) -> Result<FetchedPage, FetchError> {
        let options = &self.shared.options;
        let limit_bytes = match request.expect {
            Expect::Page => options.page_limit_bytes,
            Expect::Attachment => options.attachment_limit_bytes,
        };
        // The client takes the header away when it decodes; one that is left names a coding it does not know.
        if let Some(encoding) = header(response.headers(), &CONTENT_ENCODING)
            && !encoding.is_empty()
            && !encoding.eq_ignore_ascii_case("identity")
        {
            return Err(FetchError::Encoding { encoding: encoding.chars().take(40).collect() });
        }
        let declared = header(response.headers(), &CONTENT_LENGTH).and_then(|value| value.parse::<u64>().ok());
        if declared.is_some_and(|declared| declared > limit_bytes) {
            return Err(FetchError::TooLarge { limit_bytes });
        }
        let mut body = Vec::with_capacity(usize::try_from(declared.unwrap_or(0).min(256 << 10)).unwrap_or(0));
        let limit = options.limits.progress;
        loop {
            let received_bytes = body.len() as u64;
            let chunk = timeout(limit, response.chunk())
                .await
                .map_err(|_| FetchError::Timeout { phase: Phase::Progress, limit })?;
            let chunk = chunk.map_err(|error| self.sorted(way, error, url, Stage::Body { received_bytes }))?;
            let Some(chunk) = chunk else { break };
            if received_bytes + chunk.len() as u64 > limit_bytes {
                return Err(FetchError::TooLarge { limit_bytes });
            }
            body.extend_from_slice(&chunk);
        }
        let status = response.status().as_u16();
        if way.has_i2p_pages()
            && let Some(error) = explain::i2p_proxy_page(status, &body, &route::shown_host(url))
        {
            return Err(error);
        }
        Ok(FetchedPage {
            requested: request.url.clone(),
            url: url.clone(),
            status,
            headers: headers(response.headers()),
            body,
            fetched_at: self.shared.clock.now(),
            asked,
        })
    }
}

/// Returns the validators of an answer, for the next [`Request`]: `ETag` and `Last-Modified`.
pub fn validators(page: &FetchedPage) -> (Option<String>, Option<String>) {
    let short = |name: &HeaderName| {
        page.header(name.as_str()).filter(|value| value.len() <= VALIDATOR_LIMIT_BYTES && !value.is_empty())
    };
    (short(&ETAG).map(str::to_owned), short(&LAST_MODIFIED).map(str::to_owned))
}

/// Returns what is sent as `Accept`.
const fn accepted(expect: Expect) -> &'static str {
    match expect {
        Expect::Page => "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5",
        Expect::Attachment => "*/*",
    }
}

fn redirect_target(from: &Url, response: &reqwest::Response) -> Option<Url> {
    let location = response.headers().get(LOCATION)?;
    // Sites send raw UTF-8 here, which is no valid header text but is what browsers follow.
    let mut target = from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()?;
    target.set_fragment(None);
    // A site does not choose credentials for us; a URL that cannot have any keeps none.
    let _ = target.set_username("");
    let _ = target.set_password(None);
    Some(target)
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(latin1)
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), latin1(value))).collect()
}

fn latin1(value: &HeaderValue) -> String {
    value.as_bytes().iter().map(|byte| char::from(*byte)).collect()
}
