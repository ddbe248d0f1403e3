//! Asks an `OpenID` provider, on the route that its network asks for; what it answers is returned unread.

use std::time::Duration;

use reqwest::header::ACCEPT;
use tokio::time::timeout;
use url::Url;

use super::{FetchError, Fetcher, Phase, Request, route};
use crate::domain::secret::Secret;
use crate::domain::source::Source;

/// Longest time for one answer: somebody waits to be let in.
const LIMIT: Duration = Duration::from_secs(15);

/// What a provider is asked.
#[derive(Debug, Clone, Copy)]
pub enum Ask<'a> {
    /// What everybody may know.
    Public,
    /// What it tells who has this token.
    Bearer(&'a Secret<String>),
    /// A form; with who we are, where the header says so.
    Form {
        /// The fields.
        fields: &'a [(&'a str, &'a str)],
        /// Name and secret.
        client: Option<(&'a str, &'a Secret<String>)>,
    },
}

impl Fetcher {
    /// Asks a provider once. The rules of sites hold for its addresses, too: public ones, or this machine's.
    ///
    /// # Errors
    /// When no complete answer came, or one with another status than 200.
    pub async fn ask_provider(&self, url: &Url, ask: Ask<'_>) -> Result<Vec<u8>, FetchError> {
        let source = Source::from_url(url.as_str()).map_err(|error| FetchError::Setup { detail: error.to_string() })?;
        let way = self.way(&source)?;
        let asking = async {
            route::admit(&source, url)?;
            let request = match ask {
                Ask::Public => way.client.get(url.clone()),
                Ask::Bearer(token) => way.client.get(url.clone()).bearer_auth(token.reveal()),
                Ask::Form { fields, client } => {
                    let form = way.client.post(url.clone()).form(fields);
                    match client {
                        // RFC 6749 §2.3.1: both are encoded as form fields are.
                        Some((id, secret)) => form.basic_auth(encoded(id), Some(encoded(secret.reveal()))),
                        None => form,
                    }
                }
            };
            let asked = request.header(ACCEPT, "application/json");
            let (response, sent) = self.send(asked, (&way, &source), url).await?;
            let status = response.status().as_u16();
            if status != 200 {
                return Err(FetchError::Http { status, retry_after: None });
            }
            Ok(self.read(&way, (url, sent), &Request::page(url.clone()), response).await?.body)
        };
        timeout(LIMIT, asking).await.unwrap_or(Err(FetchError::Timeout { phase: Phase::Answer, limit: LIMIT }))
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
