//! Answers that are given again: identical requests whose answer does not depend on chance share
//! one call to a provider, while it runs and for a while after.
//!
//! A key is a hash, so neither prompts nor tokens are kept in it; an answer is.

use super::GatewayError;
use super::handler::RequestContext;
use super::operation::Operation;
use super::request::ParsedRequest;
use super::request_recorder::RequestRecorder;
use super::upstream_call::UpstreamResponse;
use crate::access::sent_tokens;
use crate::domain::TargetIdx;
use aws_lc_rs::digest::{Context, SHA256};
use axum::http::HeaderMap;
use bytes::Bytes;
use futures_util::FutureExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// How often a request waits for the answer to another one before it asks by itself.
const MAX_COALESCE_WAITS: u32 = 2;
/// What an answer takes beside its body, in bytes.
const ENTRY_OVERHEAD_BYTES: usize = 256;
/// The client's wishes that decide who may answer, and for how long that is waited.
const ROUTING_HEADERS: [&str; 5] = [
    "x-aibal-preferred-provider",
    "x-aibal-max-cost",
    "x-aibal-max-latency",
    "x-aibal-model-type",
    "x-aibal-timeout-ms",
];
/// Members with which a provider keeps something of a conversation, so that asking again is not the
/// same as asking once.
const STATEFUL_FIELDS: [&str; 3] = ["conversation", "background", "store"];

/// How much is kept, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    pub ttl: Duration,
    pub max_bytes: u64,
    /// Whether one client gets what another was answered.
    pub shared: bool,
}

/// The answers of one instance.
#[derive(Debug)]
pub struct Cache {
    answers: moka::future::Cache<CacheKey, Arc<CachedResponse>>,
    shared: bool,
    hits: AtomicU64,
    misses: AtomicU64,
    coalesced: AtomicU64,
}

/// How the cache has done since the start, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheCounts {
    pub hits: u64,
    pub misses: u64,
    /// Requests that waited for another's answer.
    pub coalesced: u64,
    pub entries: u64,
    pub bytes: u64,
}

/// What makes two requests the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CacheKey([u8; 32]);

/// An answer, and who gave it.
#[derive(Debug)]
pub(super) struct CachedResponse {
    body: Bytes,
    target: Option<TargetIdx>,
    provider: String,
    model: String,
    at: Instant,
}

/// What the cache had to do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheStatus {
    /// The answer is that old.
    Hit(Duration),
    Coalesced,
    Miss,
    /// The request is none that could be answered again, or asked not to be.
    Off,
}

impl CacheStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::Coalesced => "coalesced",
            Self::Miss => "miss",
            Self::Off => "off",
        }
    }
}

/// The leader's answer could not be kept; its error is nobody else's.
#[derive(Debug)]
struct NotCacheable;

impl Cache {
    pub fn new(limits: CacheLimits) -> Self {
        let size = |_: &CacheKey, kept: &Arc<CachedResponse>| {
            let names = kept.provider.len() + kept.model.len();
            u32::try_from(kept.body.len() + names + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            answers: moka::future::Cache::builder()
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
        // What waits to be counted is counted, unless somebody is at it.
        let _at_it = self.answers.run_pending_tasks().now_or_never();
        CacheCounts {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            coalesced: self.coalesced.load(Relaxed),
            entries: self.answers.entry_count(),
            bytes: self.answers.weighted_size(),
        }
    }

    /// What the request has in common with those that are the same; nothing for one whose answer
    /// may be another each time, and for one that does not want an old answer.
    pub(super) fn key(
        &self,
        admission: &ParsedRequest<'_>,
        headers: &HeaderMap,
    ) -> Result<Option<CacheKey>, GatewayError> {
        let is_wanted = is_wanted(headers)?;
        if !is_wanted || admission.stream || !is_determined(admission) {
            return Ok(None);
        }
        let mut hash = Context::new(&SHA256);
        let mut add = |part: &[u8]| {
            // Lengths keep parts apart.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(format!("{:?}", admission.errand).as_bytes());
        let owners = if self.shared {
            Vec::new()
        } else {
            sent_tokens(headers)
        };
        add(&(owners.len() as u64).to_be_bytes());
        owners.into_iter().for_each(&mut add);
        let telling = admission.errand.dialect().client_api().semantic_headers();
        for name in ROUTING_HEADERS.iter().chain(telling) {
            let values = headers.get_all(*name);
            add(&(values.iter().count() as u64).to_be_bytes());
            values.iter().for_each(|value| add(value.as_bytes()));
        }
        let mut members: Vec<&str> = admission.object.names().collect();
        members.sort_unstable();
        members.dedup();
        for name in members {
            add(name.as_bytes());
            let value = admission.object.get(name);
            add(value.map_or("", |value| value.get()).as_bytes());
        }
        let hash = hash.finish();
        Ok(hash.as_ref().try_into().ok().map(CacheKey))
    }

    /// Answers with what is kept or is on its way; else it is asked, and the answer kept if it is
    /// one. The error of another's question is not passed on: those who waited for it ask once more
    /// as one, and where that fails too, each for itself, all in the time that they have left. A
    /// client that leaves while others wait for its answer leaves the question to one of them.
    pub(super) async fn answer(
        &self,
        key: CacheKey,
        record: &mut RequestRecorder,
        question: &RequestContext<'_>,
    ) -> Result<UpstreamResponse, GatewayError> {
        for _ in 0..MAX_COALESCE_WAITS {
            let mut led = None;
            let leading = async {
                let answer = question.ask(record, None).await;
                let kept = CachedResponse::of(&answer, record).ok_or(NotCacheable);
                led = Some(answer);
                kept
            };
            let found = self.answers.try_get_with(key, Box::pin(leading)).await;
            if let Some(answer) = led {
                self.misses.fetch_add(1, Relaxed);
                record.cache = Some(CacheStatus::Miss);
                return answer;
            }
            if let Ok(kept) = found {
                record.cache = Some(self.found(&kept, question.began));
                record.repeats(kept.target, &kept.provider, &kept.model);
                return Ok(kept.answer());
            }
        }
        self.misses.fetch_add(1, Relaxed);
        record.cache = Some(CacheStatus::Miss);
        let answer = question.ask(record, None).await;
        if let Some(kept) = CachedResponse::of(&answer, record) {
            self.answers.insert(key, kept).await;
        }
        answer
    }

    /// Counts an answer that was kept, or that came while it was waited for.
    fn found(&self, kept: &CachedResponse, began: Instant) -> CacheStatus {
        if kept.at < began {
            self.hits.fetch_add(1, Relaxed);
            CacheStatus::Hit(kept.at.elapsed())
        } else {
            self.coalesced.fetch_add(1, Relaxed);
            CacheStatus::Coalesced
        }
    }
}

impl CachedResponse {
    /// Only what is whole and good.
    fn of(
        answer: &Result<UpstreamResponse, GatewayError>,
        record: &RequestRecorder,
    ) -> Option<Arc<Self>> {
        let Ok(UpstreamResponse::Whole { body, .. }) = answer else {
            return None;
        };
        let (target, provider, model) = record.answered_by();
        Some(Arc::new(Self {
            body: body.clone(),
            target,
            provider: provider.to_owned(),
            model: model.to_owned(),
            at: Instant::now(),
        }))
    }

    /// Without what the provider said of its limits at that time, and for nothing.
    fn answer(&self) -> UpstreamResponse {
        UpstreamResponse::Whole {
            headers: HeaderMap::new(),
            body: self.body.clone(),
            spent: super::attempt::AttemptUsage::ZERO,
        }
    }
}

/// `x-aibal-cache: no` asks for an answer of one's own.
fn is_wanted(headers: &HeaderMap) -> Result<bool, GatewayError> {
    match headers.get("x-aibal-cache") {
        None => Ok(true),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"no") => Ok(false),
        Some(value) => {
            let text = value.to_str().unwrap_or("no plain text");
            let message = format!("x-aibal-cache is {text:?}, but must be \"no\" or left out");
            Err(GatewayError::invalid(None, message))
        }
    }
}

/// Whether the same question has the same answer, and asking leaves nothing behind.
fn is_determined(admission: &ParsedRequest<'_>) -> bool {
    let object = &admission.object;
    let keeps = |name: &str| object.has(name) && object.read::<bool>(name) != Some(false);
    match admission.errand {
        Operation::Embed => true,
        Operation::Generate(_) => {
            object.read::<f64>("temperature") == Some(0.0)
                && !STATEFUL_FIELDS.iter().any(|name| keeps(name))
        }
    }
}
