//! Logging in: name and password, then a code; setting up the second factor; logging out; choosing the language.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use qrcodegen::{QrCode, QrCodeEcc};

use super::Console;
use super::actor::{HalfIn, Knock, no_session_cookie, session_cookie, stage_page};
use super::layout::{Layout, Section, page};
use super::posted::{Fields, OpenForm, Posted};
use super::problem::{Problem, Said};
use super::viewer::{Tongue, Viewer, zone};
use crate::domain::secret::Secret;
use crate::domain::user::totp::Totp;
use crate::ports::store::Stage;
use crate::services::access::oidc::Provider;
use crate::services::access::{self, AccessError, Entered};

/// Where they are.
pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/login", get(show).post(log_in))
        .route("/login/code", get(show_code).post(take_code))
        .route("/login/setup", get(show_setup).post(set_up))
        .route("/logout", post(log_out))
        .route("/language", get(choose_language))
        .route("/appearance", get(choose_appearance))
        .route("/zone", get(choose_zone))
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    l: Layout,
    error: Option<String>,
    next: &'a str,
    name: &'a str,
    /// What the organization's own login is called.
    provider: Option<String>,
    /// Where to log out there, too.
    provider_out: Option<String>,
}

impl<'a> LoginPage<'a> {
    fn new(console: &Console, viewer: &Viewer, next: &'a str) -> Self {
        let l = Layout::new(viewer.clone(), Section::None, viewer.t("Log in", "登录").to_owned());
        let provider = console.provider.as_ref().map(Provider::label);
        Self { l, error: None, next, name: "", provider, provider_out: None }
    }
}

async fn show(
    State(console): State<Arc<Console>>,
    knock: Knock,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let mut login_page = LoginPage::new(&console, &knock.viewer, local(query.get("next")));
    if let (Some(provider), "out") = (&console.provider, query.get("said")) {
        login_page.provider_out = provider.log_out_url().await.map(String::from);
    }
    page(&login_page)
}

/// Writes the page for somebody who did not come in.
pub(crate) fn login_page(console: &Console, viewer: &Viewer, error: Option<String>) -> Result<Response, Problem> {
    page(&LoginPage { error, ..LoginPage::new(console, viewer, "/") })
}

async fn log_in(
    State(console): State<Arc<Console>>,
    knock: Knock,
    OpenForm(fields): OpenForm,
) -> Result<Response, Problem> {
    let password = Secret::new(fields.raw("password").to_owned());
    let is_wanted = !console.options.is_password_enough;
    let now = console.clock.now();
    match access::log_in(&console.store, (fields.get("name"), password), is_wanted, knock.caller(), now).await {
        Ok(entered) => Ok(go_on(&entered, fields.get("next"), &console)),
        Err(error) => {
            let (status, error) = refusal(error, &knock.viewer)?;
            let empty = LoginPage::new(&console, &knock.viewer, local(fields.get("next")));
            let login_page = LoginPage { error: Some(error), name: fields.get("name"), ..empty };
            Ok((status, page(&login_page)?).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "login_code.html")]
struct CodePage<'a> {
    l: Layout,
    error: Option<String>,
    next: &'a str,
}

async fn show_code(half: HalfIn, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    if half.session.stage != Stage::Code {
        return Ok(Redirect::to(stage_page(half.session.stage)).into_response());
    }
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let title = half.viewer.t("Second factor", "第二因素验证").to_owned();
    let l = Layout::new(half.viewer, Section::None, title);
    page(&CodePage { l, error: None, next: local(query.get("next")) })
}

async fn take_code(
    State(console): State<Arc<Console>>,
    half: HalfIn,
    knock: Knock,
    OpenForm(fields): OpenForm,
) -> Result<Response, Problem> {
    if half.session.stage != Stage::Code {
        return Ok(Redirect::to(stage_page(half.session.stage)).into_response());
    }
    let (store, now) = (&console.store, console.clock.now());
    match access::second_factor(store, &half.user, fields.get("code"), knock.caller(), now).await {
        Ok((entered, left)) => {
            store.end_console_session(&half.user.id, &half.session.id).await?;
            if left.is_some() {
                tracing::info!(user = half.user.id, left, "a recovery code was taken");
            }
            Ok(go_on(&entered, fields.get("next"), &console))
        }
        Err(error) => {
            let (status, error) = refusal(error, &half.viewer)?;
            let title = half.viewer.t("Second factor", "第二因素验证").to_owned();
            let l = Layout::new(half.viewer, Section::None, title);
            let next = local(fields.get("next"));
            Ok((status, page(&CodePage { l, error: Some(error), next })?).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "login_setup.html")]
struct SetupPage {
    l: Layout,
    error: Option<String>,
    secret: String,
    modules: usize,
    drawing: String,
}

#[derive(Template)]
#[template(path = "login_recovery.html")]
struct RecoveryPage {
    l: Layout,
    codes: Vec<String>,
}

fn setup_page(totp: &Totp, error: Option<String>, half: &HalfIn) -> Result<Response, Problem> {
    let viewer = half.viewer.clone();
    let title = viewer.t("Set up your second factor", "设置第二因素").to_owned();
    let uri = totp.uri(&half.user.name, "dyepack");
    let (modules, drawing) = drawing(uri.reveal());
    let secret = totp.base32().reveal().clone();
    page(&SetupPage { l: Layout::new(viewer, Section::None, title), error, secret, modules, drawing })
}

async fn show_setup(half: HalfIn) -> Result<Response, Problem> {
    if half.session.stage == Stage::Code || half.user.has_totp {
        return Ok(Redirect::to(stage_page(half.session.stage)).into_response());
    }
    let totp = access::new_totp().map_err(|error| Problem::failed(&error))?;
    setup_page(&totp, None, &half)
}

async fn set_up(
    State(console): State<Arc<Console>>,
    half: HalfIn,
    knock: Knock,
    OpenForm(fields): OpenForm,
) -> Result<Response, Problem> {
    // A second factor that is there is changed on the page of one's own user, with a code of it.
    if half.session.stage == Stage::Code || half.user.has_totp {
        return Ok(Redirect::to(stage_page(half.session.stage)).into_response());
    }
    let Some(totp) = Totp::from_base32(fields.get("secret")) else { return show_setup(half).await };
    let (store, now) = (&console.store, console.clock.now());
    match access::set_up_totp(store, &half.user.id, (&totp, fields.get("code")), now).await {
        Ok(codes) => {
            store.end_console_session(&half.user.id, &half.session.id).await?;
            let entered = access::enter(store, (&half.user.id, Stage::Full), knock.caller(), now).await;
            let entered = entered.map_err(|error| Problem::failed(&error))?;
            let title = half.viewer.t("Your recovery codes", "您的恢复代码").to_owned();
            let page = page(&RecoveryPage { l: Layout::new(half.viewer, Section::None, title), codes })?;
            Ok(([session_cookie(&entered, &console.options)], page).into_response())
        }
        Err(error) => {
            let (status, error) = refusal(error, &half.viewer)?;
            Ok((status, setup_page(&totp, Some(error), &half)?).into_response())
        }
    }
}

async fn log_out(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Problem> {
    console.store.end_console_session(&posted.actor.user.id, &posted.actor.session.id).await?;
    Ok(([no_session_cookie(&console.options)], Redirect::to("/login?said=out")).into_response())
}

async fn choose_language(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let tongue = Tongue::parse(query.get("to")).unwrap_or_default();
    prefer(&headers, "lang", tongue.tag())
}

async fn choose_appearance(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let theme = ["light", "dark"].into_iter().find(|theme| *theme == query.get("to"));
    prefer(&headers, "theme", theme.unwrap_or("system"))
}

/// A zone of one's own goes before the browser's; an empty name gives that its say again.
async fn choose_zone(RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    let query = Fields::parse(query.unwrap_or_default().as_bytes());
    let name = query.get("to");
    if !name.is_empty() && zone(name).is_none() {
        return Err(Problem::refused(
            Said::new("There is no such time zone", "没有此时区"),
            Said::new("Go back and name it as Asia/Shanghai or Europe/Berlin.", "请返回填写，例如 Asia/Shanghai。"),
        ));
    }
    Ok(prefer(&headers, "zone", name))
}

/// Keeps a preference in the browser, and goes back to where it was chosen.
fn prefer(headers: &HeaderMap, name: &str, value: &str) -> Response {
    let referrer = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let back = referrer.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    let cookie = format!("{name}={value}; Path=/; SameSite=Lax; Max-Age=31536000");
    ([(header::SET_COOKIE, cookie)], Redirect::to(local(back.unwrap_or("/")))).into_response()
}

/// Sends a browser on, with its session.
pub(crate) fn go_on(entered: &Entered, next: &str, console: &Console) -> Response {
    let next = local(next);
    let target = match entered.stage {
        Stage::Full => next.to_owned(),
        Stage::Code | Stage::Setup if next == "/" => stage_page(entered.stage).to_owned(),
        Stage::Code | Stage::Setup => {
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("{}?next={next}", stage_page(entered.stage))
        }
    };
    ([session_cookie(entered, &console.options)], Redirect::to(&target)).into_response()
}

/// Says why somebody does not get in; what failed on our side is a problem page.
pub(crate) fn refusal(error: AccessError, viewer: &Viewer) -> Result<(StatusCode, String), Problem> {
    match error {
        AccessError::Wrong => {
            let english = "That is not right. Check the name, the password or the code, and try again.";
            Ok((StatusCode::UNAUTHORIZED, viewer.t(english, "不正确。请检查用户名、密码或验证码后重试。").to_owned()))
        }
        AccessError::Blocked { until } => {
            let until = until.to_zoned(viewer.zone.clone()).strftime("%H:%M:%S %Z").to_string();
            let text = viewer.t("Too many failures. Try again after", "失败次数过多。请在此时间后重试：");
            Ok((StatusCode::TOO_MANY_REQUESTS, format!("{text} {until}")))
        }
        AccessError::Weak(weakness) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, super::welcome::weakness(weakness, viewer)))
        }
        AccessError::Link => Err(Problem::new(
            StatusCode::GONE,
            Said::new("This link counts no more", "此链接已失效"),
            Said::new(
                "It was used, is older than three days, or was never made. Ask an administrator for another.",
                "链接已被使用、已超过三天或不存在。请向管理员索取新链接。",
            ),
        )),
        AccessError::Store(error) => Err(error.into()),
        AccessError::Name(_) | AccessError::Taken(_) | AccessError::Organization | AccessError::Chance => {
            Err(Problem::failed(&error))
        }
    }
}

/// Takes an address on this site only: a path, and nothing that a browser reads as another host.
pub(crate) fn local(target: &str) -> &str {
    let is_local = target.starts_with('/')
        && !target.starts_with("//")
        && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { target } else { "/" }
}

/// Draws a QR code as the path of an SVG; returns its width in modules too.
fn drawing(text: &str) -> (usize, String) {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return (0, String::new()) };
    let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
    let squares = dark.filter(|(x, y)| code.get_module(*x, *y)).map(|(x, y)| format!("M{} {}h1v1h-1z", x + 2, y + 2));
    (usize::try_from(code.size()).unwrap_or(0) + 4, squares.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (target, goes_to) in [
            ("/cases?state=new", "/cases?state=new"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(target), goes_to);
        }
    }

    #[test]
    fn a_code_is_drawn_with_a_margin() {
        let (modules, drawing) = drawing("otpauth://totp/dyepack:ann?secret=GEZDGNBV&issuer=dyepack");
        assert!(modules > 24 && drawing.starts_with("M2 2h1v1h-1z"), "{modules}");
    }
}
