//! The status of a window of the past, made from the sums of it.

use super::alert::AlertReport;
use super::event::EventReport;
use super::past::PastWindow;
use super::performance::{HealthState, Totals};
use super::status::{
    CallersReport, FailureCount, ProviderStatus, Revised, Series, ServiceState, Status, TimeBucket,
    Window,
};
use super::time::rfc3339;
use crate::domain::{
    self, Alert, BucketCounts, Event, Merge as _, Revision, UnixTime, Uptime, Weights,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Attempts that it takes to call a provider failing.
const FEWEST_JUDGED: u64 = 10;

/// Counts by the start of their column, in seconds since the epoch.
pub type PastColumns = BTreeMap<u64, BucketCounts>;

/// What is stored of a window of the past.
#[derive(Debug, Default)]
pub struct PastSums {
    /// Its length, as it was asked for.
    pub window: Window,
    /// Start.
    pub from: UnixTime,
    /// End.
    pub until: UnixTime,
    /// Width of a column in seconds.
    pub width_s: u64,
    /// Client requests.
    pub requests: PastColumns,
    /// Attempts by provider and model.
    pub targets: BTreeMap<(Arc<str>, Arc<str>), PastColumns>,
    /// Monitored time of each provider.
    pub uptimes: BTreeMap<Arc<str>, Uptime>,
    /// Newest first.
    pub events: Vec<Event>,
    /// Alerts that lasted at some time in it.
    pub alerts: Vec<Alert>,
    /// The last change before its end.
    pub revision: Option<Revision>,
    /// Weights at its end, where they are known.
    pub weights: Option<Weights>,
}

impl PastSums {
    /// Returns whether nothing ended in the window.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.targets.is_empty()
    }

    fn seconds(&self) -> f64 {
        self.until.seconds_since(self.from).max(1.0)
    }

    fn series(&self, columns: &PastColumns, cost_of: Option<&PastColumns>) -> Series {
        let width = self.width_s.max(1);
        // Columns begin with the window.
        let first = self.from.unix_seconds();
        let length = self.until.unix_seconds().saturating_sub(first + 1);
        let last = first + length / width * width;
        let starts = (first..=last).step_by(usize::try_from(width).unwrap_or(usize::MAX));
        let empty = BucketCounts::default();
        let bucket = |start: u64| {
            let mut bucket = domain::TimeBucket::from(columns.get(&start).unwrap_or(&empty));
            if let Some(cost) = cost_of.map(|it| it.get(&start).unwrap_or(&empty)) {
                bucket.cost = cost.cost;
            }
            TimeBucket::from(&bucket)
        };
        Series {
            bucket_seconds: width,
            last_start: last,
            buckets: starts.map(bucket).collect(),
        }
    }
}

impl Status {
    /// The same instance with the figures of a window of the past. States are those that the figures
    /// of the window speak for; shares are those of the whole window; what only the present has (odds,
    /// scores, running requests, budgets) is left out.
    #[must_use]
    pub fn of_past(mut self, past: &PastSums) -> Self {
        let requests = total(past.requests.values());
        let attempts = merged(past.targets.values());
        let all = total(attempts.values());
        for provider in &mut self.providers {
            set_past(provider, past, &all);
        }
        let rated = requests.rate_base();
        self.callers = CallersReport {
            state: CallersReport::judge(rated, requests.failed),
            requests: rated,
            failed: requests.failed,
            seconds: past.window.seconds(),
        };
        self.last_minute = None;
        self.totals = Totals {
            attempts: all.all(),
            total_cost_usd: all.known_cost().map(domain::Money::usd),
            cost_basis: all.cost_basis.into(),
            total_tokens: all.tokens,
            ..Totals::of_attempts(&requests)
        };
        let is_failing = |it: &ProviderStatus| it.performance.state == HealthState::Failing;
        self.state = if self.providers.iter().any(is_failing) {
            ServiceState::Degraded
        } else {
            ServiceState::Ok
        };
        self.requests_per_second = requests.all() as f64 / past.seconds();
        self.usd_per_hour = all.cost.usd() / past.seconds() * 3_600.0;
        self.series = past.series(&past.requests, Some(&attempts));
        self.events = past.events.iter().map(EventReport::from).collect();
        self.alerts = past.alerts.iter().map(AlertReport::from).collect();
        self.window = past.window;
        self.generated_at = rfc3339(past.until);
        self.since = self.since.max(rfc3339(past.from));
        self.budget = super::budget::BudgetReport::default();
        self.hedging = None;
        self.routes = Vec::new();
        self.schedule = None;
        self.reverts_at = None;
        self.revised = past.revision.as_ref().map(|revision| Revised {
            at: rfc3339(revision.at),
            who: revision.who.clone(),
        });
        self.revision = past.revision.as_ref().map_or(1, |it| it.number);
        if let Some(weights) = past.weights {
            self.weights = weights.into();
        }
        self.past = Some(PastWindow {
            from: rfc3339(past.from),
            until: rfc3339(past.until),
        });
        self
    }
}

fn set_past(provider: &mut ProviderStatus, past: &PastSums, all: &BucketCounts) {
    let name = provider.performance.provider.clone();
    let own = past.targets.iter().filter(|((of, _), _)| **of == *name);
    let own: BTreeMap<&str, &PastColumns> = own
        .map(|((_, model), columns)| (&**model, columns))
        .collect();
    let columns = merged(own.values().copied());
    let sum = total(columns.values());
    let performance = &mut provider.performance;
    performance.set_figures(&sum);
    performance.in_flight = 0;
    performance.state = state_of(&sum);
    performance.availability = past
        .uptimes
        .get(name.as_str())
        .and_then(|uptime| uptime.part());
    for model in &mut performance.models {
        let counts = own.get(model.model.as_str());
        let counts = counts.map_or_else(BucketCounts::default, |it| total(it.values()));
        model.set_figures(&counts);
        model.state = state_of(&counts);
        model.share = counts.all() as f64 / all.all().max(1) as f64;
        model.odds = 0.0;
        model.breaker = String::new();
        model.why = String::new();
        model.idle = false;
    }
    provider.share = sum.all() as f64 / all.all().max(1) as f64;
    provider.requests_per_second = sum.all() as f64 / past.seconds();
    let cost = sum.known_cost();
    provider.usd_per_hour = cost.map(|cost| cost.usd() / past.seconds() * 3_600.0);
    provider.failures = sum.failures.iter().map(FailureCount::from).collect();
    provider.cancelled = sum.cancelled;
    provider.series = past.series(&columns, None);
    provider.odds = 0.0;
    provider.score = None;
    provider.factors = None;
    provider.why = String::new();
    provider.state_since = rfc3339(past.from);
    provider.trouble_since = None;
    provider.draining = false;
    provider.draining_until = None;
    provider.pinned_until = None;
    provider.keys = Vec::new();
}

/// The state that figures alone speak for.
fn state_of(sum: &BucketCounts) -> HealthState {
    let rated = sum.rate_base();
    if rated >= FEWEST_JUDGED && sum.failed * 10 > rated {
        HealthState::Failing
    } else if sum.all() == 0 {
        HealthState::Unknown
    } else {
        HealthState::Ok
    }
}

fn total<'c>(parts: impl Iterator<Item = &'c BucketCounts>) -> BucketCounts {
    parts.fold(BucketCounts::default(), |mut sum, part| {
        sum.merge(part);
        sum
    })
}

fn merged<'c>(all: impl Iterator<Item = &'c PastColumns>) -> PastColumns {
    let mut sums = PastColumns::new();
    for columns in all {
        for (start, counts) in columns {
            sums.entry(*start).or_default().merge(counts);
        }
    }
    sums
}
