//! The budgets of one client's requests, and what one attempt reserves of them.

use super::Budgets;
use super::config::OverBudgetPolicy;
use super::period_budget::BudgetUsage;
use super::period_budget::{PeriodBudget, PeriodId};
use super::text::{format_usd, minute};
use crate::domain::units::{Money, UnixTime};
use std::fmt;
use std::sync::Arc;

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
    /// Returns the budgets that requests of a client token, or without a token, count against.
    pub fn scope_of(self: &Arc<Self>, caller: Option<&str>) -> BudgetScope {
        let own = caller.and_then(|name| self.callers.get(name));
        BudgetScope {
            own: own.map(|own| Arc::clone(&own.all)),
            budgets: Arc::clone(self),
        }
    }
}

/// Budgets that the requests of one client count against; cheap to clone.
#[derive(Debug, Clone)]
pub struct BudgetScope {
    budgets: Arc<Budgets>,
    /// Budgets of the client's token and of its group.
    own: Option<Arc<[Arc<PeriodBudget>]>>,
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
        let view = tightest.usage(now);
        view.limit?;
        let mut all = self.budgets.all();
        let (owner, _) = all.find(|(_, budget)| Arc::ptr_eq(budget, tightest))?;
        let name = owner.setting(tightest.calendar.period);
        Some(BudgetExceeded { name, view, needed })
    }

    /// Iterates over the budgets, those of the token first, because they are the most likely to be used
    /// up.
    fn period_budgets(&self) -> impl Iterator<Item = &Arc<PeriodBudget>> {
        let own = self.own.iter().flat_map(|own| own.iter());
        own.chain(&self.budgets.shared)
    }
}

/// Budgets that one attempt counts against: three each of its token, its group and all requests, and
/// that of its provider.
const MAX_BUDGETS: usize = 10;

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

    /// Returns true if the ledger knows of the reservation, or no limit depends on it.
    pub fn is_covered(&self) -> bool {
        if !self.scope.budgets.ledger.is_on() {
            return true;
        }
        self.reserved_in()
            .all(|(budget, period_id)| budget.is_covered(period_id))
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
