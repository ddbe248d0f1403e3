//! Finds the login form of a page by its structure: one password field, with a field for a name before it.

use scraper::ElementRef;

use super::{Content, Encoding, LoginForm, signs};
use crate::domain::forum::dom;
use crate::domain::forum::sheet::Sheet;
use crate::domain::secret::Secret;

const CONTROLS_LIMIT: usize = 200;
const FORMS_LIMIT: usize = 50;
const VALUE_LIMIT_BYTES: usize = 4_096;

/// Attribute of the marks that stand where forms begin and end.
const MARK: &str = "dp-form";

/// A form and what belongs to it, in page order.
pub(super) struct RawForm<'a> {
    /// The mark at its beginning, with the form's own attributes.
    pub(super) mark: ElementRef<'a>,
    pub(super) controls: Vec<ElementRef<'a>>,
    /// A challenge is drawn in it.
    pub(super) is_challenged: bool,
}

/// Puts a mark, a hidden field, where each form begins and ends.
///
/// The tags of forms do not outlive the bounding of the markup, and inside tables the parser would lose them; a hidden field
/// stays where it is.
pub(super) fn marked(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 1_024);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        written.push_str(before);
        let begins = |start: &str| {
            let is_start = tag.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start));
            let next = tag.as_bytes().get(start.len());
            is_start && !next.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        };
        let (mark, length) = if begins("<form") {
            ("<input type=hidden dp-form=begin ", 5)
        } else if begins("</form") {
            ("<input type=hidden dp-form=end ", 6)
        } else {
            ("<", 1)
        };
        written.push_str(mark);
        rest = tag.get(length..).unwrap_or_default();
    }
    written.push_str(rest);
    written
}

/// Returns the first login form of a page that stays on the site.
pub(super) fn best(sheet: &Sheet<'_>) -> Option<LoginForm> {
    all(sheet).iter().find_map(|form| read(sheet, form))
}

/// Collects the forms of a page whose markup was [`marked`].
pub(super) fn all<'a>(sheet: &Sheet<'a>) -> Vec<RawForm<'a>> {
    let mut forms: Vec<RawForm<'a>> = Vec::new();
    let mut is_open = false;
    for element in dom::elements(sheet.dom.root_element()) {
        if let Some(mark) = dom::attr(element, MARK) {
            is_open = mark == "begin" && forms.len() < FORMS_LIMIT;
            if is_open {
                forms.push(RawForm { mark: element, controls: Vec::new(), is_challenged: false });
            }
            continue;
        }
        let is_control = matches!(dom::name(element), "input" | "select" | "button");
        let owner = match dom::attr(element, "form").filter(|_| is_control) {
            Some(named) => forms.iter_mut().find(|form| dom::id(form.mark) == named),
            None => forms.last_mut().filter(|_| is_open),
        };
        let Some(owner) = owner else { continue };
        owner.is_challenged |= signs::is_challenge(dom::class(element)) || signs::is_challenge(dom::id(element));
        if is_control && owner.controls.len() < CONTROLS_LIMIT {
            owner.controls.push(element);
        }
    }
    forms
}

/// Tells whether a page offers to log in: one password, with a name before it; forms need not be marked for this.
pub(super) fn is_offered(sheet: &Sheet<'_>) -> bool {
    let inputs = dom::named(sheet.dom.root_element(), "input").take(4 * CONTROLS_LIMIT).map(kind);
    let shown: Vec<String> = inputs.filter(|kind| kind == "password" || is_name(kind)).collect();
    shown.iter().enumerate().any(|(at, kind)| {
        let before = at.checked_sub(1).and_then(|before| shown.get(before));
        let is_repeated = shown.get(at + 1).is_some_and(|after| after == "password");
        kind == "password" && before.is_some_and(|before| is_name(before)) && !is_repeated
    })
}

fn is_name(kind: &str) -> bool {
    matches!(kind, "text" | "email" | "tel")
}

/// Tells whether a form is one to log in with: exactly one password, and a name before it.
pub(super) fn is_login(form: &RawForm<'_>) -> bool {
    let passwords = form.controls.iter().filter(|control| kind(**control) == "password").count();
    passwords == 1 && user_field(form).is_some()
}

fn user_field<'a>(form: &RawForm<'a>) -> Option<ElementRef<'a>> {
    let before = form.controls.iter().take_while(|control| kind(**control) != "password");
    before.filter(|control| is_name(&kind(**control))).last().copied()
}

fn read(sheet: &Sheet<'_>, form: &RawForm<'_>) -> Option<LoginForm> {
    if !is_login(form) {
        return None;
    }
    let action = dom::attr(form.mark, "action").map(str::trim).filter(|action| !action.is_empty());
    let mut action = sheet.resolve(action.unwrap_or(sheet.page.url.as_str()))?;
    // Discuz! posts by script and says so in the address; without it the answer is a page of another kind.
    let query = action.query().unwrap_or_default();
    if query.contains("mod=logging") && query.contains("loginsubmit") && !query.contains("inajax=") {
        let query = format!("{query}&inajax=1");
        action.set_query(Some(&query));
    }
    let user = user_field(form)?;
    let mut fields = Vec::new();
    let mut has_button = false;
    for control in &form.controls {
        let Some(name) = dom::attr(*control, "name").filter(|name| !name.is_empty()) else { continue };
        let content = if control.id() == user.id() { Some(Content::User) } else { content(*control, &mut has_button) };
        fields.extend(content.map(|content| (name.to_owned(), content)));
    }
    Some(LoginForm { action, encoding: Encoding::Form, fields, headers: Vec::new(), token: None })
}

/// What a control sends. Hashes of the password that scripts would fill in stay empty: the engines then take the password
/// itself. A box that asks to be remembered is ticked.
fn content(control: ElementRef<'_>, has_button: &mut bool) -> Option<Content> {
    let value = dom::attr(control, "value").unwrap_or_default();
    let value = match kind(control).as_str() {
        "password" => return Some(Content::Password),
        "hidden" | "text" | "email" | "tel" | "number" | "search" => value,
        "checkbox" if dom::attr(control, "checked").is_some() || is_memory(control) => {
            if value.is_empty() {
                "on"
            } else {
                value
            }
        }
        "radio" if dom::attr(control, "checked").is_some() => value,
        "submit" if !*has_button => {
            *has_button = true;
            value
        }
        "select" => chosen(control)?,
        _ => return None,
    };
    (value.len() <= VALUE_LIMIT_BYTES).then(|| Content::Fixed(Secret::new(value.to_owned())))
}

fn is_memory(control: ElementRef<'_>) -> bool {
    let name = dom::attr(control, "name").unwrap_or_default().to_ascii_lowercase();
    ["remember", "autologin", "cookie", "persist", "keep", "stay"].iter().any(|word| name.contains(word))
}

fn chosen(select: ElementRef<'_>) -> Option<&str> {
    let options = || dom::named(select, "option");
    let option = options().find(|option| dom::attr(*option, "selected").is_some()).or_else(|| options().next())?;
    dom::attr(option, "value")
}

/// The type of a control, with what browsers take for granted.
pub(super) fn kind(control: ElementRef<'_>) -> String {
    let given = dom::attr(control, "type").unwrap_or_default().trim().to_ascii_lowercase();
    match (dom::name(control), given.as_str()) {
        ("select", _) => "select".to_owned(),
        ("button", "") => "submit".to_owned(),
        (_, "") => "text".to_owned(),
        (_, _) => given,
    }
}
