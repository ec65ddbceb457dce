//! Spending budgets per day, week and month: for all requests, for each client token and group of
//! tokens, and for providers.
//!
//! An attempt reserves its maximum cost before it is sent and settles the actual cost at its end.
//! Reservations are atomic, so that concurrent requests never exceed a budget together. A cost counts
//! in the periods of its reservation.

mod calendar;
mod config;
mod ledger;
mod ledger_entries;
mod owner;
mod period_budget;
mod scope;
#[cfg(test)]
mod tests;
mod text;

pub use calendar::Period;
pub use config::{BudgetConfig, OverBudgetPolicy, SharedBudget, SpendingLimits};
pub use ledger::{LedgerEntry, LedgerMode};
pub use owner::BudgetOwner;
pub use period_budget::{BudgetProjection, BudgetUsage};
pub use scope::{BudgetExceeded, BudgetHeadroom, BudgetReservation, BudgetScope};
pub use text::format_usd;
pub(super) use text::minute;

use super::client_terms::{ClientTerms, GroupTerms, TokenTerms};
use super::units::{Money, UnixTime};
use calendar::Calendar;
use jiff::tz::TimeZone;
use ledger::{EarlierSpending, LedgerSwitch};
use period_budget::PeriodBudget;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Ends of periods that are told one by one; of more, the fullest are.
const MAX_EVENTS: usize = 20;

/// All budgets. The engine creates them from the configuration; requests update the amounts, which
/// clones share.
#[derive(Debug, Clone)]
pub struct Budgets {
    on_limit: OverBudgetPolicy,
    since: UnixTime,
    /// The zone of all periods; a new configuration does not change it.
    zone: TimeZone,
    /// Day, week and month of all requests.
    shared: [Arc<PeriodBudget>; 3],
    callers: BTreeMap<Arc<str>, CallerBudgets>,
    groups: BTreeMap<Arc<str>, Vec<Arc<PeriodBudget>>>,
    /// Per day, and only of providers with a limit.
    providers: BTreeMap<Arc<str>, Arc<PeriodBudget>>,
    /// Budgets that the configuration lost, by their names in the ledger; one that comes back finds
    /// its own.
    retired: BTreeMap<String, Arc<PeriodBudget>>,
    ledger: Arc<LedgerSwitch>,
    /// Spending of earlier processes.
    earlier: Arc<OnceLock<Arc<EarlierSpending>>>,
}

/// Budgets of one client token.
#[derive(Debug, Clone)]
struct CallerBudgets {
    own: Vec<Arc<PeriodBudget>>,
    /// Its own and those of its group.
    all: Arc<[Arc<PeriodBudget>]>,
}

/// Usage of one budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedUsage {
    /// Whose budget it is.
    pub owner: BudgetOwner,
    /// Its period.
    pub period: Period,
    /// Its usage.
    pub usage: BudgetUsage,
}

/// Usage of all budgets at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetSnapshot {
    /// Handling of requests over a budget.
    pub on_limit: OverBudgetPolicy,
    /// Start of this process; what earlier ones spent is included once the store was read.
    pub since: UnixTime,
    /// Usage of all requests in the current day.
    pub day: BudgetUsage,
    /// Usage of the current week.
    pub week: BudgetUsage,
    /// Usage of the current month.
    pub month: BudgetUsage,
    /// Usage of the budgets of tokens, groups and providers, in that order and by name.
    pub owned: Vec<OwnedUsage>,
}

impl BudgetSnapshot {
    /// Adds what `project` says of each budget.
    #[must_use]
    pub fn projected(
        mut self,
        project: impl Fn(&BudgetOwner, Period, &BudgetUsage) -> Option<BudgetProjection>,
    ) -> Self {
        let shared = [&mut self.day, &mut self.week, &mut self.month];
        for (period, usage) in Period::ALL.into_iter().zip(shared) {
            usage.projection = project(&BudgetOwner::All, period, usage);
        }
        for owned in &mut self.owned {
            owned.usage.projection = project(&owned.owner, owned.period, &owned.usage);
        }
        self
    }

    /// Returns the usage of each client token in the current day, by name.
    pub fn callers(&self) -> impl Iterator<Item = (&Arc<str>, &BudgetUsage)> {
        self.owned.iter().filter_map(|owned| match &owned.owner {
            BudgetOwner::Token(name) if owned.period == Period::Day => Some((name, &owned.usage)),
            _ => None,
        })
    }
}

impl Budgets {
    /// Creates unspent budgets.
    pub fn new(config: &BudgetConfig, now: UnixTime) -> Self {
        let period = |period| {
            let calendar = Calendar::new(period, &config.zone);
            Arc::new(PeriodBudget::new(calendar, None))
        };
        let fresh = Self {
            on_limit: config.on_limit,
            since: now,
            zone: config.zone.clone(),
            shared: Period::ALL.map(period),
            callers: BTreeMap::new(),
            groups: BTreeMap::new(),
            providers: BTreeMap::new(),
            retired: BTreeMap::new(),
            ledger: Arc::default(),
            earlier: Arc::default(),
        };
        fresh.with_config(config, &ClientTerms::default(), now)
    }

    /// Returns the budgets with other limits; spent amounts and the time zone are kept.
    #[must_use]
    pub fn with_config(&self, config: &BudgetConfig, clients: &ClientTerms, now: UnixTime) -> Self {
        let limits = SpendingLimits {
            per_day: config.per_day,
            per_week: config.per_week,
            per_month: config.per_month,
        };
        for (budget, limit) in self.shared.iter().zip(limits.all()) {
            budget.set_limit(limit);
        }
        let mut known = KnownBudgets {
            known: self.retired.clone(),
            budgets: self,
            now,
        };
        let current = self.owned();
        known.known.extend(
            current.map(|(owner, budget)| (owner.key(budget.calendar.period), Arc::clone(budget))),
        );
        let groups: BTreeMap<Arc<str>, Vec<Arc<PeriodBudget>>> = clients
            .groups
            .iter()
            .map(|GroupTerms { name, spending, .. }| {
                let own = known.take_all(&BudgetOwner::Group(Arc::clone(name)), *spending);
                (Arc::clone(name), own)
            })
            .collect();
        let caller = |token: &TokenTerms| {
            let owner = BudgetOwner::Token(Arc::clone(&token.name));
            let own = known.take_all(&owner, token.spending);
            let group = token.group.as_ref().and_then(|name| groups.get(name));
            let all = own.iter().chain(group.into_iter().flatten());
            let all = all.map(Arc::clone).collect();
            (Arc::clone(&token.name), CallerBudgets { own, all })
        };
        let callers = clients.tokens.iter().map(caller).collect();
        let providers = config.providers.iter().map(|(name, limit)| {
            let owner = BudgetOwner::Provider(Arc::clone(name));
            (
                Arc::clone(name),
                known.take(&owner, Period::Day, Some(*limit)),
            )
        });
        let providers = providers.collect();
        Self {
            on_limit: config.on_limit,
            since: self.since,
            zone: self.zone.clone(),
            shared: self.shared.clone(),
            callers,
            groups,
            providers,
            retired: known.known,
            ledger: Arc::clone(&self.ledger),
            earlier: Arc::clone(&self.earlier),
        }
    }

    /// Returns an independent copy in which nothing is reserved and no ledger is kept.
    #[must_use]
    pub fn fork(&self, now: UnixTime) -> Self {
        let mut copies: BTreeMap<*const PeriodBudget, Arc<PeriodBudget>> = BTreeMap::new();
        let mut copy = |budget: &Arc<PeriodBudget>| {
            let copy = copies.entry(Arc::as_ptr(budget));
            Arc::clone(copy.or_insert_with(|| Arc::new(budget.fork(now))))
        };
        let callers = self.callers.iter().map(|(name, caller)| {
            let own = caller.own.iter().map(&mut copy).collect();
            let all = caller.all.iter().map(&mut copy).collect();
            (Arc::clone(name), CallerBudgets { own, all })
        });
        let callers = callers.collect();
        let groups = self.groups.iter();
        let groups = groups
            .map(|(name, own)| (Arc::clone(name), own.iter().map(&mut copy).collect()))
            .collect();
        let providers = self.providers.iter();
        let providers = providers
            .map(|(name, budget)| (Arc::clone(name), copy(budget)))
            .collect();
        Self {
            on_limit: self.on_limit,
            since: self.since,
            zone: self.zone.clone(),
            shared: self
                .shared
                .each_ref()
                .map(|budget| Arc::new(budget.fork(now))),
            callers,
            groups,
            providers,
            retired: BTreeMap::new(),
            ledger: Arc::default(),
            earlier: Arc::default(),
        }
    }

    /// Returns the limits of all requests together that can change at run time.
    pub fn shared(&self) -> SharedBudget {
        let [day, _, month] = &self.shared;
        SharedBudget {
            per_day: day.limit(),
            per_month: month.limit(),
            on_limit: self.on_limit,
        }
    }

    /// Returns the budgets with other limits of all requests together; spent amounts are kept.
    #[must_use]
    pub fn with_shared(&self, shared: SharedBudget) -> Self {
        let [day, _, month] = &self.shared;
        day.set_limit(shared.per_day);
        month.set_limit(shared.per_month);
        Self {
            on_limit: shared.on_limit,
            ..self.clone()
        }
    }

    /// Returns the remaining amount of a provider's own budget; `None` if it has none.
    pub fn provider_left(&self, provider: &str, now: UnixTime) -> Option<Money> {
        self.providers.get(provider)?.left(now)
    }

    /// Returns true if any provider has a budget of its own.
    pub fn has_provider_limits(&self) -> bool {
        !self.providers.is_empty()
    }

    /// Returns the usage of all budgets.
    pub fn snapshot(&self, now: UnixTime) -> BudgetSnapshot {
        let usage = |(owner, budget): (BudgetOwner, &Arc<PeriodBudget>)| OwnedUsage {
            owner,
            period: budget.calendar.period,
            usage: budget.usage(now),
        };
        let [day, week, month] = &self.shared;
        BudgetSnapshot {
            on_limit: self.on_limit,
            since: self.since,
            day: day.usage(now),
            week: week.usage(now),
            month: month.usage(now),
            owned: self.owned().map(usage).collect(),
        }
    }

    /// Returns the events since the last call, one for each period that ended, and one for all
    /// beyond the fullest.
    pub fn take_events(&self, now: UnixTime) -> Vec<String> {
        let ended = |(owner, budget): (BudgetOwner, &Arc<PeriodBudget>)| {
            let last = budget.take_ended(now)?;
            let (limit, part) = last.limit.zip(last.used_share())?;
            let (spent, percent) = (format_usd(last.spent), part * 100.0);
            let period = budget.calendar.period;
            let (name, period, limit) = (owner.setting(period), period.as_str(), format_usd(limit));
            let text = format!("{name}: the {period} ended at {spent} of {limit} ({percent:.0} %)");
            Some((part, text))
        };
        let mut ended: Vec<(f64, String)> = self.all().filter_map(ended).collect();
        let more = ended.len().saturating_sub(MAX_EVENTS);
        if more > 0 {
            ended.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        }
        let told = ended.into_iter().take(MAX_EVENTS).map(|(_, text)| text);
        let rest = format!("the periods of {more} more budgets ended, each less used than these");
        told.chain((more > 0).then_some(rest)).collect()
    }

    /// Returns each budget with its usage, and what happens to requests when it is used up, as the
    /// end of a sentence.
    pub fn usages(&self, now: UnixTime) -> Vec<(OwnedUsage, &'static str)> {
        let shared = match self.on_limit {
            OverBudgetPolicy::Reject => "requests are rejected",
            OverBudgetPolicy::Cheapest => "only the cheapest targets are used",
        };
        let usage = |(owner, budget): (BudgetOwner, &Arc<PeriodBudget>)| {
            let consequence = match &owner {
                BudgetOwner::Provider(_) => "other providers are used",
                _ => shared,
            };
            let owned = OwnedUsage {
                owner,
                period: budget.calendar.period,
                usage: budget.usage(now),
            };
            (owned, consequence)
        };
        self.all().map(usage).collect()
    }

    /// Iterates over all budgets.
    fn all(&self) -> impl Iterator<Item = (BudgetOwner, &Arc<PeriodBudget>)> {
        let shared = self.shared.iter().map(|budget| (BudgetOwner::All, budget));
        shared.chain(self.owned())
    }

    /// Iterates over the budgets of tokens, groups and providers.
    fn owned(&self) -> impl Iterator<Item = (BudgetOwner, &Arc<PeriodBudget>)> {
        let callers = self.callers.iter().flat_map(|(name, caller)| {
            let owner = BudgetOwner::Token(Arc::clone(name));
            caller.own.iter().map(move |budget| (owner.clone(), budget))
        });
        let groups = self.groups.iter().flat_map(|(name, own)| {
            let owner = BudgetOwner::Group(Arc::clone(name));
            own.iter().map(move |budget| (owner.clone(), budget))
        });
        let providers = self.providers.iter();
        let providers =
            providers.map(|(name, budget)| (BudgetOwner::Provider(Arc::clone(name)), budget));
        callers.chain(groups).chain(providers)
    }
}

/// Budgets that a configuration may take over, by their names in the ledger.
struct KnownBudgets<'b> {
    known: BTreeMap<String, Arc<PeriodBudget>>,
    budgets: &'b Budgets,
    now: UnixTime,
}

impl KnownBudgets<'_> {
    /// Returns the budgets of an owner: one per day, and those of other periods that have a limit.
    fn take_all(&mut self, owner: &BudgetOwner, limits: SpendingLimits) -> Vec<Arc<PeriodBudget>> {
        let periods = Period::ALL.into_iter().zip(limits.all());
        periods
            .filter(|(period, limit)| *period == Period::Day || limit.is_some())
            .map(|(period, limit)| self.take(owner, period, limit))
            .collect()
    }

    fn take(
        &mut self,
        owner: &BudgetOwner,
        period: Period,
        limit: Option<Money>,
    ) -> Arc<PeriodBudget> {
        let key = owner.key(period);
        let budget = self.known.remove(&key).unwrap_or_else(|| {
            let calendar = Calendar::new(period, &self.budgets.zone);
            let fresh = Arc::new(PeriodBudget::new(calendar, None));
            if let Some(earlier) = self.budgets.earlier.get() {
                ledger::restore(earlier, &key, &fresh, self.now);
            }
            fresh
        });
        budget.set_limit(limit);
        budget
    }
}
