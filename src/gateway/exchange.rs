//! One exchange with an upstream: a request out, and its answer up to where it may be passed on.

use super::Gateway;
use super::admission::Admission;
use super::attempt::{Attempt, Spent};
use super::relay::{Pace, Relay};
use crate::clock;
use crate::domain::{Failure, Outcome, RoutingTable};
use crate::protocols::{Endpoint, Upset, rate_limits, transport_failure};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

/// A whole answer larger than this is not one.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// As much of an error's body is read.
const LARGEST_ERROR: usize = 64 * 1024;

/// What an upstream gave us for the client.
pub(super) enum Answer {
    /// The attempt is over.
    Whole {
        headers: HeaderMap,
        body: Bytes,
        spent: Spent,
    },
    /// The attempt lives on in the relay.
    Stream {
        headers: HeaderMap,
        relay: Box<Relay>,
    },
}

/// What every exchange of one request has in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange<'g> {
    pub gateway: &'g Gateway,
    pub admission: &'g Admission<'g>,
    /// When the client's request began.
    pub started: Instant,
}

impl Exchange<'_> {
    /// Tries once; whatever happens, the attempt has been reported or lives in the answer.
    pub async fn try_once(
        &self,
        table: &RoutingTable,
        mut attempt: Attempt,
        until: Instant,
    ) -> Result<Answer, Upset> {
        let id = &table.candidates[attempt.target].id;
        let provider = table.candidates[attempt.target].provider;
        let Some(endpoint) = self.gateway.directory.endpoint(provider) else {
            let upset = Upset::silent(Failure::Disconnected, "the provider has no endpoint");
            return Err(failed(attempt, upset));
        };
        let (name, model) = (&id.provider, &id.model);
        let stream = self.admission.stream;
        let outgoing = endpoint
            .protocol
            .chat(endpoint, model, &self.admission.object, stream);
        let answer = match timeout_at(until, self.gateway.transport.send(provider, outgoing)).await
        {
            Err(_) => {
                return Err(failed(
                    attempt,
                    Upset::silent(Failure::Timeout, "no answer in time"),
                ));
            }
            Ok(Err(failure)) => {
                let message = match failure {
                    Failure::Timeout => "no answer in time",
                    _ => "no connection, or it broke off",
                };
                return Err(failed(attempt, Upset::silent(failure, message)));
            }
            Ok(Ok(answer)) => answer,
        };
        attempt.heard(rate_limits(answer.headers(), clock::now()));
        if !answer.status().is_success() {
            return Err(failed(attempt, refusal(endpoint, answer, until).await));
        }
        if stream && is_event_stream(&answer) {
            return self.stream(endpoint, name, answer, attempt, until).await;
        }
        self.whole(endpoint, answer, attempt, until).await
    }

    async fn stream(
        &self,
        endpoint: &Endpoint,
        name: &str,
        answer: reqwest::Response,
        attempt: Attempt,
        until: Instant,
    ) -> Result<Answer, Upset> {
        let headers = kept_headers(answer.headers());
        let limits = &self.gateway.limits;
        let pace = Pace {
            idle: limits.idle_timeout,
            until: self.started + limits.stream_timeout,
        };
        let meter = endpoint.protocol.stream_meter();
        let relay = Relay::new(
            answer,
            meter,
            !self.admission.wants_usage,
            pace,
            name,
            attempt,
        );
        match relay.until_content(until).await {
            Ok(relay) => Ok(Answer::Stream {
                headers,
                relay: Box::new(relay),
            }),
            Err((upset, attempt)) => Err(match attempt {
                Some(attempt) => failed(attempt, upset),
                None => upset,
            }),
        }
    }

    async fn whole(
        &self,
        endpoint: &Endpoint,
        answer: reqwest::Response,
        attempt: Attempt,
        until: Instant,
    ) -> Result<Answer, Upset> {
        let headers = kept_headers(answer.headers());
        let body = match timeout_at(until, collect(answer, LARGEST_ANSWER)).await {
            Err(_) => {
                return Err(failed(
                    attempt,
                    Upset::silent(Failure::Timeout, "no whole answer in time"),
                ));
            }
            Ok(Err(upset)) => return Err(failed(attempt, upset)),
            Ok(Ok(body)) => body,
        };
        if self.admission.stream || !body.trim_ascii_start().starts_with(b"{") {
            let upset = Upset::silent(
                Failure::Server,
                "the provider's answer is in no form that was asked for",
            );
            return Err(failed(attempt, upset));
        }
        let spent = attempt.finish(Outcome::Success, endpoint.protocol.usage(&body));
        Ok(Answer::Whole {
            headers,
            body,
            spent,
        })
    }
}

/// Reports an attempt as failed, and hands its upset on.
fn failed(attempt: Attempt, upset: Upset) -> Upset {
    attempt.finish(Outcome::Failed(upset.failure), None);
    upset
}

async fn refusal(endpoint: &Endpoint, answer: reqwest::Response, until: Instant) -> Upset {
    let (status, headers) = (answer.status(), answer.headers().clone());
    // A body that does not come does not change the verdict of the status.
    let body = timeout_at(until, collect(answer, LARGEST_ERROR)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    endpoint.protocol.upset(status, &headers, &body)
}

/// The whole body, up to so many bytes.
async fn collect(mut answer: reqwest::Response, most: usize) -> Result<Bytes, Upset> {
    let mut body = BytesMut::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > most => {
                return Err(Upset::silent(
                    Failure::Server,
                    "the provider's answer is too large",
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) => {
                let failure = transport_failure(&error);
                return Err(Upset::silent(failure, "the provider's answer broke off"));
            }
        }
    }
}

fn is_event_stream(answer: &reqwest::Response) -> bool {
    let kind = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// What of the upstream's headers is the client's business: how much it may still ask for.
fn kept_headers(from: &HeaderMap) -> HeaderMap {
    let limits = from
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ratelimit-"));
    limits
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
