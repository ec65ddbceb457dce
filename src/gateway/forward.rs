//! Try targets until one answers: one choice, one attempt, and on failure the next, under one cap
//! on attempts and one on time.

use super::Gateway;
use super::admission::{Admission, request_id};
use super::attempt::{Attempt, Spent};
use super::errand::Errand;
use super::error::GatewayError;
use super::exchange::{Answer, Exchange, is_refusal};
use super::record::Record;
use crate::clock;
use crate::domain::{
    Ask, Attempts, Choice, Failure, NoTarget, RequestOutcome, RoutingTable, Scope, Verdict, choose,
};
use crate::protocols::Upset;
use axum::body::{Body, to_bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// While other targets are untried one attempt gets at most this part of the time.
const PART_OF_TIME: f64 = 0.6;
/// A request that states its tokens gets at least that many times what these should take.
const PATIENCE: f64 = 1.5;
/// Choices that may be lost to somebody quicker before we give up.
const RACES: u32 = 8;

/// Serves one request.
pub(super) async fn run(
    gateway: Gateway,
    errand: Errand,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut record = Record::begin(&gateway.handle, request_id(&headers));
    let served = serve(&gateway, errand, &headers, body, &mut record).await;
    match served {
        Ok(Answer::Whole {
            headers,
            body,
            spent,
        }) => {
            record.end(RequestOutcome::Ok, spent);
            let mut response = Response::new(Body::from(body));
            *response.headers_mut() = headers;
            record.mark(response.headers_mut());
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Ok(Answer::Stream { headers, relay }) => {
            let mut response = Response::new(Body::empty());
            *response.headers_mut() = headers;
            record.mark(response.headers_mut());
            stream_headers(response.headers_mut());
            *response.body_mut() = Body::from_stream(relay.into_body(record));
            response
        }
        Err(error) => {
            let mut response = error.respond(errand.dialect());
            record.mark(response.headers_mut());
            response
        }
    }
}

async fn serve(
    gateway: &Gateway,
    errand: Errand,
    headers: &HeaderMap,
    body: Body,
    record: &mut Record,
) -> Result<Answer, GatewayError> {
    let mistaken = |record: &mut Record, error| {
        record.end(
            RequestOutcome::Error(Failure::InvalidRequest),
            Spent::NOTHING,
        );
        error
    };
    let body = read_body(body, gateway.limits.max_body)
        .await
        .map_err(|error| mistaken(record, error))?;
    let catalogue = Arc::clone(&gateway.handle.routing_table().catalogue);
    let admission = Admission::read(errand, headers, &body, &catalogue)
        .map_err(|error| mistaken(record, error))?;
    let id = record.decision().to_string();
    Journey {
        gateway,
        admission: &admission,
        headers,
        id: &id,
        attempts: Attempts::new(gateway.limits.max_retries),
        record,
        tried: Vec::new(),
        outgrown: Vec::new(),
        spent: Spent::NOTHING,
        started: Instant::now(),
    }
    .run()
    .await
}

pub(super) async fn read_body(body: Body, limit: usize) -> Result<Bytes, GatewayError> {
    to_bytes(body, limit).await.map_err(|error| {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(inner) = cause {
            if inner.is::<http_body_util::LengthLimitError>() {
                return GatewayError::too_large(limit);
            }
            cause = inner.source();
        }
        GatewayError::invalid(None, "the request's body broke off")
    })
}

/// One request on its way through the targets.
struct Journey<'g> {
    gateway: &'g Gateway,
    admission: &'g Admission<'g>,
    headers: &'g HeaderMap,
    id: &'g str,
    record: &'g mut Record,
    attempts: Attempts,
    tried: Vec<usize>,
    /// Those of them for which the prompt was too long: whoever holds no more is not asked.
    outgrown: Vec<usize>,
    /// What the failed attempts used up.
    spent: Spent,
    started: Instant,
}

impl Journey<'_> {
    async fn run(mut self) -> Result<Answer, GatewayError> {
        let (mut table, mut choice, mut attempt) = self.first()?;
        let limit = self.time_limit(&table, &choice);
        let deadline = self.started + limit;
        loop {
            self.attempts.begin();
            self.record.attempts = self.attempts.made();
            let target = choice.target;
            let until = self.attempt_deadline(&choice, limit);
            let exchange = Exchange {
                gateway: self.gateway,
                admission: self.admission,
                headers: self.headers,
                id: self.id,
                started: self.started,
            };
            let upset = match exchange.try_once(&table, attempt, until).await {
                Ok(answer) => return Ok(answer),
                Err(upset) => upset,
            };
            if !self.tried.contains(&target) {
                self.tried.push(target);
            }
            if !is_refusal(&upset) {
                self.spent = Spent::default();
            }
            if upset.failure == Failure::ContextLength {
                self.outgrown.push(target);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let next = match self
                .attempts
                .after(upset.failure, self.others_left(&self.tried), left)
            {
                Verdict::Elsewhere => self.pick(&self.ask(&self.tried)).ok(),
                Verdict::Again(pause) => {
                    tokio::time::sleep(pause).await;
                    self.again(target)
                }
                Verdict::GiveUp => None,
            };
            let Some(found) = next else {
                return Err(self.give_up(&upset));
            };
            (table, choice, attempt) = found;
            self.record.chose(&choice, &table);
        }
    }

    fn first(&mut self) -> Result<(Arc<RoutingTable>, Choice, Attempt), GatewayError> {
        let found = self.pick(&self.ask(&[]));
        match found {
            Ok((table, choice, attempt)) => {
                self.record.chose(&choice, &table);
                Ok((table, choice, attempt))
            }
            Err(none) => {
                self.record.end(RequestOutcome::Refused, Spent::NOTHING);
                let table = self.gateway.handle.routing_table();
                Err(GatewayError::no_target(&none, &table, clock::now()))
            }
        }
    }

    fn ask<'b>(&'b self, tried: &'b [usize]) -> Ask<'b> {
        self.admission.ask(tried, &self.outgrown)
    }

    /// Whether somebody else may still be asked.
    fn others_left(&self, tried: &[usize]) -> bool {
        let table = self.gateway.handle.routing_table();
        choose(&table, &self.ask(tried), clock::now(), 0.0).is_ok()
    }

    /// The same target once more, if it may still be used.
    fn again(&self, target: usize) -> Option<(Arc<RoutingTable>, Choice, Attempt)> {
        let ask = Ask {
            scope: Scope::Only(&[target]),
            ..self.ask(&[])
        };
        self.pick(&ask).ok()
    }

    /// Chooses and takes the place. Between the two somebody else may be quicker; then the next
    /// choice sees it.
    fn pick(&self, ask: &Ask<'_>) -> Result<(Arc<RoutingTable>, Choice, Attempt), NoTarget> {
        let handle = &self.gateway.handle;
        let mut races = 0;
        loop {
            let table = handle.routing_table();
            let choice = choose(&table, ask, clock::now(), handle.draw())?;
            if let Some(attempt) = Attempt::begin(handle, &table, &choice, self.admission.stream) {
                return Ok((table, choice, attempt));
            }
            races += 1;
            if races >= RACES {
                let retry_after = Some(Duration::from_secs(1));
                return Err(NoTarget {
                    rejected: Vec::new(),
                    retry_after,
                });
            }
        }
    }

    fn give_up(&mut self, upset: &Upset) -> GatewayError {
        self.record
            .end(RequestOutcome::Error(upset.failure), self.spent);
        let setting = if self.admission.stream && self.admission.timeout.is_none() {
            "[balancing] first_token_timeout_ms or timeout_ms"
        } else {
            "[balancing] timeout_ms or the header x-aibal-timeout-ms"
        };
        GatewayError::upstream(upset, self.record.provider(), setting)
    }

    /// Time for the whole request, or until a stream's first content; all attempts together.
    fn time_limit(&self, table: &RoutingTable, choice: &Choice) -> Duration {
        if let Some(own) = self.admission.timeout {
            return own;
        }
        let limit = self.gateway.limits.timeout(choice.target);
        match self.admission.max_tokens {
            Some(tokens) if !self.admission.stream => {
                let expected = table.candidates[choice.target]
                    .estimate
                    .latency(tokens as f64);
                limit.max(Duration::try_from_secs_f64(expected * PATIENCE).unwrap_or(limit))
            }
            _ => limit,
        }
    }

    fn attempt_deadline(&self, choice: &Choice, limit: Duration) -> Instant {
        let mut tried = self.tried.clone();
        tried.push(choice.target);
        let others = self.others_left(&tried);
        let more_allowed = self.attempts.made() <= self.gateway.limits.max_retries;
        let mut part = if others && more_allowed {
            limit.mul_f64(PART_OF_TIME)
        } else {
            limit
        };
        if self.admission.stream {
            part = part.min(self.gateway.limits.first_token_timeout(choice.target));
        }
        (Instant::now() + part).min(self.started + limit)
    }
}

fn stream_headers(headers: &mut HeaderMap) {
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
}
