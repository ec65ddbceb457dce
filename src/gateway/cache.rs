//! Response cache: identical requests whose response does not depend on chance share one call to a
//! provider, while it is in flight and for a while after.
//!
//! A key is a hash, so neither prompts nor tokens are kept in it; the response body is kept.

use super::attempt_usage::AttemptUsage;
use super::cache_status::CacheStatus;
use super::error::{GatewayError, HeaderFormat, InvalidRequest};
use super::operation::Operation;
use super::request::ParsedRequest;
use super::request_recorder::RequestRecorder;
use super::upstream_response::UpstreamResponse;
use crate::access::sent_tokens;
use crate::domain::TargetIdx;
use crate::protocols::{DroppedFields, RawObject};
use aws_lc_rs::digest::{Context, SHA256};
use axum::http::HeaderMap;
use bytes::Bytes;
use futures_util::FutureExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// Size of an entry beside its body, in bytes.
const ENTRY_OVERHEAD_BYTES: usize = 256;
/// Request headers that decide which targets are eligible, and for how long they have time.
const ROUTING_HEADERS: [&str; 6] = [
    "x-aibal-preferred-provider",
    "x-aibal-max-cost",
    "x-aibal-max-latency",
    "x-aibal-model-type",
    "x-aibal-timeout-ms",
    "x-aibal-strict",
];
/// Fields with which a provider stores something of a conversation, so that two calls are not the
/// same as one.
const STATEFUL_FIELDS: [&str; 3] = ["conversation", "background", "store"];

/// Size, lifetime and scope of the cache.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    pub ttl: Duration,
    pub max_bytes: u64,
    /// Whether clients with different tokens share entries.
    pub shared: bool,
}

/// The response cache of one instance.
#[derive(Debug)]
pub struct Cache {
    responses: moka::future::Cache<CacheKey, Arc<CachedResponse>>,
    shared: bool,
    hits: AtomicU64,
    misses: AtomicU64,
    coalesced: AtomicU64,
}

/// Counts since the start, and the present content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheCounts {
    pub hits: u64,
    pub misses: u64,
    /// Requests that got the response of an identical one in flight.
    pub coalesced: u64,
    pub entries: u64,
    pub bytes: u64,
}

/// Hash of everything that determines a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CacheKey([u8; 32]);

/// A response and the target that sent it.
#[derive(Debug)]
pub(super) struct CachedResponse {
    body: Bytes,
    pub target: Option<TargetIdx>,
    pub provider: String,
    pub model: String,
    /// Fields of the request that the target's protocol could not carry.
    pub dropped: DroppedFields,
    at: Instant,
}

/// The response of the first of several identical requests cannot be shared; neither can its error.
#[derive(Debug)]
struct NotCacheable;

impl Cache {
    pub fn new(limits: CacheLimits) -> Self {
        let size = |_: &CacheKey, cached: &Arc<CachedResponse>| {
            let names = cached.provider.len() + cached.model.len();
            u32::try_from(cached.body.len() + names + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            responses: moka::future::Cache::builder()
                .max_capacity(limits.max_bytes)
                .weigher(size)
                .time_to_live(limits.ttl)
                .build(),
            shared: limits.shared,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            coalesced: AtomicU64::new(0),
        }
    }

    pub fn counts(&self) -> CacheCounts {
        // Brings the counts up to date, unless another task is doing that.
        let _in_progress = self.responses.run_pending_tasks().now_or_never();
        CacheCounts {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            coalesced: self.coalesced.load(Relaxed),
            entries: self.responses.entry_count(),
            bytes: self.responses.weighted_size(),
        }
    }

    /// The request's key; `None` where the response may differ each time, and where the client wants
    /// a new one.
    pub(super) fn key(
        &self,
        request: &ParsedRequest,
        headers: &HeaderMap,
    ) -> Result<Option<CacheKey>, GatewayError> {
        let object = request.fields.object();
        if !is_allowed(headers)? || request.stream || !is_deterministic(request, &object) {
            return Ok(None);
        }
        let mut hash = Context::new(&SHA256);
        let mut add = |part: &[u8]| {
            // The lengths make the sequence of parts unambiguous.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(format!("{:?}", request.operation).as_bytes());
        let tokens = if self.shared {
            Vec::new()
        } else {
            sent_tokens(headers)
        };
        add(&(tokens.len() as u64).to_be_bytes());
        tokens.into_iter().for_each(&mut add);
        let semantic = request.operation.dialect().client_api().semantic_headers();
        for name in ROUTING_HEADERS.iter().chain(semantic) {
            let values = headers.get_all(*name);
            add(&(values.iter().count() as u64).to_be_bytes());
            values.iter().for_each(|value| add(value.as_bytes()));
        }
        let mut fields: Vec<_> = object.members().collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        for (name, value) in fields {
            add(name.as_bytes());
            add(value.get().as_bytes());
        }
        let hash = hash.finish();
        Ok(hash.as_ref().try_into().ok().map(CacheKey))
    }

    /// The stored response, or the one of `call`; of several requests with this key at once only one
    /// is called. `None` if that one's response cannot be shared.
    pub(super) async fn get_or_call(
        &self,
        key: CacheKey,
        call: impl Future<Output = Option<Arc<CachedResponse>>>,
    ) -> Option<Arc<CachedResponse>> {
        let call = async { call.await.ok_or(NotCacheable) };
        self.responses.try_get_with(key, Box::pin(call)).await.ok()
    }

    pub(super) async fn insert(&self, key: CacheKey, cached: Arc<CachedResponse>) {
        self.responses.insert(key, cached).await;
    }

    /// Counts a request that called a provider.
    pub(super) fn count_miss(&self) -> CacheStatus {
        self.misses.fetch_add(1, Relaxed);
        CacheStatus::Miss
    }

    /// Counts a response that was stored before the request `started`, or arrived while it waited.
    pub(super) fn count_reuse(&self, cached: &CachedResponse, started: Instant) -> CacheStatus {
        if cached.at < started {
            self.hits.fetch_add(1, Relaxed);
            CacheStatus::Hit(cached.at.elapsed())
        } else {
            self.coalesced.fetch_add(1, Relaxed);
            CacheStatus::Coalesced
        }
    }
}

impl CachedResponse {
    /// `None` for anything but a complete, successful response.
    pub fn new(
        result: &Result<UpstreamResponse, GatewayError>,
        recorder: &RequestRecorder,
    ) -> Option<Arc<Self>> {
        let Ok(UpstreamResponse::Whole { body, .. }) = result else {
            return None;
        };
        let (target, provider, model) = recorder.target();
        Some(Arc::new(Self {
            // A copy: the body itself counts as one that its client has not taken yet.
            body: Bytes::copy_from_slice(body),
            target,
            provider: provider.to_owned(),
            model: model.to_owned(),
            dropped: recorder.dropped.clone(),
            at: Instant::now(),
        }))
    }

    /// The response without the provider's headers, which are out of date, and without cost.
    pub fn response(&self) -> UpstreamResponse {
        UpstreamResponse::Whole {
            headers: HeaderMap::new(),
            body: self.body.clone(),
            spent: AttemptUsage::ZERO,
        }
    }
}

/// Whether the client accepts a cached response: `x-aibal-cache: no` asks for a new one.
fn is_allowed(headers: &HeaderMap) -> Result<bool, GatewayError> {
    const HEADER: &str = "x-aibal-cache";
    match headers.get(HEADER) {
        None => Ok(true),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"no") => Ok(false),
        Some(value) => Err(GatewayError::InvalidRequest(InvalidRequest::Header {
            name: HEADER,
            found: value.to_str().ok().map(str::to_owned),
            expected: HeaderFormat::NoOrAbsent,
        })),
    }
}

/// Whether the same request has the same response, and the call has no side effect.
fn is_deterministic(request: &ParsedRequest, object: &RawObject<'_>) -> bool {
    let is_set = |name: &str| object.has(name) && object.read::<bool>(name) != Some(false);
    match request.operation {
        Operation::Embed(_) => true,
        Operation::Compact | Operation::Forward => false,
        Operation::Generate(_) => {
            object.read::<f64>("temperature") == Some(0.0)
                && !STATEFUL_FIELDS.iter().any(|name| is_set(name))
        }
    }
}
