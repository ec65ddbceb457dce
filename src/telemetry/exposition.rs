//! One scrape: all metrics from the engine's counts, the snapshot and the routing table.

use super::families as family;
use super::process_facts::StoreFacts;
use super::samples::{Labels, Samples};
use crate::domain::{
    AttemptCounts, BudgetOwner, BudgetUsage, CallLabels, Counters, FixedHistogram, HealthState,
    Money, Objective, OutcomeLabels, Period, ProviderIdx, RoutingTable, Snapshot, TargetIdx,
    UnixTime,
};
use crate::protocols::gen_ai_name;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Value of a label where nothing is known: no target was called.
const UNKNOWN: &str = "unknown";

/// What one scrape shows.
#[derive(Debug)]
pub(super) struct Exposition {
    pub counters: Counters,
    pub snapshot: Arc<Snapshot>,
    pub table: Arc<RoutingTable>,
    pub version: &'static str,
    /// Losses by queue.
    pub dropped: Vec<(Cow<'static, str>, u64)>,
    pub store: Option<StoreFacts>,
    pub started: UnixTime,
    pub with_exemplars: bool,
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut samples = Samples {
            encoder,
            with_exemplars: self.with_exemplars,
        };
        self.gen_ai(&mut samples)?;
        self.counts(&mut samples)?;
        self.costs(&mut samples)?;
        self.providers(&mut samples)?;
        self.limits(&mut samples)?;
        self.store(&mut samples)?;
        self.instance(&mut samples)
    }
}

impl Exposition {
    /// The metrics that other gateways have too.
    fn gen_ai(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let tokens = self.counters.attempts.iter().flat_map(|(call, counts)| {
            counts.tokens.iter().map(|(kind, histogram)| {
                let mut labels = self.call_labels(*call);
                labels.push(("gen_ai_token_type", (*kind).into()));
                (labels, histogram)
            })
        });
        samples.histograms(&family::TOKEN_USAGE, tokens)?;
        let requests = &self.counters.requests;
        let durations = requests.iter().map(|(call, it)| (*call, &it.durations));
        samples.histograms(&family::REQUEST_DURATION, self.durations(durations))?;
        let times = |pick: fn(&_) -> &FixedHistogram| {
            let called = requests.iter().map(move |(call, it)| (*call, pick(it)));
            called
                .filter(|(_, histogram)| histogram.count() > 0)
                .map(|(call, histogram)| (self.call_labels(call), histogram))
        };
        samples.histograms(&family::FIRST_TOKEN, times(|it| &it.first_token))?;
        samples.histograms(&family::PER_OUTPUT_TOKEN, times(|it| &it.per_token))?;
        let attempts = self.counters.attempts.iter();
        let durations = attempts.map(|(call, it)| (*call, &it.durations));
        samples.histograms(&family::OPERATION_DURATION, self.durations(durations))
    }

    fn durations<'a>(
        &'a self,
        calls: impl Iterator<Item = (CallLabels, &'a BTreeMap<OutcomeLabels, FixedHistogram>)> + 'a,
    ) -> impl Iterator<Item = (Labels<'a>, &'a FixedHistogram)> + 'a {
        calls.flat_map(move |(call, durations)| {
            durations.iter().map(move |(outcome, histogram)| {
                let mut labels = self.call_labels(call);
                if !outcome.error.is_empty() {
                    labels.push(("error_type", outcome.error.into()));
                }
                (labels, histogram)
            })
        })
    }

    /// Requests and attempts by outcome, and what followed from failures.
    fn counts(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let mut requests: BTreeMap<OutcomeLabels, u64> = BTreeMap::new();
        for (outcome, histogram) in self.counters.requests.values().flat_map(|it| &it.durations) {
            *requests.entry(*outcome).or_default() += histogram.count();
        }
        let rows = requests.into_iter();
        let rows = rows.map(|(outcome, count)| (outcome_labels(outcome), count as f64));
        samples.counters(&family::REQUESTS, rows)?;
        let mut attempts: BTreeMap<(TargetIdx, OutcomeLabels), u64> = BTreeMap::new();
        for (call, counts) in &self.counters.attempts {
            for (outcome, histogram) in &counts.durations {
                if let Some(target) = call.target {
                    *attempts.entry((target, *outcome)).or_default() += histogram.count();
                }
            }
        }
        let rows = attempts.into_iter().map(|((target, outcome), count)| {
            let mut labels = self.target_labels(Some(target));
            labels.extend(outcome_labels(outcome));
            (labels, count as f64)
        });
        samples.counters(&family::ATTEMPTS, rows)?;
        let retries = self.counters.retries as f64;
        samples.counters(&family::RETRIES, [(Labels::new(), retries)])?;
        let fallbacks = self.counters.fallbacks.iter();
        let rows = fallbacks.map(|((target, is_ok), count)| {
            let outcome = if *is_ok { "ok" } else { "error" };
            let mut labels = self.target_labels(*target);
            labels.push(("outcome", outcome.into()));
            (labels, *count as f64)
        });
        samples.counters(&family::FALLBACKS, rows)?;
        let cooldowns = self.counters.cooldowns.iter();
        let rows = cooldowns.map(|((target, reason), count)| {
            let mut labels = self.target_labels(Some(*target));
            labels.push(("reason", (*reason).into()));
            (labels, *count as f64)
        });
        samples.counters(&family::COOLDOWNS, rows)?;
        self.hedges(samples)
    }

    /// Second attempts beside late ones.
    fn hedges(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let hedges = self.counters.hedges.iter();
        let rows = hedges.map(|((target, result), count)| {
            let mut labels = self.target_labels(Some(*target));
            labels.push(("result", result.as_str().into()));
            (labels, *count as f64)
        });
        samples.counters(&family::HEDGES, rows)?;
        let refused = self.counters.hedges_refused.iter();
        let rows = refused.map(|(why, count)| {
            let labels: Labels<'_> = vec![("reason", why.as_str().into())];
            (labels, *count as f64)
        });
        samples.counters(&family::HEDGES_REFUSED, rows)?;
        let cost = self.counters.hedge_cost.usd();
        samples.counters(&family::HEDGE_COST, [(Labels::new(), cost)])
    }

    /// Costs, and what was lost.
    fn costs(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let sums = self.sums(|counts| counts.cost);
        let rows = sums.map(|(labels, cost): (_, Money)| (labels, cost.usd()));
        samples.counters(&family::COST, rows)?;
        let sums = self.sums(|counts| counts.unknown_costs);
        samples.counters(&family::UNKNOWN_COSTS, sums.map(as_float))?;
        let sums = self.sums(|counts| counts.dropped_fields);
        samples.counters(&family::DROPPED_FIELDS, sums.map(as_float))?;
        let dropped = self.dropped.iter();
        let rows = dropped.map(|(queue, lost)| {
            let labels: Labels<'_> = vec![("queue", (&**queue).into())];
            (labels, *lost as f64)
        });
        samples.counters(&family::DROPPED, rows)?;
        let own = [(Labels::new(), &self.counters.gateway)];
        samples.histograms(&family::GATEWAY_OVERHEAD, own)?;
        let probes = self.counters.probes.iter();
        let rows = probes.map(|((provider, verdict), histogram)| {
            let labels = vec![
                ("provider", self.provider_name(*provider)),
                ("verdict", (*verdict).into()),
            ];
            (labels, histogram)
        });
        samples.histograms(&family::PROBE_DURATION, rows)
    }

    /// Sums of one figure by target.
    fn sums<T: Default + std::ops::AddAssign + 'static>(
        &self,
        figure: fn(&AttemptCounts) -> T,
    ) -> impl Iterator<Item = (Labels<'_>, T)> {
        let mut sums: BTreeMap<TargetIdx, T> = BTreeMap::new();
        for (call, counts) in &self.counters.attempts {
            if let Some(target) = call.target {
                *sums.entry(target).or_default() += figure(counts);
            }
        }
        sums.into_iter()
            .map(|(target, sum)| (self.target_labels(Some(target)), sum))
    }

    /// States of providers and models.
    fn providers(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let providers = &self.snapshot.providers;
        let label = |name: &'_ Arc<str>| vec![("provider", Cow::Owned(name.to_string()))];
        let rows = providers.iter().map(|it| (label(&it.name), it.share));
        samples.gauges(&family::SHARE, rows)?;
        let rows = providers.iter().map(|it| (label(&it.name), it.odds));
        samples.gauges(&family::ODDS, rows)?;
        let scored = providers.iter();
        let rows = scored.filter_map(|it| Some((label(&it.name), it.score?)));
        samples.gauges(&family::SCORE, rows)?;
        let rows = providers.iter().flat_map(|provider| {
            provider.models.iter().map(|model| {
                let labels: Labels<'_> = vec![
                    ("provider", (&*provider.name).into()),
                    ("model", (&*model.model).into()),
                ];
                (labels, state_value(model.state))
            })
        });
        samples.gauges(&family::UPSTREAM_STATE, rows)?;
        let running = providers.iter();
        let rows = running.map(|it| (label(&it.name), f64::from(it.in_flight)));
        samples.gauges(&family::IN_FLIGHT, rows)?;
        let running = self.table.crowd.in_flight() as f64;
        samples.gauges(&family::CLIENT_IN_FLIGHT, [(Labels::new(), running)])?;
        let expected = self.snapshot.expected_in_flight;
        samples.gauges(&family::EXPECTED_IN_FLIGHT, [(Labels::new(), expected)])
    }

    /// What is left of rate limits and budgets.
    fn limits(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let mut left: Vec<(Labels<'_>, f64)> = Vec::new();
        let mut push = |[provider, model, source]: [&str; 3], kind: &'static str, value| {
            let Some(value) = value else { return };
            let labels = [
                ("provider", provider),
                ("model", model),
                ("source", source),
                ("kind", kind),
            ];
            let labels = labels.map(|(name, text)| (name, Cow::Owned(text.to_owned())));
            left.push((labels.into(), value));
        };
        for provider in &self.snapshot.providers {
            let about = [&*provider.name, "", "configured"];
            let float = |count: Option<u64>| count.map(|count| count as f64);
            push(about, "requests", float(provider.rates_left.requests));
            push(about, "tokens", float(provider.rates_left.tokens));
        }
        for (index, target) in self.table.catalogue.active_targets() {
            let Some(candidate) = self.table.candidates.get(index.get()) else {
                continue;
            };
            let sent = candidate.load_counters.sent_totals();
            let about = [&*target.id.provider, &*target.id.model, "provider"];
            let [requests, tokens] = candidate.quota.left(sent, self.snapshot.at);
            push(about, "requests", requests);
            push(about, "tokens", tokens);
            let specs = &self.table.catalogue.providers[target.provider].keys.keys;
            for (key, spec) in candidate.keys.keys.iter().zip(specs) {
                let about = [&*target.id.provider, &*target.id.model, &*spec.name];
                let [requests, tokens] = key.quota.left(key.sent.totals(), self.snapshot.at);
                push(about, "requests", requests);
                push(about, "tokens", tokens);
            }
        }
        samples.gauges(&family::RATE_LIMIT_REMAINING, left)?;
        let budgets = self.budgets();
        let limits = budgets.iter();
        let rows = limits.filter_map(|(labels, it)| Some((labels.clone(), it.limit?.usd())));
        samples.gauges(&family::BUDGET_LIMIT, rows)?;
        let rows = budgets
            .iter()
            .map(|(labels, it)| (labels.clone(), it.spent.usd()));
        samples.gauges(&family::BUDGET_SPENT, rows)
    }

    fn budgets(&self) -> Vec<(Labels<'_>, &BudgetUsage)> {
        let budget = &self.snapshot.budget;
        let all = [&budget.day, &budget.week, &budget.month];
        let all = Period::ALL.into_iter().zip(all);
        let all = all.filter(|(period, usage)| *period != Period::Week || usage.limit.is_some());
        let all = all.map(|(period, usage)| (["", "", "", ""], period, usage));
        let owned = budget.owned.iter().filter_map(|owned| {
            let names: [&str; 4] = match &owned.owner {
                BudgetOwner::All => return None,
                BudgetOwner::Token(name) => ["token_", name, "", ""],
                BudgetOwner::Group(name) => ["group_", "", name, ""],
                BudgetOwner::Provider(name) => ["provider_", "", "", name],
            };
            Some((names, owned.period, &owned.usage))
        });
        let rows = all.chain(owned);
        rows.map(|([prefix, token, group, provider], period, usage)| {
            let labels: Labels<'_> = vec![
                ("budget", format!("{prefix}{}", period.as_str()).into()),
                ("token", token.into()),
                ("group", group.into()),
                ("provider", provider.into()),
            ];
            (labels, usage)
        })
        .collect()
    }

    /// How the store does.
    fn store(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let row = |value: fn(StoreFacts) -> f64| {
            let store = self.store.into_iter();
            store.map(move |store| (Labels::new(), value(store)))
        };
        let state = row(|store| f64::from(store.state));
        samples.gauges(&family::STORE_STATE, state)?;
        let queued = row(|store| store.queued as f64);
        samples.gauges(&family::STORE_QUEUED, queued)?;
        let written = row(|store| store.written as f64);
        samples.counters(&family::STORE_WRITTEN, written)
    }

    /// The instance itself.
    fn instance(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let weights = self.snapshot.weights;
        let weights = [
            (Objective::Cost, weights.cost),
            (Objective::Latency, weights.latency),
            (Objective::Reliability, weights.reliability),
            (Objective::Load, weights.load),
            (Objective::Priority, weights.priority),
        ];
        let rows = weights.map(|(objective, weight)| {
            let labels: Labels<'_> = vec![("objective", objective.as_str().into())];
            (labels, weight)
        });
        samples.gauges(&family::WEIGHT, rows)?;
        let revision = self.snapshot.revision as f64;
        samples.gauges(&family::REVISION, [(Labels::new(), revision)])?;
        let started = self.started.micros() as f64 / 1e6;
        samples.gauges(&family::START_TIME, [(Labels::new(), started)])?;
        samples.info(&family::BUILD, &vec![("version", self.version.into())])
    }

    fn call_labels(&self, call: CallLabels) -> Labels<'_> {
        let id = call.target.and_then(|target| {
            let catalogue = &self.table.catalogue;
            let target = catalogue.targets.get(target.get())?;
            let provider = catalogue.providers.get(target.provider.get())?;
            Some((&target.id, &provider.kind))
        });
        let (provider, vendor, model) = match id {
            Some((id, kind)) => {
                let vendor = gen_ai_name(kind).unwrap_or(&id.provider);
                (&*id.provider, vendor, &*id.model)
            }
            None => (UNKNOWN, UNKNOWN, UNKNOWN),
        };
        vec![
            ("gen_ai_operation_name", call.operation.into()),
            ("gen_ai_provider_name", vendor.into()),
            (
                "gen_ai_original_model",
                self.counters.model_name(call.model).into(),
            ),
            ("gen_ai_request_model", model.into()),
            ("gen_ai_response_model", model.into()),
            ("aibal_provider", provider.into()),
        ]
    }

    fn target_labels(&self, target: Option<TargetIdx>) -> Labels<'_> {
        let targets = &self.table.catalogue.targets;
        let target = target.and_then(|target| targets.get(target.get()));
        let (provider, model) = target.map_or((UNKNOWN, UNKNOWN), |target| {
            (&*target.id.provider, &*target.id.model)
        });
        vec![("provider", provider.into()), ("model", model.into())]
    }

    fn provider_name(&self, provider: ProviderIdx) -> Cow<'_, str> {
        let providers = &self.table.catalogue.providers;
        let provider = providers.get(provider.get());
        provider.map_or(UNKNOWN, |provider| &*provider.name).into()
    }
}

fn as_float((labels, count): (Labels<'_>, u64)) -> (Labels<'_>, f64) {
    (labels, count as f64)
}

fn outcome_labels(outcome: OutcomeLabels) -> Labels<'static> {
    let error = if outcome.class == outcome.error {
        ""
    } else {
        outcome.error
    };
    vec![
        ("outcome", outcome.class.into()),
        ("error_type", error.into()),
    ]
}

/// A state as a number: 0 healthy, 1 usable with problems, 2 not used.
fn state_value(state: HealthState) -> f64 {
    match state {
        HealthState::Ok | HealthState::Unknown => 0.0,
        HealthState::Slow | HealthState::Limited | HealthState::Failing | HealthState::HalfOpen => {
            1.0
        }
        HealthState::Open | HealthState::Down | HealthState::Draining | HealthState::Off => 2.0,
    }
}
