//! Finds the login form of a page by its structure: one password field, with a field for a name before it.

use scraper::ElementRef;

use super::{Content, Encoding, LoginForm};
use crate::domain::forum::dom;
use crate::domain::forum::sheet::Sheet;
use crate::domain::secret::Secret;

const CONTROLS_LIMIT: usize = 200;
const FORMS_LIMIT: usize = 50;
const VALUE_LIMIT_BYTES: usize = 4_096;

/// A form and what belongs to it, in page order.
pub(super) struct RawForm<'a> {
    pub(super) element: ElementRef<'a>,
    pub(super) controls: Vec<ElementRef<'a>>,
}

/// Returns the first login form of a page that stays on the site.
pub(super) fn best(sheet: &Sheet<'_>) -> Option<LoginForm> {
    all(sheet).iter().find_map(|form| read(sheet, form))
}

/// Collects the forms of a page.
///
/// Old themes open a form inside a table, where the parser leaves it empty: its fields are those that follow.
pub(super) fn all<'a>(sheet: &Sheet<'a>) -> Vec<RawForm<'a>> {
    let mut forms: Vec<RawForm<'a>> = Vec::new();
    for element in dom::elements(sheet.dom.root_element()) {
        match dom::name(element) {
            "form" if forms.len() < FORMS_LIMIT => forms.push(RawForm { element, controls: Vec::new() }),
            "input" | "select" | "button" => {
                if let Some(owner) = owner(&mut forms, element)
                    && owner.controls.len() < CONTROLS_LIMIT
                {
                    owner.controls.push(element);
                }
            }
            _ => {}
        }
    }
    forms
}

fn owner<'f, 'a>(forms: &'f mut [RawForm<'a>], control: ElementRef<'a>) -> Option<&'f mut RawForm<'a>> {
    if let Some(named) = dom::attr(control, "form") {
        return forms.iter_mut().find(|form| dom::id(form.element) == named);
    }
    if let Some(around) = dom::ancestors(control).find(|around| dom::name(*around) == "form") {
        return forms.iter_mut().rev().find(|form| form.element.id() == around.id());
    }
    forms.last_mut().filter(|form| dom::children(form.element).next().is_none())
}

/// Tells whether a form is one to log in with: exactly one password, and a name before it.
pub(super) fn is_login(form: &RawForm<'_>) -> bool {
    let passwords = form.controls.iter().filter(|control| kind(**control) == "password").count();
    passwords == 1 && user_field(form).is_some()
}

fn user_field<'a>(form: &RawForm<'a>) -> Option<ElementRef<'a>> {
    let before = form.controls.iter().take_while(|control| kind(**control) != "password");
    before.filter(|control| matches!(kind(**control).as_str(), "text" | "email" | "tel")).last().copied()
}

fn read(sheet: &Sheet<'_>, form: &RawForm<'_>) -> Option<LoginForm> {
    if !is_login(form) {
        return None;
    }
    let action = dom::attr(form.element, "action").map(str::trim).filter(|action| !action.is_empty());
    let mut action = match action {
        Some(action) => sheet.resolve(action)?,
        None => sheet.page.url.clone(),
    };
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
