//! Responses from the cache, and one call to a provider for identical requests at the same time.

use super::cache::{Cache, CacheKey, CachedResponse};
use super::error::GatewayError;
use super::failover;
use super::request_context::RequestContext;
use super::request_recorder::RequestRecorder;
use super::upstream_response::UpstreamResponse;

/// How often a request waits for an identical one before it calls a provider itself.
const MAX_COALESCE_WAITS: u32 = 2;

/// Responds from the cache, with the response of an identical request in flight, or with a new one,
/// which is stored if it is complete. An error is not shared: the requests that waited for it try
/// once more as one, and if that fails too, each for itself, all within their remaining time. If the
/// client of the request in flight disconnects, one of those that wait makes the call.
pub(super) async fn respond(
    cache: &Cache,
    key: CacheKey,
    recorder: &mut RequestRecorder,
    context: &RequestContext<'_>,
) -> Result<UpstreamResponse, GatewayError> {
    for _ in 0..MAX_COALESCE_WAITS {
        let mut own_result = None;
        let call = async {
            let result = failover::run(context, recorder, None).await;
            let cached = CachedResponse::new(&result, recorder);
            own_result = Some(result);
            cached
        };
        let found = cache.get_or_call(key, call).await;
        if let Some(result) = own_result {
            recorder.cache = Some(cache.count_miss());
            return result;
        }
        if let Some(cached) = found {
            recorder.cache = Some(cache.count_reuse(&cached, context.started));
            recorder.dropped.clone_from(&cached.dropped);
            recorder.on_reused(cached.target, &cached.provider, &cached.model);
            return Ok(cached.response());
        }
    }
    recorder.cache = Some(cache.count_miss());
    let result = failover::run(context, recorder, None).await;
    if let Some(cached) = CachedResponse::new(&result, recorder) {
        cache.insert(key, cached).await;
    }
    result
}
