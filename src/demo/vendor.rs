//! ONE VENDOR'S DOOR: what comes in is read by its wire, decided by its behaviour, and told.

use super::answer::SimulatedResponse;
use super::model_list::ModelList;
use super::simulated_request::{ResponseKind, SimulatedRequest};
use super::stream::{PIECE_EVERY, StreamedResponse};
use super::vendor_behaviour::{Behaviour, Decision, ListenState, PlannedResponse};
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use super::wire::{ResponseMeta, Wire};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, Uri, header};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// The largest request that is read: pictures come inline.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
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
    /// A vendor that behaves like this, and speaks like that.
    pub fn new(wire: &'static dyn Wire, behaviour: Arc<Behaviour>) -> Self {
        let born = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self {
            behaviour,
            wire,
            born,
        }
    }

    /// Everything the vendor answers.
    pub fn router(self) -> Router {
        Router::new().fallback(serve).with_state(self)
    }

    async fn answer(&self, request: Request) -> Result<Response, VendorError> {
        match self.behaviour.door() {
            ListenState::Open => {}
            ListenState::Silent => std::future::pending().await,
            // A reset that was switched on after the connection's own check.
            ListenState::Closed | ListenState::Reset => {
                sleep(REFUSAL_DELAY).await;
                return Err(VendorError::Unavailable);
            }
        }
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let Some(route) = self.wire.route(&head.method, path) else {
            return Err(VendorError::NoRoute {
                path: path.to_owned(),
                method: head.method,
            });
        };
        self.wire.admit(&head, self.behaviour.profile.api_key)?;

        if route == VendorRoute::Listing {
            let listing = self.wire.listing(path, &self.roster())?;
            return Ok(json_response(Body::from(listing.to_string())));
        }
        self.work(route, &head.uri, body).await
    }

    async fn work(
        &self,
        route: VendorRoute,
        uri: &Uri,
        body: Body,
    ) -> Result<Response, VendorError> {
        let arrived = Instant::now();
        let body = to_bytes(body, MAX_BODY_BYTES)
            .await
            .map_err(|_too_large_or_cut| {
                let message = format!("The body is broken or above {MAX_BODY_BYTES} bytes.");
                VendorError::malformed(message, None)
            })?;
        let ask = self.wire.read(route, uri, &body)?;
        drop(body);
        let model = self.model(&ask)?;

        let decision = self.behaviour.decide(&ask);
        let receipt = ResponseMeta {
            identity: decision.luck.identity(),
            allowance: decision.allowance,
            now: self.now(),
        };
        let told = self.follow(route, model, &ask, decision, arrived).await;
        let mut response = told.unwrap_or_else(|refusal| self.refuse(&refusal));
        self.wire.write_receipt(&receipt, response.headers_mut());
        Ok(response)
    }

    /// The model that is asked for, if it can do what is wanted of it.
    fn model(&self, ask: &SimulatedRequest) -> Result<&'static str, VendorError> {
        let profile = self.behaviour.profile;
        let unknown = || VendorError::UnknownModel(ask.model.clone());
        let ResponseKind::Vectors(texts) = &ask.want else {
            let is_known = ask.model == profile.model;
            return is_known.then_some(profile.model).ok_or_else(unknown);
        };
        let embedder = profile
            .embedder
            .filter(|embedder| embedder.model == ask.model)
            .ok_or_else(unknown)?;
        if texts
            .dimensions
            .is_some_and(|wanted| embedder.dimensions < wanted)
        {
            let most = embedder.dimensions;
            let message =
                format!("The model has {most} dimensions; fewer or as many are expected.");
            return Err(VendorError::malformed(message, Some("dimensions")));
        }
        Ok(embedder.model)
    }

    fn roster(&self) -> ModelList {
        let profile = self.behaviour.profile;
        ModelList {
            owner: profile.name,
            model: profile.model,
            embedder: profile.embedder.as_ref(),
            created: self.born,
        }
    }

    /// Unix seconds.
    fn now(&self) -> u64 {
        self.born + self.behaviour.age().as_secs()
    }

    async fn follow(
        &self,
        route: VendorRoute,
        model: &'static str,
        ask: &SimulatedRequest,
        decision: Decision,
        arrived: Instant,
    ) -> Result<Response, VendorError> {
        let luck = decision.luck;
        let telling = match decision.course {
            PlannedResponse::Tell(telling) => telling,
            PlannedResponse::Refuse { refusal, after } => {
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
        let tale = StreamedResponse {
            wire: self.wire,
            answer: SimulatedResponse {
                route,
                identity: luck.identity(),
                model,
                created: self.now(),
                prompt_tokens: ask.prompt_tokens,
                is_cut_short: telling.is_cut_short,
                wants_usage: ask.wants_usage,
                thinking: ask.thinking,
                reading: telling.first_token,
                speaking: telling.per_token * telling.content.tokens(),
                content: telling.content,
            },
            rupture: telling.rupture,
            per_token: telling.per_token,
            tokens_per_piece: tokens_per_piece(self.behaviour.profile.per_token),
            first_token_at: begun + telling.first_token,
            _slot: slot,
        };
        Ok(self.tell(tale, ask.is_stream).await)
    }

    /// Headers go out with the first token of a stream, and with the last one otherwise.
    async fn tell(&self, tale: StreamedResponse, is_stream: bool) -> Response {
        tokio::time::sleep_until(tale.first_token_at).await;
        if is_stream {
            let kind = HeaderValue::from_static(self.wire.stream_type());
            let mut response = respond(kind, Body::from_stream(tale.in_pieces()));
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            return response;
        }
        if let Some(rupture) = tale.rupture {
            return json_response(Body::from_stream(tale.in_half(rupture)));
        }
        json_response(Body::from(tale.finished().await))
    }

    fn refuse(&self, refusal: &VendorError) -> Response {
        self.wire.refusal(refusal).map(Body::from)
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

fn json_response(body: Body) -> Response {
    respond(HeaderValue::from_static("application/json"), body)
}

fn respond(kind: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
#[path = "vendor_tests.rs"]
mod tests;
