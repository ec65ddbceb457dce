//! What each client does, over the windows of the dashboard: its requests, and the attempts made for
//! them.

use super::budget::BudgetUsage;
use super::histogram::Histogram;
use super::observation::{AttemptEnd, RequestEnd, RequestOutcome};
use super::pricing::{CostBasisCounts, MeasuredUsage, cost_basis};
use super::timeline::{BucketRange, Merge, Timeline};
use super::units::{Money, UnixTime};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Clients that are told apart; beyond that the idle ones are forgotten, or the new ones count
/// together.
const MAX_CLIENTS: usize = 128;
/// Name under which further clients count.
const OTHERS: &str = "(all others)";
/// A client without a request for so long may be forgotten.
const KEPT: Duration = Duration::from_hours(24);

/// Requests of one client, and the attempts made for them.
#[derive(Debug, Clone, Default)]
pub struct ClientCounts {
    /// Requests that got a complete response.
    pub succeeded: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that count in no rate: cancelled, mistaken, or over budget.
    pub uncounted: u64,
    /// Those over budget among them.
    pub over_budget: u64,
    /// Latency of successes in milliseconds.
    pub latency: Histogram,
    /// Attempts at providers.
    pub attempts: u64,
    /// Known cost of the attempts.
    pub cost: Money,
    /// Attempts by basis of their cost.
    pub cost_basis: CostBasisCounts,
    /// Tokens in and out.
    pub tokens: u64,
}

impl ClientCounts {
    fn add_request(&mut self, end: &RequestEnd) {
        match end.outcome {
            RequestOutcome::Ok => {
                self.succeeded += 1;
                self.latency.add(end.ended.seconds_since(end.started) * 1e3);
            }
            RequestOutcome::Error(failure) if failure.is_client_error() => self.uncounted += 1,
            RequestOutcome::Cancelled => self.uncounted += 1,
            RequestOutcome::Rejected(reason) if reason.is_intended() => {
                self.uncounted += 1;
                self.over_budget += 1;
            }
            RequestOutcome::Error(_) | RequestOutcome::Rejected(_) => self.failed += 1,
        }
    }

    fn add_attempt(&mut self, end: &AttemptEnd) {
        self.attempts += 1;
        self.cost += end.cost.unwrap_or_default();
        self.cost_basis.add(cost_basis(end.usage, end.cost));
        if let Some(MeasuredUsage { usage, .. }) = end.usage {
            self.tokens += usage.input + usage.output;
        }
    }

    /// Returns the number that counts in the success rate.
    pub fn rate_base(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// Returns the number of requests.
    pub fn requests(&self) -> u64 {
        self.rate_base() + self.uncounted
    }

    /// Returns the share of successes, 0..1; `None` without requests.
    pub fn success_rate(&self) -> Option<f64> {
        (self.rate_base() > 0).then(|| self.succeeded as f64 / self.rate_base() as f64)
    }

    /// Returns the known cost; `None` if it is 0 and the cost of some attempts is unknown.
    pub fn known_cost(&self) -> Option<Money> {
        (self.cost > Money::ZERO || self.cost_basis.unknown == 0).then_some(self.cost)
    }
}

impl Merge for ClientCounts {
    /// No window of the dashboard needs wider ones.
    const WIDEST_S: u64 = 60;

    fn merge(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.uncounted += other.uncounted;
        self.over_budget += other.over_budget;
        self.latency.merge(&other.latency);
        self.attempts += other.attempts;
        self.cost += other.cost;
        self.cost_basis.merge(other.cost_basis);
        self.tokens += other.tokens;
    }
}

/// The counts of each client of the last day.
#[derive(Debug)]
pub struct ClientTable {
    clients: BTreeMap<Arc<str>, Timeline<ClientCounts>>,
    since: UnixTime,
}

impl ClientTable {
    /// Creates a table that counts from now on.
    pub fn new(now: UnixTime) -> Self {
        Self {
            clients: BTreeMap::new(),
            since: now,
        }
    }

    /// Counts a client request that ended.
    pub fn count_request(&mut self, end: &RequestEnd) {
        let timeline = self.timeline(&end.identity.client, end.ended);
        timeline.record(end.ended, |counts| counts.add_request(end));
    }

    /// Counts an attempt that ended.
    pub fn count_attempt(&mut self, end: &AttemptEnd) {
        let timeline = self.timeline(&end.identity.client, end.ended);
        timeline.record(end.ended, |counts| counts.add_attempt(end));
    }

    fn timeline(&mut self, name: &Arc<str>, now: UnixTime) -> &mut Timeline<ClientCounts> {
        let mut name = Arc::clone(name);
        if !self.clients.contains_key(&name) && self.clients.len() >= MAX_CLIENTS {
            let day = now.minus(KEPT);
            let is_active =
                |timeline: &Timeline<ClientCounts>| timeline.stored(60, day).next().is_some();
            self.clients.retain(|_, timeline| is_active(timeline));
            if self.clients.len() >= MAX_CLIENTS {
                name = OTHERS.into();
            }
        }
        self.clients.entry(name).or_default()
    }

    /// Returns the clients with requests over a window in seconds, or a budget; the most requests
    /// first.
    pub fn snapshot(
        &self,
        window_seconds: u64,
        budgets: &BTreeMap<Arc<str>, BudgetUsage>,
        now: UnixTime,
    ) -> ClientsSnapshot {
        let span = BucketRange::window(window_seconds);
        let counted = self.clients.iter().map(|(name, timeline)| {
            let columns = timeline.buckets(span, now);
            let mut sum = ClientCounts::default();
            for column in &columns {
                sum.merge(column);
            }
            ClientSnapshot {
                name: Arc::clone(name),
                columns: columns
                    .iter()
                    .map(|it| (it.rate_base(), it.failed))
                    .collect(),
                counts: sum,
                budget: budgets.get(name).copied(),
            }
        });
        let counted =
            counted.filter(|client| client.counts.requests() + client.counts.attempts > 0);
        let mut clients: Vec<ClientSnapshot> = counted.collect();
        let counted: BTreeSet<Arc<str>> = clients
            .iter()
            .map(|client| Arc::clone(&client.name))
            .collect();
        for (name, usage) in budgets {
            if !counted.contains(name) {
                clients.push(ClientSnapshot {
                    name: Arc::clone(name),
                    columns: vec![(0, 0); span.columns],
                    counts: ClientCounts::default(),
                    budget: Some(*usage),
                });
            }
        }
        clients.sort_by_key(|client| std::cmp::Reverse(client.counts.requests()));
        ClientsSnapshot {
            at: now,
            since: span.start(now).max(self.since),
            clients,
            column_width: Duration::from_secs(span.width),
            last_column: UnixTime::from_seconds(now.unix_seconds() / span.width * span.width),
        }
    }
}

/// All clients over a window.
#[derive(Debug, Clone)]
pub struct ClientsSnapshot {
    /// Time of the snapshot.
    pub at: UnixTime,
    /// Time of the oldest record in it.
    pub since: UnixTime,
    /// The most requests first.
    pub clients: Vec<ClientSnapshot>,
    /// Width of a column.
    pub column_width: Duration,
    /// Start of the last column.
    pub last_column: UnixTime,
}

/// One client over a window.
#[derive(Debug, Clone)]
pub struct ClientSnapshot {
    /// Name of its token, `local` where none is needed; empty where it is unknown.
    pub name: Arc<str>,
    /// Its requests and attempts.
    pub counts: ClientCounts,
    /// Requests that count in the success rate and failures among them, oldest first.
    pub columns: Vec<(u64, u64)>,
    /// Usage of its budget of the day, where it has one.
    pub budget: Option<BudgetUsage>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DecisionId, RejectionReason, RequestIdentity};

    fn request(client: &str, second: u64, outcome: RequestOutcome) -> RequestEnd {
        RequestEnd {
            decision: DecisionId(1),
            identity: Arc::new(RequestIdentity {
                client: client.into(),
                ..RequestIdentity::default()
            }),
            request_id: String::new(),
            started: UnixTime::from_seconds(second - 1),
            ended: UnixTime::from_seconds(second),
            outcome,
            status: None,
            message: None,
            target: None,
            score: None,
            reason: String::new(),
            attempts: 1,
            fallbacks: 0,
            hedge: None,
            first_content: None,
            gateway_seconds: None,
            usage: None,
            cost: None,
            dropped_fields: Vec::new(),
        }
    }

    #[test]
    fn clients_are_counted_apart_within_their_window() {
        let now = UnixTime::from_seconds(1_000_000);
        let mut table = ClientTable::new(UnixTime::from_seconds(990_000));
        table.count_request(&request("batch", 995_000, RequestOutcome::Ok));
        for second in 999_950..999_960 {
            table.count_request(&request("app", second, RequestOutcome::Ok));
        }
        let refused = RequestOutcome::Rejected(RejectionReason::BudgetExceeded);
        table.count_request(&request("app", 999_970, refused));
        let failed = RequestOutcome::Rejected(RejectionReason::NoTarget);
        table.count_request(&request("app", 999_971, failed));

        let minute = table.snapshot(60, &BTreeMap::new(), now);
        let [app] = minute.clients.as_slice() else {
            panic!("{minute:?}")
        };
        assert_eq!(&*app.name, "app");
        assert_eq!((app.counts.requests(), app.counts.over_budget), (12, 1));
        assert_eq!(app.counts.success_rate(), Some(10.0 / 11.0));
        let (rated, bad) = app
            .columns
            .iter()
            .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        assert_eq!((rated, bad), (11, 1));

        let hours = table.snapshot(21_600, &BTreeMap::new(), now);
        assert_eq!(hours.clients.len(), 2);
        assert_eq!(
            hours.since,
            UnixTime::from_seconds(990_000),
            "not before the start"
        );
    }

    #[test]
    fn many_clients_take_bounded_room_and_none_is_lost() {
        let mut table = ClientTable::new(UnixTime::from_seconds(0));
        for number in 0..1_000 {
            table.count_request(&request(&format!("c{number}"), 500_000, RequestOutcome::Ok));
        }
        assert_eq!(table.clients.len(), MAX_CLIENTS + 1);
        let now = UnixTime::from_seconds(500_010);
        let snapshot = table.snapshot(900, &BTreeMap::new(), now);
        let all: u64 = snapshot.clients.iter().map(|it| it.counts.requests()).sum();
        assert_eq!(all, 1_000);
        assert_eq!(&*snapshot.clients[0].name, OTHERS);

        // A day later they make room.
        table.count_request(&request("new", 700_000, RequestOutcome::Ok));
        assert_eq!(table.clients.len(), 1);
    }
}
