//! Try targets until one answers: one choice, one attempt, and on failure the next, under one cap
//! on attempts and one on time.

use super::Gateway;
use super::admission::{Admission, request_id};
use super::attempt::{Attempt, Spent};
use super::entrance::Entrance;
use super::errand::Errand;
use super::error::GatewayError;
use super::exchange::{Answer, Exchange, is_refusal};
use super::record::Record;
use crate::clock;
use crate::domain::{
    Ask, Attempts, Choice, Failure, Field, Luck, NoTarget, Payer, Reason, RequestOutcome,
    RoutingTable, Scarcity, Scope, Verdict, choose,
};
use crate::protocols::Upset;
use axum::body::{Body, to_bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use http_body::Body as _;
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
    entrance: Entrance,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Entrance { place, payer } = entrance;
    let mut record = Record::begin(&gateway.handle, request_id(&headers), place);
    let mut closing = gateway.closing.clone();
    let served = tokio::select! {
        biased;
        served = serve(&gateway, errand, (&headers, body), &payer, &mut record) => served,
        () = closing.told() => Err(GatewayError::closing()),
    };
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
    (headers, body): (&HeaderMap, Body),
    payer: &Payer,
    record: &mut Record,
) -> Result<Answer, GatewayError> {
    let mistaken = |record: &mut Record, error| {
        record.end(
            RequestOutcome::Error(Failure::InvalidRequest),
            Spent::NOTHING,
        );
        error
    };
    let body = read_body(body, gateway.limits.load().max_body)
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
        payer,
        attempts: Attempts::new(gateway.limits.load().max_retries),
        record,
        tried: Vec::new(),
        outgrown: Vec::new(),
        spent: Spent::NOTHING,
        started: Instant::now(),
    }
    .run()
    .await
}

/// The whole body. One that says it is too large is not read at all, so that a client that asks
/// first (`Expect: 100-continue`) does not even send it.
pub(super) async fn read_body(body: Body, limit: usize) -> Result<Bytes, GatewayError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(GatewayError::too_large(limit));
    }
    to_bytes(body, limit).await.map_err(|error| {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(inner) = cause {
            if inner.is::<http_body_util::LengthLimitError>() {
                return GatewayError::too_large(limit);
            }
            // So the listener says that it came too slowly.
            let broke = inner.downcast_ref::<std::io::Error>();
            if broke.is_some_and(|broke| broke.kind() == std::io::ErrorKind::TimedOut) {
                return GatewayError::too_slow();
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
    payer: &'g Payer,
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
            if until >= deadline && (self.admission.timeout.is_some() || self.attempts.made() > 1) {
                attempt.hurry();
            }
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
            let untried = self.others_left(&self.tried) || self.anybody_left(upset.failure);
            let next = match self.attempts.after(upset.failure, untried, left) {
                Verdict::GiveUp => None,
                _ if !affords(&table, upset.failure) => None,
                Verdict::Elsewhere => self.pick(&self.ask(&self.tried)).ok(),
                Verdict::Again(pause) => self.again(target, pause).await,
            };
            let Some(found) = next else {
                return Err(self.give_up(&upset));
            };
            (table, choice, attempt) = found;
            self.record.chose(&choice, &table);
        }
    }

    fn first(&mut self) -> Result<(Arc<RoutingTable>, Choice, Attempt), GatewayError> {
        let (table, now) = (self.gateway.handle.routing_table(), clock::now());
        table.retries.earn(table.request_rate, now);
        let found = self.pick(&self.ask(&[]));
        match found {
            Ok((table, choice, attempt)) => {
                self.record.chose(&choice, &table);
                Ok((table, choice, attempt))
            }
            Err(none) => Err(self.refuse(&none)),
        }
    }

    /// Nobody may be asked at all.
    fn refuse(&mut self, none: &NoTarget) -> GatewayError {
        let (table, now) = (self.gateway.handle.routing_table(), clock::now());
        if let Some(needed) = none.short_of_money()
            && let Some(short) = self.payer.shortfall(needed, now)
        {
            self.payer.count_turned_away(needed, now);
            self.record.refused(Scarcity::Budget);
            return GatewayError::over_budget(&short);
        }
        self.record.refused(Scarcity::Target);
        GatewayError::no_target(none, &table, now)
    }

    /// Whether somebody else may still be asked, and is not known to be unwell.
    fn others_left(&self, tried: &[usize]) -> bool {
        let table = self.gateway.handle.routing_table();
        let mut field = Field::default();
        let ask = self.ask(tried);
        let other = choose(&table, &ask, clock::now(), Luck::default(), &mut field);
        other.is_ok_and(|choice| choice.reason != Reason::Need)
    }

    /// Whether anybody else may be asked, well or not, where the failed one will fail again.
    fn anybody_left(&self, failure: Failure) -> bool {
        let table = self.gateway.handle.routing_table();
        let (ask, mut field) = (self.ask(&self.tried), Field::default());
        !failure.may_be_repeated()
            && choose(&table, &ask, clock::now(), Luck::default(), &mut field).is_ok()
    }

    /// The question for the balancer, with the time that the client leaves for a whole answer.
    fn ask<'t>(&'t self, tried: &'t [usize]) -> Ask<'t> {
        let own = self.admission.timeout.filter(|_| !self.admission.stream);
        let left = |own: Duration| own.saturating_sub(self.started.elapsed()).as_secs_f64();
        Ask {
            remaining: own.map(left),
            means: self.payer.means(clock::now()),
            ..self.admission.ask(tried, &self.outgrown)
        }
    }

    /// The same target once more after a pause, if it may still be used.
    async fn again(
        &self,
        target: usize,
        pause: Duration,
    ) -> Option<(Arc<RoutingTable>, Choice, Attempt)> {
        tokio::time::sleep(pause).await;
        // It is left alone a little longer than it asked, so that not everybody returns at once.
        let table = self.gateway.handle.routing_table();
        let blocked = table.candidates[target].blocked_until;
        let rest = blocked.map_or(Duration::ZERO, |until| until.since(clock::now()));
        if rest <= pause / 5 {
            tokio::time::sleep(rest).await;
        }
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
        let (mut races, mut field) = (0, Field::default());
        loop {
            let table = handle.routing_table();
            let (now, luck) = (clock::now(), handle.luck());
            let choice = choose(&table, ask, now, luck, &mut field);
            let begin = |choice: &Choice| {
                Attempt::begin(handle, &table, choice, self.admission.stream, self.payer)
            };
            let attempt = choice.as_ref().ok().and_then(begin);
            if attempt.is_some() || choice.is_err() {
                let chosen = choice.as_ref().ok();
                self.record
                    .considered(&table, &field, chosen, (ask, luck, now));
            }
            let choice = choice?;
            if let Some(attempt) = attempt {
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
        let limit = self.gateway.limits.load().timeout(choice.target);
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
        let more_allowed = self.attempts.made() <= self.gateway.limits.load().max_retries;
        let mut part = if others && more_allowed {
            limit.mul_f64(PART_OF_TIME)
        } else {
            limit
        };
        if self.admission.stream {
            part = part.min(
                self.gateway
                    .limits
                    .load()
                    .first_token_timeout(choice.target),
            );
        }
        (Instant::now() + part).min(self.started + limit)
    }
}

/// Whether one more attempt is left for everybody, and takes it. A request that is too much for one
/// target, or that its protocol has no words for, is no outage, and goes on at nobody's expense.
fn affords(table: &RoutingTable, failure: Failure) -> bool {
    failure.is_client_mistake() || table.retries.spend(clock::now())
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
