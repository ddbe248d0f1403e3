//! What tells a member's page from a guest's, and what stands in the way of logging in.
//!
//! Told by structure and by what scripts say, never by a status; what people wrote in posts does not count.

use scraper::ElementRef;
use url::Url;

use super::Standing;
use super::form::{self, RawForm};
use crate::domain::forum::dom;
use crate::domain::forum::sheet::{Sheet, is_post_body};
use crate::domain::source::Rest;

const SCRIPTS_LIMIT: usize = 40;
const SCRIPT_LIMIT_BYTES: usize = 200_000;
const WORDS_LIMIT_BYTES: usize = 200_000;

/// Parts of addresses that log out.
const OUT: [&str; 7] = ["=logout", "/logout", "logout.php", "/log-out", "/signout", "/sign_out", "/logoff"];

/// Parts of addresses where one logs in.
const IN: [&str; 10] = [
    "action=login",
    "mode=login",
    "do=login",
    "/login",
    "login.php",
    "/signin",
    "/sign_in",
    "/auth/login",
    "/log-in",
    "?login",
];

/// What scripts say where nothing else does: text → whom for.
const SCRIPT_SIGNS: [(&str, Standing); 6] = [
    ("discuz_uid = '0'", Standing::Guest),
    ("discuz_uid = '", Standing::Member),
    ("\"loggedIn\":true", Standing::Member),
    ("\"loggedIn\":false", Standing::Guest),
    ("\"session\":{\"userId\":0", Standing::Guest),
    ("\"session\":{\"userId\":", Standing::Member),
];

/// Names of fields, and classes of elements, behind which a challenge stands.
const CHALLENGES: [&str; 14] = [
    "captcha",
    "confirm_code",
    "seccode",
    "secqaa",
    "imagestring",
    "humanverify",
    "vv_code",
    "_vv[",
    "turnstile",
    "g-recaptcha",
    "h-captcha",
    "challenge-form",
    "verification_code",
    "keycaptcha",
];

/// Names of fields that ask for a second proof.
const SECOND: [&str; 9] =
    ["otp", "totp", "two_factor", "twofactor", "2fa", "tfa_code", "second_factor_token", "auth_code", "backup_code"];

/// Sentences of answers to a login, lower case.
const WORDS: [(&str, Rest); 33] = [
    ("two-step", Rest::TwoStep),
    ("two-factor", Rest::TwoStep),
    ("two factor", Rest::TwoStep),
    ("second_factor", Rest::TwoStep),
    ("authenticator app", Rest::TwoStep),
    ("one-time code", Rest::TwoStep),
    ("verification code from your", Rest::TwoStep),
    ("двухфакторн", Rest::TwoStep),
    ("两步验证", Rest::TwoStep),
    ("二次验证", Rest::TwoStep),
    ("动态密码", Rest::TwoStep),
    ("captcha", Rest::Captcha),
    ("confirmation code", Rest::Captcha),
    ("verification image", Rest::Captcha),
    ("prove that you are human", Rest::Captcha),
    ("maximum allowed number of login attempts", Rest::Captcha),
    ("验证码", Rest::Captcha),
    ("驗證碼", Rest::Captcha),
    ("код подтверждения", Rest::Captcha),
    ("код с картинки", Rest::Captcha),
    ("капч", Rest::Captcha),
    ("showwindow('login', 'member.php?mod=logging&action=login&auth=", Rest::Captcha),
    ("currently banned", Rest::Banned),
    ("been banned", Rest::Banned),
    ("permanently banned", Rest::Banned),
    ("you are banned", Rest::Banned),
    ("account is suspended", Rest::Banned),
    ("account has been suspended", Rest::Banned),
    ("已被禁止", Rest::Banned),
    ("被封禁", Rest::Banned),
    ("禁止访问", Rest::Banned),
    ("заблокирован", Rest::Banned),
    ("забанен", Rest::Banned),
];

/// Tells whom a page takes its reader for.
pub(in crate::domain::forum) fn standing(sheet: &Sheet<'_>) -> Standing {
    if sheet.survey.has_password && form::is_offered(sheet) {
        return Standing::Guest;
    }
    if links(sheet, &OUT).next().is_some() {
        return Standing::Member;
    }
    match dom::attr(sheet.dom.root_element(), "data-logged-in") {
        Some("true") => return Standing::Member,
        Some("false") => return Standing::Guest,
        Some(_) | None => {}
    }
    if let Some(said) = scripts(sheet).find_map(script_sign) {
        return said;
    }
    if sheet.survey.generator.starts_with("Discourse") {
        // The attribute is often too long for the tree.
        let preloaded = sheet.text().split_once(" data-preloaded=").map_or("", |(_, rest)| quoted(rest));
        return if preloaded.contains("currentUser") { Standing::Member } else { Standing::Guest };
    }
    if links(sheet, &IN).next().is_some() { Standing::Guest } else { Standing::Unclear }
}

/// Finds where a page says that one logs in.
pub(super) fn login_page(sheet: &Sheet<'_>) -> Option<Url> {
    let page = links(sheet, &IN).next();
    page.or_else(|| {
        // Discuz! opens a window by script and names the address there.
        let opens =
            |element: ElementRef<'_>| dom::attr(element, "onclick").is_some_and(|act| act.contains("mod=logging"));
        let is_discuz = dom::elements(sheet.dom.root_element()).any(opens);
        is_discuz.then(|| sheet.resolve("member.php?mod=logging&action=login")).flatten()
    })
}

/// Tells what stands in the way, by the fields of the login form or by what an answer says.
pub(super) fn obstacle(sheet: &Sheet<'_>, text: &str) -> Option<Rest> {
    let forms = form::all(sheet);
    let names = |form: &RawForm<'_>| -> Vec<String> {
        form.controls.iter().filter_map(|control| dom::attr(*control, "name")).map(str::to_ascii_lowercase).collect()
    };
    for form in forms.iter().filter(|form| form::is_login(form)) {
        if form.is_challenged || names(form).iter().any(|name| is_challenge(name)) {
            return Some(Rest::Captcha);
        }
    }
    if forms.iter().flat_map(names).any(|name| SECOND.contains(&name.as_str())) {
        return Some(Rest::TwoStep);
    }
    let is_page = sheet.survey.lines.len() > 3;
    let words = if is_page { sheet.survey.lines.join(" ") } else { text.chars().take(WORDS_LIMIT_BYTES).collect() };
    let words = words.to_lowercase();
    WORDS.iter().find(|(sentence, _)| words.contains(sentence)).map(|(_, rest)| *rest)
}

/// Same-site links outside of posts whose address holds one of the parts.
fn links<'s>(sheet: &'s Sheet<'_>, parts: &'static [&'static str]) -> impl Iterator<Item = Url> + 's {
    sheet
        .anchors
        .iter()
        .filter(move |anchor| {
            let target = anchor.url.as_str();
            // Most addresses hold neither, and are not looked at twice.
            ["log", "sign", "Log", "Sign", "LOG"].iter().any(|word| target.contains(word)) && {
                let target = target.to_ascii_lowercase();
                parts.iter().any(|part| target.contains(part))
            }
        })
        .filter(|anchor| !dom::ancestors(anchor.element).any(is_post_body))
        .map(|anchor| anchor.url.clone())
}

/// Tells whether a name, class or id is that of a challenge.
pub(super) fn is_challenge(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    CHALLENGES.iter().any(|challenge| word.contains(challenge))
}

/// The page's scripts, long ones cut; they are not in the tree.
pub(super) fn scripts<'s>(sheet: &'s Sheet<'_>) -> impl Iterator<Item = &'s str> {
    let mut rest = sheet.text();
    let next = move || {
        let (_, after) = rest.split_once("<script")?;
        let (script, left) = after.split_at(after.find("</script").unwrap_or(after.len()));
        rest = left;
        script.get(..script.floor_char_boundary(SCRIPT_LIMIT_BYTES))
    };
    std::iter::from_fn(next).take(SCRIPTS_LIMIT)
}

/// Takes what stands in quotes at the beginning.
fn quoted(text: &str) -> &str {
    let quote = if text.starts_with('\'') { '\'' } else { '"' };
    text.split(quote).nth(1).unwrap_or_default()
}

fn script_sign(script: &str) -> Option<Standing> {
    SCRIPT_SIGNS.iter().find(|(text, _)| script.contains(text)).map(|(_, standing)| *standing)
}
