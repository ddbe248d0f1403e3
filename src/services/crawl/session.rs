//! Reads a source as a member: logs in, notices when the site has forgotten us, and stops where a person is needed.
//!
//! Success is what the site's own pages say afterwards, never a status. Limits on trying are in `domain::session`.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use url::Url;

use super::door::{Door, Known, Pass, SOURCE_AGE, Viewer};
use super::worker::Worker;
use crate::domain::forum::login::{self, Doorway, LoginForm};
use crate::domain::forum::{self, PageKind, Standing};
use crate::domain::page::FetchedPage;
use crate::domain::session::{Account, Login, Session, State};
use crate::domain::source::{Rest, Source, Spent};
use crate::ports::accounts;
use crate::ports::fetch::{FetchError, Fetched, Request};
use crate::ports::store::model::SessionRow;
use crate::ports::store::{News, StoreError};

/// Least time between seeing a form and sending it: phpBB takes what comes within the same second for a machine's.
const THINKING: Duration = Duration::from_millis(1_600);
/// Time between two looks at whether the cookies have changed.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// How long a site is believed that it still knows us, if a page only looks as if it did not.
const VOUCHED: Duration = Duration::from_mins(5);
/// What keeps a login from being tried again at once.
const FIRST_WAIT: Duration = Duration::from_mins(2);
/// The same for a trial on loopback.
const FIRST_WAIT_LOCAL: Duration = Duration::from_millis(50);

/// What a worker knows of a source's session.
#[derive(Debug, Default)]
pub(super) struct Membership {
    row: Option<SessionRow>,
    read_at: Option<Instant>,
    /// Counts the sessions of this process: a page fetched in an earlier one says nothing about this.
    generation: u64,
    /// Changes of the cookies that are in the store, and when they were put there.
    kept: u64,
    kept_at: Option<Instant>,
    /// When the site last showed that it still knew us although a page looked otherwise.
    vouched_at: Option<Instant>,
}

/// What makes one doubt that the site still knows us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// A page looks as guests see it; it may look so to everybody.
    Looks,
    /// A page says that it is not for guests.
    Refuses,
}

/// Whether cookies are kept now and then, or for the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Others follow.
    Usual,
    /// Nothing follows.
    Last,
}

/// Why nobody got in.
enum Trouble {
    Fetch(FetchError),
    Store(StoreError),
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Worker {
    /// Makes sure that the source is read as whom it should be.
    pub(super) async fn enter(&self, source: &Source, door: &mut Door) -> Result<Pass, StoreError> {
        let membership = &mut door.membership;
        self.look_up(source, membership).await?;
        let has_login = source.settings.login.is_some();
        let state = membership.row.as_ref().map(|row| row.session.state);
        let entered = match (state, has_login) {
            (None | Some(State::Lost), false) => return Ok(Pass::Go(Viewer { is_member: false, generation: 0 })),
            (Some(State::Member), _) => Ok(()),
            (Some(State::Person(rest)), _) => {
                self.ports.store.hold(&source.id, (rest, Timestamp::MAX)).await?;
                return Ok(Pass::Hold);
            }
            (Some(State::Unproven), _) => self.prove(source, membership).await,
            (None | Some(State::Lost), true) => self.log_in(source, membership).await,
        };
        match entered {
            Ok(()) if membership.is_member() => Ok(Pass::Go(membership.viewer())),
            Ok(()) => Ok(Pass::Hold),
            Err(Trouble::Fetch(error)) => Ok(Pass::Fail("logging in", error)),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    /// Looks after a page that a guest would see came in a member's session: returns whether the session is lost. The page
    /// is to be recorded only if it is not.
    pub(super) async fn has_lost(&self, known: &Known, viewer: Viewer, doubt: Doubt) -> Result<bool, Pass> {
        let mut door = known.door.lock().await;
        let membership = &mut door.membership;
        if membership.generation != viewer.generation || !membership.is_member() {
            return Ok(true);
        }
        let is_vouched = membership.vouched_at.is_some_and(|vouched_at| vouched_at.elapsed() < VOUCHED);
        if doubt == Doubt::Looks && is_vouched {
            return Ok(false);
        }
        let start = match self.doorway(&known.source, &known.source.start_url).await {
            Ok((doorway, _)) => doorway,
            Err(error) => return Err(Pass::Fail("looking after the session", error)),
        };
        if start.standing != Standing::Guest {
            membership.vouched_at = Some(Instant::now());
            return Ok(false);
        }
        membership.vouched_at = None;
        tracing::info!(source = %known.source.id, "the session is lost");
        if let Some(row) = &mut membership.row {
            row.session.lost();
            if known.source.settings.login.is_none() {
                row.session.state = State::Person(Rest::Cookies);
            }
        }
        membership.generation += 1;
        self.keep(&known.source, membership, News::None).await.map_err(|_| Pass::Hold)?;
        Ok(true)
    }

    /// Puts cookies that have changed into the store, every few seconds and at the last turn.
    pub(super) async fn keep_cookies(&self, known: &Known, turn: Turn) {
        let mut door = known.door.lock().await;
        let membership = &mut door.membership;
        let is_due = membership.kept_at.is_none_or(|kept_at| kept_at.elapsed() >= KEEP_EVERY);
        if !membership.is_member() || !(is_due || turn == Turn::Last) {
            return;
        }
        membership.kept_at = Some(Instant::now());
        if self.ports.fetcher.cookies(&known.source.id).1 != membership.kept
            && let Err(error) = self.keep(&known.source, membership, News::None).await
        {
            tracing::debug!(error = %super::chain(&error), source = %known.source.id, "cookies were not kept");
        }
    }

    /// Reads the session from the store unless it was read a moment ago; takes cookies that the operator has brought. What
    /// waits for a person is always read: a claim that comes nevertheless says that somebody came.
    async fn look_up(&self, source: &Source, membership: &mut Membership) -> Result<(), StoreError> {
        let is_stuck = membership.row.as_ref().is_some_and(|row| matches!(row.session.state, State::Person(_)));
        if !is_stuck && membership.read_at.is_some_and(|read_at| read_at.elapsed() < SOURCE_AGE) {
            return Ok(());
        }
        let row = self.ports.store.session(&source.id).await?;
        membership.read_at = Some(Instant::now());
        let imported_at = |row: &Option<SessionRow>| row.as_ref().map(|row| row.imported_at);
        if imported_at(&row) != imported_at(&membership.row) {
            let jar = row.as_ref().map(|row| row.jar.clone()).unwrap_or_default();
            self.ports.fetcher.wear(&source.id, jar);
            membership.kept = self.ports.fetcher.cookies(&source.id).1;
            membership.generation += 1;
            membership.row = row;
        } else if let (Some(known), Some(row)) = (&mut membership.row, row) {
            known.session = row.session;
        }
        Ok(())
    }

    /// Finds out whether imported cookies are good.
    async fn prove(&self, source: &Source, membership: &mut Membership) -> Result<(), Trouble> {
        let (start, _) = self.doorway(source, &source.start_url).await?;
        let now = self.ports.clock.now();
        if start.standing != Standing::Guest {
            return Ok(self.entered(source, membership, now).await?);
        }
        let can_log_in = match &source.settings.login {
            Some(path) => matches!(accounts::read(path, &source.start_url, now).await, Ok(Login::Account(_))),
            None => false,
        };
        let session = &mut membership.row_mut(State::Lost).session;
        session.state = if can_log_in { State::Lost } else { State::Person(Rest::Cookies) };
        Ok(self.keep(source, membership, News::None).await?)
    }

    async fn log_in(&self, source: &Source, membership: &mut Membership) -> Result<(), Trouble> {
        let now = self.ports.clock.now();
        let session = &mut membership.row_mut(State::Lost).session;
        if let Some(until) = session.wait(now) {
            return Ok(self.ports.store.hold(&source.id, (Rest::Login, until)).await?);
        }
        let path = source.settings.login.as_deref().unwrap_or(Path::new(""));
        let account = match accounts::read(path, &source.start_url, now).await {
            Ok(Login::Account(account)) => account,
            Ok(Login::Cookies(jar)) if session.logged_in_at.is_none() => {
                session.state = State::Unproven;
                self.ports.fetcher.wear(&source.id, jar);
                membership.generation += 1;
                return self.prove(source, membership).await;
            }
            Ok(Login::Cookies(_)) => {
                session.state = State::Person(Rest::Cookies);
                return Ok(self.keep(source, membership, News::None).await?);
            }
            Err(error) => {
                tracing::warn!(source = %source.id, "cannot {error}");
                session.state = State::Person(Rest::LoginFile);
                return Ok(self.keep(source, membership, News::None).await?);
            }
        };
        session.tried(if source.is_local() { FIRST_WAIT_LOCAL } else { FIRST_WAIT }, now);
        // A try counts even if the process dies over it.
        self.keep_quietly(source, membership).await?;
        let outcome = self.try_login(source, &account).await?;
        let now = self.ports.clock.now();
        match outcome {
            Ok(()) => Ok(self.entered(source, membership, now).await?),
            Err(obstacle) => {
                tracing::info!(source = %source.id, obstacle = obstacle.map(Rest::as_str), "not let in");
                membership.row_mut(State::Lost).session.turned_away(obstacle);
                Ok(self.keep(source, membership, News::None).await?)
            }
        }
    }

    /// Fills the form in and looks whether the site knows us then; else returns what stood in the way, if that is known.
    async fn try_login(&self, source: &Source, account: &Account) -> Result<Result<(), Option<Rest>>, FetchError> {
        let (start, _) = self.doorway(source, &source.start_url).await?;
        if start.standing == Standing::Member {
            return Ok(Ok(()));
        }
        let door = match (start.form.is_some(), &start.login_page) {
            (true, _) | (false, None) => start,
            (false, Some(login_page)) => {
                sleep(source.pace).await;
                self.doorway(source, login_page).await?.0
            }
        };
        let Some(form) = &door.form else { return Ok(Err(door.obstacle.or(Some(Rest::NoForm)))) };
        if let Some(obstacle @ (Rest::Captcha | Rest::TwoStep)) = door.obstacle {
            return Ok(Err(Some(obstacle)));
        }
        let answer = self.send(source, form, account).await?;
        let said = login::doorway(&answer, &source.start_url).obstacle;
        sleep(source.pace).await;
        let (after, page) = self.doorway(source, &source.start_url).await?;
        let kind = |page: &FetchedPage| forum::read_with(page, &source.start_url, &source.settings.recipe).page;
        if after.standing == Standing::Member {
            let is_banned = after.obstacle == Some(Rest::Banned) && kind(&page) == PageKind::Denied;
            return Ok(if is_banned { Err(Some(Rest::Banned)) } else { Ok(()) });
        }
        // On a page full of threads, what people wrote says nothing about our login.
        let is_talk = matches!(kind(&answer), PageKind::Index | PageKind::Board | PageKind::Thread);
        Ok(Err(said.filter(|_| !is_talk)))
    }

    async fn send(&self, source: &Source, form: &LoginForm, account: &Account) -> Result<FetchedPage, FetchError> {
        let token = match &form.token {
            Some(token) => Some(self.page(source, &token.url).await?),
            None => None,
        };
        sleep(source.pace.max(THINKING)).await;
        let started = Instant::now();
        let answer = self.ports.fetcher.submit(source, &form.fill(account, token.as_ref())).await;
        self.spend(source, Spent { requests: 1, bytes: 0, busy: started.elapsed() }).await;
        answer
    }

    async fn doorway(&self, source: &Source, url: &Url) -> Result<(Doorway, FetchedPage), FetchError> {
        let page = self.page(source, url).await?;
        Ok((login::doorway(&page, &source.start_url), page))
    }

    async fn page(&self, source: &Source, url: &Url) -> Result<FetchedPage, FetchError> {
        let started = Instant::now();
        let fetched = self.ports.fetcher.fetch(source, &Request::page(url.clone())).await;
        self.spend(source, Spent { requests: 1, bytes: 0, busy: started.elapsed() }).await;
        match fetched? {
            Fetched::Page(page) => Ok(*page),
            Fetched::Unchanged => Err(FetchError::BadRedirect { status: 304 }),
        }
    }

    async fn entered(&self, source: &Source, membership: &mut Membership, now: Timestamp) -> Result<(), StoreError> {
        let session = &mut membership.row_mut(State::Lost).session;
        let news = if session.logged_in_at.is_none() { News::NewReader } else { News::None };
        session.entered(now);
        membership.generation += 1;
        tracing::info!(source = %source.id, "the site knows us");
        self.keep(source, membership, news).await
    }

    async fn keep(&self, source: &Source, membership: &mut Membership, news: News) -> Result<(), StoreError> {
        let (jar, changes) = self.ports.fetcher.cookies(&source.id);
        let Some(row) = &mut membership.row else { return Ok(()) };
        row.jar = jar;
        self.ports.store.keep_session(&source.id, row, news, self.ports.clock.now()).await?;
        membership.kept = changes;
        Ok(())
    }

    /// Keeps the count of tries while a login is under way, without putting the source to rest.
    async fn keep_quietly(&self, source: &Source, membership: &mut Membership) -> Result<(), StoreError> {
        let row = membership.row_mut(State::Lost);
        let mut counted = row.clone();
        counted.session.state = State::Unproven;
        self.ports.store.keep_session(&source.id, &counted, News::None, self.ports.clock.now()).await
    }
}

impl Membership {
    fn is_member(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.session.state == State::Member)
    }

    const fn viewer(&self) -> Viewer {
        Viewer { is_member: true, generation: self.generation }
    }

    fn row_mut(&mut self, state: State) -> &mut SessionRow {
        self.row.get_or_insert_with(|| SessionRow {
            session: Session::new(state),
            jar: crate::domain::session::Jar::default(),
            imported_at: Timestamp::UNIX_EPOCH,
        })
    }
}
