//! Spending budgets: per day and month for all requests, and per day for each client token.
//!
//! An attempt reserves its maximum cost before it is sent and settles the actual cost at its end.
//! Reservations are atomic, so that concurrent requests never exceed a budget together. A cost counts
//! in the day and month of its reservation.

mod config;
mod ledger;
mod ledger_entries;
mod period_budget;
#[cfg(test)]
mod tests;
mod text;

pub use config::{BudgetConfig, OverBudgetPolicy, SharedBudget};
pub use ledger::{LedgerEntry, LedgerMode};
pub use period_budget::{BudgetProjection, BudgetUsage, Period};
pub use text::format_usd;
pub(super) use text::minute;

use super::units::{Money, UnixTime};
use ledger::{EarlierSpending, LedgerSwitch};
use period_budget::{PeriodBudget, PeriodId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// All budgets. The engine creates them from the configuration; requests update the amounts, which
/// clones share.
#[derive(Debug, Clone)]
pub struct Budgets {
    on_limit: OverBudgetPolicy,
    since: UnixTime,
    day: Arc<PeriodBudget>,
    month: Arc<PeriodBudget>,
    callers: OwnBudgets,
    /// Only of providers with a limit.
    providers: OwnBudgets,
    /// Budgets of tokens and providers that the configuration lost, by their names in the ledger;
    /// one that comes back finds its own.
    retired: BTreeMap<String, Arc<PeriodBudget>>,
    ledger: Arc<LedgerSwitch>,
    /// Spending of earlier processes.
    earlier: Arc<OnceLock<Arc<EarlierSpending>>>,
}

/// Budgets per day by name of the token or provider.
type OwnBudgets = BTreeMap<Arc<str>, Arc<PeriodBudget>>;

/// Remaining amount of a request over all its budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetHeadroom {
    /// Smallest remaining amount of these budgets.
    pub left: Money,
    /// Handling of requests over a budget.
    pub on_limit: OverBudgetPolicy,
}

impl BudgetHeadroom {
    /// Returns true if `amount` fits; 0 always does.
    pub fn allows(self, amount: Money) -> bool {
        amount == Money::ZERO || amount <= self.left
    }
}

/// Usage of all budgets at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetSnapshot {
    /// Handling of requests over a budget.
    pub on_limit: OverBudgetPolicy,
    /// Start of this process; what earlier ones spent is included once the store was read.
    pub since: UnixTime,
    /// Usage of the current day.
    pub day: BudgetUsage,
    /// Usage of the current month.
    pub month: BudgetUsage,
    /// Usage of the current day by client token, sorted by name.
    pub callers: Vec<(Arc<str>, BudgetUsage)>,
    /// Usage of the current day by provider with a limit, sorted by name.
    pub providers: Vec<(Arc<str>, BudgetUsage)>,
}

impl BudgetSnapshot {
    /// Adds what `project` says of each budget, by its name in messages.
    #[must_use]
    pub fn projected(
        mut self,
        project: impl Fn(&str, Period, &BudgetUsage) -> Option<BudgetProjection>,
    ) -> Self {
        for (period, usage) in [
            (Period::Day, &mut self.day),
            (Period::Month, &mut self.month),
        ] {
            usage.projection = project(&shared_name(period), period, usage);
        }
        for (name, usage) in &mut self.callers {
            usage.projection = project(&token_name(name), Period::Day, usage);
        }
        for (name, usage) in &mut self.providers {
            usage.projection = project(&provider_name(name), Period::Day, usage);
        }
        self
    }
}

/// Error: a budget does not cover a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetExceeded {
    /// Name of the budget in messages.
    pub name: String,
    /// Its usage.
    pub view: BudgetUsage,
    /// Lowest maximum cost of the eligible targets.
    pub needed: Money,
}

impl Budgets {
    /// Creates unspent budgets.
    pub fn new(config: &BudgetConfig, now: UnixTime) -> Self {
        let fresh = Self {
            on_limit: config.on_limit,
            since: now,
            day: Arc::new(PeriodBudget::new(Period::Day, None)),
            month: Arc::new(PeriodBudget::new(Period::Month, None)),
            callers: OwnBudgets::new(),
            providers: OwnBudgets::new(),
            retired: BTreeMap::new(),
            ledger: Arc::default(),
            earlier: Arc::default(),
        };
        fresh.with_config(config, now)
    }

    /// Returns the budgets with other limits; spent amounts are kept.
    #[must_use]
    pub fn with_config(&self, config: &BudgetConfig, now: UnixTime) -> Self {
        self.day.set_limit(config.per_day);
        self.month.set_limit(config.per_month);
        let mut known = self.retired.clone();
        known.extend(
            self.keyed()
                .map(|(name, budget)| (name, Arc::clone(budget))),
        );
        let mut own = |key: String, limit: Option<Money>| {
            let budget = known.remove(&key).unwrap_or_else(|| {
                let fresh = Arc::new(PeriodBudget::new(Period::Day, None));
                if let Some(earlier) = self.earlier.get() {
                    ledger::restore(earlier, &key, &fresh, now);
                }
                fresh
            });
            budget.set_limit(limit);
            budget
        };
        let callers = config.callers.iter().map(|(name, limit)| {
            let budget = own(ledger::token_key(name), *limit);
            (Arc::clone(name), budget)
        });
        let callers = callers.collect();
        let providers = config.providers.iter().map(|(name, limit)| {
            let budget = own(ledger::provider_key(name), Some(*limit));
            (Arc::clone(name), budget)
        });
        let providers = providers.collect();
        Self {
            on_limit: config.on_limit,
            since: self.since,
            day: Arc::clone(&self.day),
            month: Arc::clone(&self.month),
            callers,
            providers,
            retired: known,
            ledger: Arc::clone(&self.ledger),
            earlier: Arc::clone(&self.earlier),
        }
    }

    /// Returns an independent copy in which nothing is reserved and no ledger is kept.
    #[must_use]
    pub fn fork(&self, now: UnixTime) -> Self {
        let copies = |budgets: &OwnBudgets| {
            let copy = |(name, budget): (&Arc<str>, &Arc<PeriodBudget>)| {
                (Arc::clone(name), Arc::new(budget.fork(now)))
            };
            budgets.iter().map(copy).collect()
        };
        Self {
            on_limit: self.on_limit,
            since: self.since,
            day: Arc::new(self.day.fork(now)),
            month: Arc::new(self.month.fork(now)),
            callers: copies(&self.callers),
            providers: copies(&self.providers),
            retired: BTreeMap::new(),
            ledger: Arc::default(),
            earlier: Arc::default(),
        }
    }

    /// Returns the limits of all requests together.
    pub fn shared(&self) -> SharedBudget {
        SharedBudget {
            per_day: self.day.limit(),
            per_month: self.month.limit(),
            on_limit: self.on_limit,
        }
    }

    /// Returns the budgets with other limits of all requests together; spent amounts are kept.
    #[must_use]
    pub fn with_shared(&self, shared: SharedBudget) -> Self {
        self.day.set_limit(shared.per_day);
        self.month.set_limit(shared.per_month);
        Self {
            on_limit: shared.on_limit,
            ..self.clone()
        }
    }

    /// Returns the budgets that requests of a client token, or without a token, count against.
    pub fn scope_of(self: &Arc<Self>, caller: Option<&str>) -> BudgetScope {
        let own = caller.and_then(|name| self.callers.get(name));
        BudgetScope {
            own: own.map(Arc::clone),
            budgets: Arc::clone(self),
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
        let usage =
            |(name, budget): (&Arc<str>, &Arc<PeriodBudget>)| (Arc::clone(name), budget.usage(now));
        BudgetSnapshot {
            on_limit: self.on_limit,
            since: self.since,
            day: self.day.usage(now),
            month: self.month.usage(now),
            callers: self.callers.iter().map(usage).collect(),
            providers: self.providers.iter().map(usage).collect(),
        }
    }

    /// Returns the events since the last call, one for each period that ended.
    pub fn take_events(&self, now: UnixTime) -> Vec<String> {
        let ended = |(name, budget): (String, &Arc<PeriodBudget>)| {
            let last = budget.take_ended(now)?;
            let (limit, part) = last.limit.zip(last.used_share())?;
            let (spent, percent) = (format_usd(last.spent), part * 100.0);
            let (period, limit) = (budget.period.as_str(), format_usd(limit));
            Some(format!(
                "{name}: the {period} ended at {spent} of {limit} ({percent:.0} %)"
            ))
        };
        self.named().filter_map(ended).collect()
    }

    /// Returns each budget with its name, its period, its usage, and what happens to requests when it
    /// is used up, as the end of a sentence.
    pub fn usages(&self, now: UnixTime) -> Vec<(String, Period, BudgetUsage, &'static str)> {
        let shared = match self.on_limit {
            OverBudgetPolicy::Reject => "requests are rejected",
            OverBudgetPolicy::Cheapest => "only the cheapest targets are used",
        };
        let is_provider = |budget: &Arc<PeriodBudget>| {
            let mut own = self.providers.values();
            own.any(|provider| Arc::ptr_eq(provider, budget))
        };
        let usage = |(name, budget): (String, &Arc<PeriodBudget>)| {
            let consequence = if is_provider(budget) {
                "other providers are used"
            } else {
                shared
            };
            (name, budget.period, budget.usage(now), consequence)
        };
        self.named().map(usage).collect()
    }

    /// Iterates over the budgets with their names in messages.
    fn named(&self) -> impl Iterator<Item = (String, &Arc<PeriodBudget>)> {
        let shared = [&self.day, &self.month].map(|budget| (shared_name(budget.period), budget));
        let callers = self.callers.iter();
        let callers = callers.map(|(name, budget)| (token_name(name), budget));
        let providers = self.providers.iter();
        let providers = providers.map(|(name, budget)| (provider_name(name), budget));
        shared.into_iter().chain(callers).chain(providers)
    }
}

/// Budgets that the requests of one client count against; cheap to clone.
#[derive(Debug, Clone)]
pub struct BudgetScope {
    budgets: Arc<Budgets>,
    own: Option<Arc<PeriodBudget>>,
}

impl BudgetScope {
    /// Returns the remaining amount; `None` if there is no limit.
    pub fn headroom(&self, now: UnixTime) -> Option<BudgetHeadroom> {
        let left = self
            .period_budgets()
            .filter_map(|budget| budget.left(now))
            .min()?;
        let on_limit = self.budgets.on_limit;
        Some(BudgetHeadroom { left, on_limit })
    }

    /// Reserves the maximum cost of an attempt in every budget; returns `None` and reserves nothing if
    /// `must_fit` is set and one budget is exceeded. With an unknown price `amount` is `None`, and the
    /// attempt is only counted. `expected` is settled if the actual cost stays unknown. The budget of
    /// the provider that gets the attempt must cover it in any case: others can serve it.
    pub fn reserve(
        &self,
        amount: Option<Money>,
        expected: Money,
        must_fit: bool,
        (provider, now): (&str, UnixTime),
    ) -> Option<BudgetReservation> {
        let reserved = amount.unwrap_or(Money::ZERO);
        // Dropped on the way out, it releases what it has.
        let mut reservation = BudgetReservation {
            provider: self.budgets.providers.get(provider).map(Arc::clone),
            scope: self.clone(),
            period_ids: [None; MAX_BUDGETS],
            reserved,
            expected: amount.map(|amount| expected.min(amount)),
            is_open: true,
        };
        let mut period_ids = [None; MAX_BUDGETS];
        let shared = self.period_budgets().map(|budget| (budget, must_fit));
        let own = reservation.provider.iter().map(|budget| (budget, true));
        for ((budget, must_fit), id) in shared.chain(own).zip(&mut period_ids) {
            *id = budget.reserve(reserved, must_fit, now);
            if id.is_none() {
                reservation.period_ids = period_ids;
                return None;
            }
        }
        reservation.period_ids = period_ids;
        Some(reservation)
    }

    /// Counts a rejected request in every budget that does not cover `needed`, those of the
    /// `providers` that it could have gone to included.
    pub fn count_rejected(&self, needed: Money, providers: &[Arc<str>], now: UnixTime) {
        let own = providers
            .iter()
            .filter_map(|name| self.budgets.providers.get(name));
        for budget in self.period_budgets().chain(own) {
            budget.count_rejected(needed, now);
        }
    }

    /// Returns the budget with the smallest remaining amount, for a rejected request that needs at least
    /// `needed`: one of its own or of the `providers` that it could have gone to; `None` if there is no
    /// limit.
    pub fn check_budget(
        &self,
        needed: Money,
        providers: &[Arc<str>],
        now: UnixTime,
    ) -> Option<BudgetExceeded> {
        let own = providers
            .iter()
            .filter_map(|name| self.budgets.providers.get(name));
        let tightest = self.period_budgets().chain(own).min_by_key(|budget| {
            let left = budget.left(now);
            (left.is_none(), left)
        })?;
        let mut named = self.budgets.named();
        let (name, _) = named.find(|(_, budget)| Arc::ptr_eq(budget, tightest))?;
        let view = tightest.usage(now);
        view.limit?;
        Some(BudgetExceeded { name, view, needed })
    }

    /// Iterates over the budgets, that of the token first, because it is the most likely to be used up.
    fn period_budgets(&self) -> impl Iterator<Item = &Arc<PeriodBudget>> {
        let own = self.own.iter();
        own.chain([&self.budgets.day, &self.budgets.month])
    }
}

/// Budgets that one attempt counts against: of its token, the day, the month and its provider.
const MAX_BUDGETS: usize = 4;

/// Reservation of one attempt. Dropped unsettled it is released, because nothing was sent.
#[derive(Debug)]
pub struct BudgetReservation {
    scope: BudgetScope,
    provider: Option<Arc<PeriodBudget>>,
    period_ids: [Option<PeriodId>; MAX_BUDGETS],
    reserved: Money,
    /// `None` if the price is unknown.
    expected: Option<Money>,
    is_open: bool,
}

impl BudgetReservation {
    /// Settles the actual cost; `None` settles the expected one. Later calls have no effect.
    pub fn settle(&mut self, cost: Option<Money>) {
        if !std::mem::replace(&mut self.is_open, false) {
            return;
        }
        let spent = cost.or(self.expected);
        for (budget, period_id) in self.reserved_in() {
            budget.settle(period_id, self.reserved, spent.unwrap_or(Money::ZERO));
            if spent.is_none() {
                budget.count_unknown(period_id);
            }
        }
    }

    /// Iterates over the budgets that hold the amount, with their periods.
    fn reserved_in(&self) -> impl Iterator<Item = (&Arc<PeriodBudget>, PeriodId)> {
        let budgets = self.scope.period_budgets().chain(&self.provider);
        let held = budgets.zip(self.period_ids);
        held.filter_map(|(budget, period_id)| Some((budget, period_id?)))
    }
}

impl Drop for BudgetReservation {
    fn drop(&mut self) {
        if self.is_open {
            for (budget, period_id) in self.reserved_in() {
                budget.settle(period_id, self.reserved, Money::ZERO);
            }
        }
    }
}

/// States the budget, its limit, the spent and reserved amounts, and the time of its reset.
impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, view, needed } = self;
        let limit = view.limit.unwrap_or_default();
        let reserved = if view.reserved > Money::ZERO {
            format!(
                " and {} is reserved for running requests",
                format_usd(view.reserved)
            )
        } else {
            String::new()
        };
        write!(
            f,
            "{name} does not cover this request, which may cost up to {}: {} of {} is \
             spent{reserved}; it resets at {}",
            format_usd(*needed),
            format_usd(view.spent),
            format_usd(limit),
            minute(view.resets_at)
        )
    }
}

pub(super) fn shared_name(period: Period) -> String {
    format!("[budget] usd_per_{}", period.as_str())
}

fn token_name(token: &str) -> String {
    format!("usd_per_day of the token {token:?}")
}

pub(super) fn provider_name(provider: &str) -> String {
    format!("usd_per_day of the provider {provider:?}")
}
