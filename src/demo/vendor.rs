//! The HTTP service of one vendor: the wire reads a request, the behaviour plans the response.

use super::behaviour::{Behaviour, ListenState, PlannedResponse, ResponsePlan};
use super::model_list::ModelList;
use super::simulated_request::{ResponseKind, SimulatedRequest};
use super::simulated_response::SimulatedResponse;
use super::stream::{PIECE_EVERY, StreamedResponse};
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

/// The largest request body; images are inline.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// Delay of a 503 while the vendor is down, in real time.
const OUTAGE_DELAY: Duration = Duration::from_millis(5);

/// One vendor. Clones share it.
#[derive(Debug, Clone)]
pub struct Vendor {
    behaviour: Arc<Behaviour>,
    wire: &'static dyn Wire,
    /// Unix seconds of the start.
    started_at: u64,
}

impl Vendor {
    /// A vendor with this format and behaviour.
    pub fn new(wire: &'static dyn Wire, behaviour: Arc<Behaviour>) -> Self {
        let started_at = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self {
            behaviour,
            wire,
            started_at,
        }
    }

    /// The service for all paths.
    pub fn router(self) -> Router {
        Router::new().fallback(serve).with_state(self)
    }

    async fn answer(&self, request: Request) -> Result<Response, VendorError> {
        match self.behaviour.listen_state() {
            ListenState::Open => {}
            ListenState::Silent => std::future::pending().await,
            // A reset that was switched on after the check of the connection.
            ListenState::Closed | ListenState::Reset => {
                sleep(OUTAGE_DELAY).await;
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
            let listing = self.wire.listing(path, &self.models())?;
            return Ok(json_response(Body::from(listing.to_string())));
        }
        self.serve_request(route, &head.uri, body).await
    }

    async fn serve_request(
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
        let asked = self.wire.read(route, uri, &body)?;
        drop(body);
        let model = self.model(&asked)?;

        let plan = self.behaviour.plan(&asked);
        let meta = ResponseMeta {
            identity: plan.random.identity(),
            allowance: plan.allowance,
            now: self.now(),
        };
        let result = self.carry_out(route, model, &asked, plan, arrived).await;
        let mut response = result.unwrap_or_else(|error| self.error_response(&error));
        self.wire.write_headers(&meta, response.headers_mut());
        Ok(response)
    }

    /// The requested model, if the vendor has it and it can respond.
    fn model(&self, asked: &SimulatedRequest) -> Result<&'static str, VendorError> {
        let profile = self.behaviour.profile;
        let unknown = || VendorError::UnknownModel(asked.model.clone());
        let ResponseKind::Vectors(texts) = &asked.want else {
            let is_known = asked.model == profile.model;
            return is_known.then_some(profile.model).ok_or_else(unknown);
        };
        let embedder = profile
            .embedder
            .filter(|embedder| embedder.model == asked.model)
            .ok_or_else(unknown)?;
        if texts
            .dimensions
            .is_some_and(|wanted| embedder.dimensions < wanted)
        {
            let max = embedder.dimensions;
            let message = format!("The model has {max} dimensions; fewer or as many are expected.");
            return Err(VendorError::malformed(message, Some("dimensions")));
        }
        Ok(embedder.model)
    }

    fn models(&self) -> ModelList {
        let profile = self.behaviour.profile;
        ModelList {
            owner: profile.name,
            model: profile.model,
            embedder: profile.embedder.as_ref(),
            created: self.started_at,
        }
    }

    /// Unix seconds.
    fn now(&self) -> u64 {
        self.started_at + self.behaviour.age().as_secs()
    }

    async fn carry_out(
        &self,
        route: VendorRoute,
        model: &'static str,
        asked: &SimulatedRequest,
        plan: ResponsePlan,
        arrived: Instant,
    ) -> Result<Response, VendorError> {
        let random = plan.random;
        let timing = match plan.response {
            PlannedResponse::Send(timing) => timing,
            PlannedResponse::Reject { error, after } => {
                sleep(after).await;
                return Err(error);
            }
        };
        let slot = self.behaviour.slot().await?;
        // The work begins with the slot, not with the position in the queue.
        let begin = if slot.is_some() {
            Instant::now()
        } else {
            arrived
        };
        let streamed = StreamedResponse {
            wire: self.wire,
            answer: SimulatedResponse {
                route,
                identity: random.identity(),
                model,
                created: self.now(),
                prompt_tokens: asked.prompt_tokens,
                is_cut_short: timing.is_cut_short,
                wants_usage: asked.wants_usage,
                thinking: asked.thinking,
                reading: timing.first_token,
                writing: timing.per_token * timing.content.tokens(),
                content: timing.content,
            },
            stream_fault: timing.stream_fault,
            per_token: timing.per_token,
            tokens_per_piece: tokens_per_piece(self.behaviour.profile.per_token),
            first_token_at: begin + timing.first_token,
            _slot: slot,
        };
        Ok(self.send(streamed, asked.is_stream).await)
    }

    /// Headers go out with the first token of a stream, and otherwise with the last one.
    async fn send(&self, streamed: StreamedResponse, is_stream: bool) -> Response {
        tokio::time::sleep_until(streamed.first_token_at).await;
        if is_stream {
            let kind = HeaderValue::from_static(self.wire.stream_type());
            let mut response = respond(kind, Body::from_stream(streamed.into_stream()));
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            return response;
        }
        if let Some(stream_fault) = streamed.stream_fault {
            return json_response(Body::from_stream(streamed.first_half(stream_fault)));
        }
        json_response(Body::from(streamed.complete().await))
    }

    fn error_response(&self, error: &VendorError) -> Response {
        self.wire.error_response(error).map(Body::from)
    }
}

async fn serve(State(vendor): State<Vendor>, request: Request) -> Response {
    match vendor.answer(request).await {
        Ok(response) => response,
        Err(error) => vendor.error_response(&error),
    }
}

/// The tokens that a vendor of this speed produces between two pieces; at least 1.
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
