//! Try targets until one answers: one choice, one attempt, and on failure the next, under one cap
//! on attempts and one on time.

use super::Gateway;
use super::admission::{Admission, request_id};
use super::attempt::{Attempt, Setback, Spent};
use super::errand::Errand;
use super::error::GatewayError;
use super::exchange::{Answer, Exchange};
use super::record::Record;
use super::recovery::{self, Head, Recovery, Served};
use crate::clock;
use crate::domain::{
    Ask, Attempts, Choice, Failure, Field, Luck, NoTarget, Reason, RequestOutcome, RoutingTable,
    Scope, Verdict, choose,
};
use crate::protocols::Dialect;
use axum::body::{Body, to_bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

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
    if let Recovery::Error = gateway.limits.recovery {
        let served = serve(&gateway, errand, (&headers, body), &mut record, None).await;
        return finish((served, record), errand.dialect());
    }
    let (head, heads) = watch::channel(None);
    let work = async move {
        let served = serve(&gateway, errand, (&headers, body), &mut record, Some(head)).await;
        (served, record)
    };
    let dialect = errand.dialect();
    recovery::respond(Box::pin(work), heads, dialect, |served| {
        finish(served, dialect)
    })
    .await
}

fn finish((served, mut record): Served, dialect: Dialect) -> Response {
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
            let mut response = error.respond(dialect);
            record.mark(response.headers_mut());
            response
        }
    }
}

async fn serve(
    gateway: &Gateway,
    errand: Errand,
    (headers, body): (&HeaderMap, Body),
    record: &mut Record,
    head: Option<Head>,
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
    let (id, now) = (record.decision().to_string(), Instant::now());
    Journey {
        gateway,
        admission: &admission,
        headers,
        id: &id,
        attempts: Attempts::new(gateway.limits.max_retries),
        record,
        tried: Vec::new(),
        repeatable: None,
        outgrown: Vec::new(),
        spent: Spent::NOTHING,
        head: head.filter(|_| admission.stream),
        started: now,
        since: now,
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
pub(super) struct Journey<'g> {
    pub gateway: &'g Gateway,
    pub admission: &'g Admission<'g>,
    headers: &'g HeaderMap,
    id: &'g str,
    record: &'g mut Record,
    pub attempts: Attempts,
    pub tried: Vec<usize>,
    /// The last of them that may do better when it is asked again, and how it failed.
    repeatable: Option<(usize, Failure)>,
    /// Those of them for which the prompt was too long: whoever holds no more is not asked.
    outgrown: Vec<usize>,
    /// What the attempts that failed before their first content used up.
    spent: Spent,
    /// For a client that must wait for a held stream.
    head: Option<Head>,
    pub started: Instant,
    /// When the client's waiting for a first content began: again where an answer broke that was
    /// held back.
    pub since: Instant,
}

impl Journey<'_> {
    async fn run(mut self) -> Result<Answer, GatewayError> {
        let (mut table, mut choice, mut attempt) = self.first()?;
        let limit = self.time_limit(&table, &choice);
        let mut deadline = self.deadline(limit);
        loop {
            self.attempts.begin();
            self.record.attempts = self.attempts.made();
            self.tell_head();
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
            let setback = match exchange.try_once(&table, attempt, until).await {
                Ok(answer) => return Ok(answer),
                Err(setback) => setback,
            };
            if !self.tried.contains(&target) {
                self.tried.push(target);
            }
            if setback.had_content {
                self.record.lost(setback.spent);
                self.since = Instant::now();
                deadline = self.deadline(limit);
            } else {
                self.spent = self.spent.plus(setback.spent);
            }
            let upset = &setback.upset;
            if upset.failure == Failure::ContextLength {
                self.outgrown.push(target);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let (verdict, target, failure) = self.verdict(target, upset.failure, left);
            let next = match verdict {
                Verdict::GiveUp => None,
                _ if !affords(&table, failure) => None,
                Verdict::Elsewhere => self.pick(&self.ask(&self.tried)).ok(),
                Verdict::Again(pause) => self.again(target, pause).await,
            };
            let Some(found) = next else {
                return Err(self.give_up(&setback));
            };
            (table, choice, attempt) = found;
            self.record.chose(&choice, &table);
        }
    }

    /// What to do after a failure, at which target, and because of which failure. Where the last one
    /// can only fail again, one before it may yet do better.
    fn verdict(
        &mut self,
        target: usize,
        failure: Failure,
        left: Duration,
    ) -> (Verdict, usize, Failure) {
        let untried = self.others_left(&self.tried) || self.anybody_left(failure);
        let verdict = self.attempts.after(failure, untried, left);
        if failure.may_be_repeated() {
            self.repeatable = Some((target, failure));
        } else if let (Verdict::GiveUp, true, Some((earlier, failure))) =
            (verdict, failure.may_go_elsewhere(), self.repeatable)
        {
            return (self.attempts.after(failure, false, left), earlier, failure);
        }
        (verdict, target, failure)
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
            Err(none) => {
                self.record.end(RequestOutcome::Refused, Spent::NOTHING);
                let table = self.gateway.handle.routing_table();
                Err(GatewayError::no_target(&none, &table, clock::now()))
            }
        }
    }

    /// What a client is told that must wait for a held stream: who was asked first, and how often
    /// somebody was asked so far.
    fn tell_head(&self) {
        let Some(head) = &self.head else { return };
        head.send_modify(|head| {
            if let Some(head) = head {
                return self.record.mark_attempts(head);
            }
            let mut first = HeaderMap::new();
            self.record.mark(&mut first);
            stream_headers(&mut first);
            *head = Some(first);
        });
    }

    /// Whether somebody else may still be asked, and is not known to be unwell.
    pub fn others_left(&self, tried: &[usize]) -> bool {
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
            let attempt = choice.as_ref().ok().and_then(|choice| {
                let attempt = Attempt::begin(handle, &table, choice, self.admission.stream)?;
                Some(attempt.patient(self.patience(&table, choice)))
            });
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

    fn give_up(&mut self, setback: &Setback) -> GatewayError {
        let upset = &setback.upset;
        self.record
            .end(RequestOutcome::Error(upset.failure), self.spent);
        let setting = if setback.had_content {
            "[balancing] idle_timeout_ms or stream_timeout_ms"
        } else if self.admission.stream && self.admission.timeout.is_none() {
            "[balancing] first_token_timeout_ms or timeout_ms"
        } else {
            "[balancing] timeout_ms or the header x-aibal-timeout-ms"
        };
        GatewayError::upstream(upset, self.record.provider(), setting)
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
