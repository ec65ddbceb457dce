//! The requests of one run.

use super::attempt_limits::RunLimits;
use super::luck::luck_of;
use super::traffic_data::TrafficData;
use crate::domain::index::TargetIdx;
use crate::domain::left_keys::LeftKeys;
use crate::domain::retry::RetryState;
use crate::domain::traffic_recording::RecordedRequest;
use crate::domain::units::UnixTime;
use std::time::Duration;

/// Latest requests that run under the old settings before those that count.
pub const WARM_UP: Duration = Duration::from_secs(10);
/// Length of the pieces of which the traffic of a run is made.
const BLOCK_S: f64 = 60.0;
/// What luck is for.
const FOR_BLOCKS: u64 = 1 << 40;

/// What differs between the runs of a forecast.
#[derive(Debug, Clone, Copy)]
pub struct RunPlan {
    /// Number of the run.
    pub number: usize,
    /// Seed of all runs.
    pub seed: u64,
    /// Seconds that count.
    pub seconds: f64,
    pub limits: RunLimits,
}

/// One request in a run.
pub struct RunRequest<'d> {
    pub source: &'d RecordedRequest,
    pub at: UnixTime,
    pub is_counted: bool,
    pub tried: Vec<TargetIdx>,
    /// Keys that failed it at these targets.
    pub left_keys: LeftKeys,
    pub retries: RetryState,
}

/// Returns the requests of a run: the latest ones to warm up, then random blocks of the record.
pub fn traffic<'d>(data: &'d TrafficData, plan: RunPlan) -> Vec<RunRequest<'d>> {
    let request = |source: &'d RecordedRequest, at: UnixTime, is_counted: bool| RunRequest {
        source,
        at,
        is_counted,
        tried: Vec::new(),
        left_keys: LeftKeys::default(),
        retries: RetryState::new(plan.limits.max_retries),
    };
    let all = &data.requests;
    let Some(oldest) = all.first().map(|first| first.at) else {
        return Vec::new();
    };
    let from = data.at.minus(WARM_UP);
    let latest = all.partition_point(|it| it.at < from);
    let mut requests: Vec<RunRequest<'d>> = all[latest..]
        .iter()
        .map(|it| request(it, data.at.plus(it.at.since(from)), false))
        .collect();
    let begin = data.at.plus(WARM_UP);
    let end = begin.plus(Duration::from_secs_f64(plan.seconds));
    let history = data.history_s();
    let block = BLOCK_S.min(history).max(1.0);
    let mut luck = luck_of([plan.seed, plan.number as u64, FOR_BLOCKS, 0]);
    let mut offset = Duration::ZERO;
    while offset.as_secs_f64() < plan.seconds {
        let start = (history - block).max(0.0) * luck.next_f64();
        let start = oldest.plus(Duration::from_secs_f64(start));
        let stop = start.plus(Duration::from_secs_f64(block));
        let range = all.partition_point(|it| it.at < start)..all.partition_point(|it| it.at < stop);
        for source in &all[range] {
            let at = begin.plus(offset).plus(source.at.since(start));
            if at < end {
                requests.push(request(source, at, true));
            }
        }
        offset += Duration::from_secs_f64(block);
    }
    requests
}
