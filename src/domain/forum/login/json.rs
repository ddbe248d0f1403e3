//! Engines whose login is no plain form: NodeBB, Flarum and Discourse want a token in a header, two of them JSON.

use serde_json::Value;
use url::Url;

use super::{Content, Encoding, LoginForm, Token, signs};
use crate::domain::forum::sheet::Sheet;
use crate::domain::secret::Secret;

const ANSWER_LIMIT_BYTES: usize = 1 << 20;

/// The way in of engines that draw their form by script.
pub(super) fn way(sheet: &Sheet<'_>, site: &Url) -> Option<LoginForm> {
    let fixed = |text: &str| Content::Fixed(Secret::new(text.to_owned()));
    if sheet.survey.generator.starts_with("Discourse") {
        return Some(LoginForm {
            action: site.join("session").ok()?,
            encoding: Encoding::Form,
            fields: vec![
                ("login".to_owned(), Content::User),
                ("password".to_owned(), Content::Password),
                ("second_factor_method".to_owned(), fixed("1")),
            ],
            headers: vec![("x-requested-with".to_owned(), Secret::new("XMLHttpRequest".to_owned()))],
            token: Some(Token { url: site.join("session/csrf.json").ok()?, key: "csrf", header: "x-csrf-token" }),
        });
    }
    let script = signs::scripts(sheet).find(|script| script.contains("csrfToken") && script.contains("userId"))?;
    let token = quoted_after(script, "\"csrfToken\":")?;
    Some(LoginForm {
        action: site.join("login").ok()?,
        encoding: Encoding::Json,
        fields: vec![
            ("identification".to_owned(), Content::User),
            ("password".to_owned(), Content::Password),
            ("remember".to_owned(), fixed("true")),
        ],
        headers: vec![("x-csrf-token".to_owned(), Secret::new(token))],
        token: None,
    })
}

/// Adds to NodeBB's form the token that its script would send.
pub(super) fn with_token(sheet: &Sheet<'_>, site: &Url, mut form: LoginForm) -> LoginForm {
    let is_nodebb = sheet.survey.generator.starts_with("NodeBB") || sheet.by_id("login-form").is_some();
    let token = signs::scripts(sheet).find_map(|script| quoted_after(script, "\"csrf_token\":"));
    match (token, is_nodebb) {
        (Some(token), _) => {
            form.headers.push(("x-csrf-token".to_owned(), Secret::new(token)));
            form.headers.push(("x-requested-with".to_owned(), Secret::new("XMLHttpRequest".to_owned())));
        }
        (None, true) => {
            let url = site.join("api/config").ok();
            form.token = url.map(|url| Token { url, key: "csrf_token", header: "x-csrf-token" });
        }
        (None, false) => {}
    }
    form
}

/// Reads the JSON string that follows a mark in a script.
fn quoted_after(script: &str, mark: &str) -> Option<String> {
    let (_, rest) = script.split_once(mark)?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    values.next()?.ok()?.as_str().map(str::to_owned)
}

/// Reads a text of a JSON object.
pub(super) fn member(body: &[u8], key: &str) -> Option<String> {
    let body = body.get(..body.len().min(ANSWER_LIMIT_BYTES))?;
    let object: Value = serde_json::from_slice(body).ok()?;
    object.get(key)?.as_str().map(str::to_owned)
}

/// Writes pairs as one object; `true` is written as what it says.
pub(super) fn object<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let value = |text: &str| if text == "true" { Value::Bool(true) } else { Value::String(text.to_owned()) };
    let object: serde_json::Map<String, Value> = pairs.map(|(name, text)| (name.to_owned(), value(text))).collect();
    Value::Object(object).to_string()
}
