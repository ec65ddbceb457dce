//! The past of the balancer: timelines, decisions and events, read to be stored and filled again
//! from what was stored.

use super::BalancerState;
use crate::domain::decision_record::DecisionRecord;
use crate::domain::event::Event;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::observation::AttemptEnd;
use crate::domain::timeline::{BucketCounts, Timeline, Uptime};
use crate::domain::traffic_recording::PastTraffic;
use crate::domain::units::UnixTime;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far back there are buckets of a second.
const SECONDS_REACH: Duration = Duration::from_mins(5);

impl BalancerState {
    /// Returns the counts of client requests.
    pub fn request_history(&self) -> &Timeline<BucketCounts> {
        &self.requests
    }

    /// Returns the counts of the attempts at a target.
    pub fn target_history(&self, target: TargetIdx) -> &Timeline<BucketCounts> {
        &self.targets[target].history
    }

    /// Returns the monitored and usable time of a provider.
    pub fn provider_uptime(&self, provider: ProviderIdx) -> &Timeline<Uptime> {
        &self.providers[provider].uptime
    }

    /// Adds counts of client requests of a bucket of `width` seconds.
    pub fn restore_requests(
        &mut self,
        width: u64,
        start: u64,
        counts: &BucketCounts,
        now: UnixTime,
    ) {
        self.requests.restore(width, start, counts, now);
    }

    /// Adds counts of the attempts at a target.
    pub fn restore_target(
        &mut self,
        target: TargetIdx,
        (width, start): (u64, u64),
        counts: &BucketCounts,
        now: UnixTime,
    ) {
        self.targets[target]
            .history
            .restore(width, start, counts, now);
    }

    /// Adds counts of the attempts at a target that is not configured any more: totals include them.
    pub fn restore_removed(
        &mut self,
        (width, start): (u64, u64),
        counts: &BucketCounts,
        now: UnixTime,
    ) {
        self.removed.restore(width, start, counts, now);
    }

    /// Adds attempts and requests of an earlier process to the buckets of a second, which are not stored.
    /// Does nothing if this process has counted requests: they may be among these.
    pub fn restore_seconds(
        &mut self,
        attempts: &[AttemptEnd],
        decisions: &[DecisionRecord],
        now: UnixTime,
    ) {
        let from = now.minus(SECONDS_REACH);
        if self.requests.stored(1, from).next().is_some() {
            return;
        }
        let mut sums: BTreeMap<(u64, TargetIdx), BucketCounts> = BTreeMap::new();
        for end in attempts.iter().filter(|end| end.ended >= from) {
            let key = (end.ended.unix_seconds(), end.target);
            sums.entry(key).or_default().add(end);
        }
        for ((second, target), counts) in sums {
            if let Some(target) = self.targets.get_mut(target.get()) {
                target.history.restore(1, second, &counts, now);
            }
        }
        let ends = decisions
            .iter()
            .filter_map(|decision| decision.end.as_ref());
        for end in ends.filter(|end| end.ended >= from) {
            let mut counts = BucketCounts::default();
            counts.add_request(end);
            self.requests
                .restore(1, end.ended.unix_seconds(), &counts, now);
        }
    }

    /// Adds monitored time of a provider.
    pub fn restore_uptime(
        &mut self,
        provider: ProviderIdx,
        (width, start): (u64, u64),
        uptime: &Uptime,
        now: UnixTime,
    ) {
        self.providers[provider]
            .uptime
            .restore(width, start, uptime, now);
    }

    /// Adds requests and attempts of an earlier process to the record that forecasts are made from.
    pub fn restore_traffic(&mut self, past: &PastTraffic<'_>, now: UnixTime) {
        self.recording.restore(past, now);
    }

    /// Adds decisions of an earlier process, oldest first, in front of all others.
    pub fn restore_decisions(&mut self, decisions: Vec<DecisionRecord>) {
        self.decisions.restore(decisions);
    }

    /// Adds requests of an earlier process that failed or were saved.
    pub fn restore_troubled(&mut self, decisions: Vec<DecisionRecord>) {
        self.decisions.restore_troubled(decisions);
    }

    /// Adds events of an earlier process, oldest first. Their numbers stay, and later events continue
    /// with the next; where there are events already, none is added.
    pub fn restore_events(&mut self, events: Vec<Event>) {
        if self.next_event > 1 {
            return;
        }
        for event in events {
            self.next_event = self.next_event.max(event.id + 1);
            self.keep(event);
        }
    }

    /// Returns the time since which there are figures.
    pub fn since(&self) -> UnixTime {
        self.started
    }

    /// Notes that the figures reach back to the start of an earlier process.
    pub fn restore_since(&mut self, since: UnixTime) {
        self.started = self.started.min(since);
    }
}
