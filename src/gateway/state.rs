//! State that all requests share.

use super::answer_memory::AnswerMemory;
use super::body_work::BodyWork;
use super::cache::Cache;
use super::config::GatewayConfig;
use super::count_meter::CountMeter;
use super::owned_objects::OwnedObjects;
use super::request_body::BodyBuffer;
use super::request_tags::RequestTags;
use super::shutdown::ShutdownSignal;
use crate::domain::PromptCaches;
use crate::engine::EngineHandle;
use crate::protocols::{ResponseStore, UpstreamSet};
use crate::telemetry::SpanSink;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// State shared by all requests; cheap to clone. A reload replaces `upstreams` and `config` as a
/// whole, so each request and each attempt loads them again.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub handle: EngineHandle,
    pub upstreams: Arc<ArcSwap<UpstreamSet>>,
    pub config: Arc<ArcSwap<GatewayConfig>>,
    pub shutdown: ShutdownSignal,
    pub bodies: BodyBuffer,
    pub answers: AnswerMemory,
    pub body_work: BodyWork,
    /// Token counts of each client.
    pub counts: CountMeter,
    /// Where spans of requests and attempts go.
    pub spans: SpanSink,
    /// What clients say their requests are for.
    pub tags: RequestTags,
    /// Responses that clients refer to by their ids.
    pub responses: ResponseStore,
    /// Files and batches that clients made.
    pub objects: OwnedObjects,
    /// What the prompt caches of providers hold.
    pub prompt_caches: Arc<PromptCaches>,
    /// `None` where the cache is switched off.
    pub cache: Option<Arc<Cache>>,
}
