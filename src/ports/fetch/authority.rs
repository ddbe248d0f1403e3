//! Asks a time-stamping authority (RFC 3161 §3.4: HTTP), on the route that its network asks for.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::timeout;
use url::Url;

use super::{FetchError, Fetcher, Phase, Request, route};
use crate::domain::source::Source;

const ANSWER_TYPE: &str = "application/timestamp-reply";

impl Fetcher {
    /// Posts a request to an authority and returns its answer, unread.
    ///
    /// # Errors
    /// When no complete answer came, or one with another status than 200; asking again later may help.
    pub async fn ask_authority(
        &self,
        authority: &Url,
        (media_type, query): (&'static str, Vec<u8>),
    ) -> Result<Vec<u8>, FetchError> {
        let source =
            Source::from_url(authority.as_str()).map_err(|error| FetchError::Setup { detail: error.to_string() })?;
        let way = self.way(&source)?;
        let limit = self.shared.options.limits.answer;
        let asking = async {
            route::admit(&source, authority)?;
            let asked = way.client.post(authority.clone()).header(CONTENT_TYPE, media_type);
            let asked = asked.header(ACCEPT, ANSWER_TYPE).body(query);
            let (response, sent) = self.send(asked, (&way, &source), authority).await?;
            let status = response.status().as_u16();
            if status != 200 {
                return Err(FetchError::Http { status, retry_after: None });
            }
            let answer = self.read(&way, (authority, sent), &Request::page(authority.clone()), response).await?;
            Ok(answer.body)
        };
        timeout(limit, asking).await.unwrap_or(Err(FetchError::Timeout { phase: Phase::Answer, limit }))
    }
}
