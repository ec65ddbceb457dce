//! ONE VENDOR'S DOOR: what comes in is read by its wire, decided by its behaviour, and told.

use super::behaviour::{Behaviour, Course, Decision, Door};
use super::flow::{PIECE_EVERY, Tale};
use super::luck::Draw;
use super::wire::{Answer, Ask, Refusal, Route, Wire};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// The largest request that is read: pictures come inline.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What a vendor that is down needs for its 503, in real time.
const REFUSAL_DELAY: Duration = Duration::from_millis(5);

/// One vendor behind its address. Clones share it.
#[derive(Debug, Clone)]
pub struct Vendor {
    behaviour: Arc<Behaviour>,
    wire: &'static dyn Wire,
    /// Unix seconds of the start; the vendor's clock goes on from there.
    born: u64,
}

impl Vendor {
    /// A vendor that behaves like this.
    pub fn new(behaviour: Arc<Behaviour>) -> Self {
        let born = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self {
            wire: behaviour.profile.wire,
            behaviour,
            born,
        }
    }

    /// Everything the vendor answers.
    pub fn router(self) -> Router {
        Router::new().fallback(serve).with_state(self)
    }

    async fn answer(&self, request: Request) -> Result<Response, Refusal> {
        let profile = self.behaviour.profile;
        match self.behaviour.door() {
            Door::Open => {}
            Door::Silent => std::future::pending().await,
            // A reset that was switched on after the connection's own check.
            Door::Closed | Door::Reset => {
                sleep(REFUSAL_DELAY).await;
                return Err(Refusal::Unavailable);
            }
        }
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let Some(route) = self.wire.route(&method, &path) else {
            return Err(Refusal::NoRoute { method, path });
        };
        if let Some(key) = profile.api_key
            && !self.wire.bears_key(request.headers(), key)
        {
            return Err(Refusal::Key);
        }

        match route {
            Route::Models => {
                let models = self.wire.models(profile.name, profile.model, self.born);
                Ok(json_response(StatusCode::OK, Body::from(models)))
            }
            Route::Chat => self.chat(&path, request.into_body()).await,
        }
    }

    async fn chat(&self, path: &str, body: Body) -> Result<Response, Refusal> {
        let arrived = Instant::now();
        let body = to_bytes(body, BODY_BYTES_MAX)
            .await
            .map_err(|_too_large_or_cut| Refusal::Malformed {
                message: format!("The body is broken or above {BODY_BYTES_MAX} bytes."),
                param: None,
            })?;
        let ask = self.wire.read(path, &body)?;
        drop(body);
        if ask.model != self.behaviour.profile.model {
            return Err(Refusal::UnknownModel(ask.model));
        }

        let decision = self.behaviour.decide(&ask);
        let allowance = decision.allowance;
        let mut response = match self.follow(&ask, decision, arrived).await {
            Ok(response) => response,
            Err(refusal) => self.refuse(&refusal),
        };
        if let Some(allowance) = allowance {
            self.wire.write_allowance(allowance, response.headers_mut());
        }
        Ok(response)
    }

    async fn follow(
        &self,
        ask: &Ask,
        decision: Decision,
        arrived: Instant,
    ) -> Result<Response, Refusal> {
        let luck = decision.luck;
        let telling = match decision.course {
            Course::Tell(telling) => telling,
            Course::Refuse { refusal, after } => {
                sleep(after).await;
                return Err(refusal);
            }
        };
        let slot = self.behaviour.slot().await?;
        // The work begins with the slot, not with the place in line before it.
        let begun = if slot.is_some() {
            Instant::now()
        } else {
            arrived
        };
        let first_token_at = begun + telling.first_token;
        let tale = Tale {
            wire: self.wire,
            answer: Answer {
                identity: luck.identity(),
                offset: luck.choice(Draw::Words, 1 << 20),
                model: self.behaviour.profile.model,
                created: self.born + self.behaviour.age().as_secs(),
                prompt_tokens: ask.prompt_tokens,
                tokens: telling.tokens,
                is_cut_short: telling.is_cut_short,
                wants_usage: ask.wants_usage,
            },
            tokens_per_piece: tokens_per_piece(self.behaviour.profile.per_token),
            telling,
            first_token_at,
            _slot: slot,
        };
        Ok(self.tell(tale, ask.is_stream).await)
    }

    /// Headers go out with the first token of a stream, and with the last one otherwise.
    async fn tell(&self, tale: Tale, is_stream: bool) -> Response {
        tokio::time::sleep_until(tale.first_token_at).await;
        if is_stream {
            let kind = HeaderValue::from_static(self.wire.stream_type());
            let mut response = respond(StatusCode::OK, kind, Body::from_stream(tale.in_pieces()));
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            return response;
        }
        if let Some(rupture) = tale.telling.rupture {
            return json_response(StatusCode::OK, Body::from_stream(tale.in_half(rupture)));
        }
        json_response(StatusCode::OK, Body::from(tale.finished().await))
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let (status, body) = self.wire.refusal(refusal);
        let mut response = json_response(status, Body::from(body));
        if let Refusal::RateLimited { retry_after } = refusal {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, (*retry_after).into());
        }
        response
    }
}

async fn serve(State(vendor): State<Vendor>, request: Request) -> Response {
    match vendor.answer(request).await {
        Ok(response) => response,
        Err(refusal) => vendor.refuse(&refusal),
    }
}

/// As many as a vendor of this speed makes between two pieces; at least one.
fn tokens_per_piece(per_token: Duration) -> u32 {
    let count = PIECE_EVERY.as_micros() / per_token.as_micros().max(1);
    u32::try_from(count).unwrap_or(1).max(1)
}

fn json_response(status: StatusCode, body: Body) -> Response {
    respond(status, HeaderValue::from_static("application/json"), body)
}

fn respond(status: StatusCode, kind: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
#[path = "vendor_tests.rs"]
mod tests;
