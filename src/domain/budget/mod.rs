//! What may be spent: in a day and in a month by everybody, and in a day by each client token.
//!
//! An attempt reserves the most that it may come to before it is sent, and settles what it came to
//! after its end. Reservations are atomic, so that of a hundred requests at once exactly as many
//! are let in as the budget is good for. What is booked belongs to the day and the month in which
//! it was reserved.

mod period_budget;
#[cfg(test)]
mod tests;

pub use period_budget::{BudgetUsage, Period};

use super::units::{Money, UnixTime};
use period_budget::{NOTIFIED_NEARLY_SPENT, NOTIFIED_SPENT, PeriodBudget, PeriodId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// From this part of a budget on, people are told.
const NOTIFY_FROM_SHARE: f64 = 0.8;

/// What happens to a request that does not fit into what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverBudgetPolicy {
    #[default]
    Reject,
    /// Only the cheapest target that may serve it does.
    Cheapest,
}

/// What is configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BudgetConfig {
    /// Nothing: no limit.
    pub per_day: Option<Money>,
    pub per_month: Option<Money>,
    pub on_limit: OverBudgetPolicy,
    /// Client tokens by name, with what each may spend in a day.
    pub callers: Vec<(Arc<str>, Option<Money>)>,
}

/// All budgets. Made by the engine from what is configured; the figures in it are moved by
/// requests.
#[derive(Debug)]
pub struct Budgets {
    on_limit: OverBudgetPolicy,
    since: UnixTime,
    day: Arc<PeriodBudget>,
    month: Arc<PeriodBudget>,
    callers: BTreeMap<Arc<str>, Arc<PeriodBudget>>,
}

/// What one request may still spend, all its budgets together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetHeadroom {
    pub left: Money,
    pub on_limit: OverBudgetPolicy,
}

impl BudgetHeadroom {
    /// Whether so much may be reserved; nothing always may.
    pub fn allows(self, amount: Money) -> bool {
        amount == Money::ZERO || amount <= self.left
    }
}

/// The figures of all budgets, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetSnapshot {
    pub on_limit: OverBudgetPolicy,
    /// Spending before is not known: figures live in memory.
    pub since: UnixTime,
    pub day: BudgetUsage,
    pub month: BudgetUsage,
    /// One for each client token, over the day, by name.
    pub callers: Vec<(Arc<str>, BudgetUsage)>,
}

/// A budget that has no room for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetExceeded {
    /// Which, in words.
    pub name: String,
    pub view: BudgetUsage,
    /// The least that any allowed target may come to.
    pub needed: Money,
}

impl Budgets {
    pub fn new(terms: &BudgetConfig, now: UnixTime) -> Self {
        let fresh = Self {
            on_limit: terms.on_limit,
            since: now,
            day: Arc::new(PeriodBudget::new(Period::Day, None)),
            month: Arc::new(PeriodBudget::new(Period::Month, None)),
            callers: BTreeMap::new(),
        };
        fresh.with_config(terms)
    }

    /// The same budgets under other terms; what is spent stays spent.
    #[must_use]
    pub fn with_config(&self, terms: &BudgetConfig) -> Self {
        self.day.set_limit(terms.per_day);
        self.month.set_limit(terms.per_month);
        let purse = |(name, limit): &(Arc<str>, Option<Money>)| {
            let known = self.callers.get(name).map(Arc::clone);
            let purse = known.unwrap_or_else(|| Arc::new(PeriodBudget::new(Period::Day, None)));
            purse.set_limit(*limit);
            (Arc::clone(name), purse)
        };
        Self {
            on_limit: terms.on_limit,
            since: self.since,
            day: Arc::clone(&self.day),
            month: Arc::clone(&self.month),
            callers: terms.callers.iter().map(purse).collect(),
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

    pub fn snapshot(&self, now: UnixTime) -> BudgetSnapshot {
        let callers = self.callers.iter();
        BudgetSnapshot {
            on_limit: self.on_limit,
            since: self.since,
            day: self.day.usage(now),
            month: self.month.usage(now),
            callers: callers
                .map(|(name, purse)| (Arc::clone(name), purse.usage(now)))
                .collect(),
        }
    }

    /// What is new since the last call, each thing once in its period: that most of a budget is
    /// spent, that it is used up (bad news), how a period ended.
    pub fn take_events(&self, now: UnixTime) -> Vec<(bool, String)> {
        let mut news = Vec::new();
        for (name, purse) in self.named() {
            if let Some(last) = purse.take_ended(now)
                && let (Some(limit), Some(part)) = (last.limit, last.used_share())
            {
                let (spent, percent) = (format_usd(last.spent), part * 100.0);
                let (period, limit) = (purse.period.as_str(), format_usd(limit));
                news.push((
                    false,
                    format!("{name}: the {period} ended at {spent} of {limit} ({percent:.0} %)"),
                ));
            }
            let view = purse.usage(now);
            let Some((limit, part)) = view.limit.zip(view.used_share()) else {
                continue;
            };
            let is_used_up = part >= 1.0 || (part >= NOTIFY_FROM_SHARE && view.turned_away > 0);
            let (spent, limit) = (format_usd(view.spent), format_usd(limit));
            let until = minute(view.resets_at);
            if is_used_up && purse.raise_notified(NOTIFIED_SPENT, now) {
                let what = match self.on_limit {
                    OverBudgetPolicy::Reject => "requests are rejected",
                    OverBudgetPolicy::Cheapest => "only the cheapest targets are used",
                };
                news.push((
                    true,
                    format!("{name} is used up, {spent} of {limit}: {what} until {until}"),
                ));
            } else if part >= NOTIFY_FROM_SHARE && purse.raise_notified(NOTIFIED_NEARLY_SPENT, now)
            {
                let percent = part * 100.0;
                news.push((
                    true,
                    format!("{name}: {percent:.0} % is spent, {spent} of {limit} until {until}"),
                ));
            }
        }
        news
    }

    /// Every purse with what it is called.
    fn named(&self) -> impl Iterator<Item = (String, &Arc<PeriodBudget>)> {
        let callers = self.callers.iter();
        let shared = [&self.day, &self.month].map(|purse| (shared_name(purse.period), purse));
        let own = callers.map(|(name, purse)| (own_name(name), purse));
        shared.into_iter().chain(own)
    }
}

/// Who pays for one client's requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct BudgetScope {
    budgets: Arc<Budgets>,
    own: Option<Arc<PeriodBudget>>,
}

impl BudgetScope {
    /// What may still be spent; nothing where there is no limit.
    pub fn headroom(&self, now: UnixTime) -> Option<BudgetHeadroom> {
        let left = self
            .period_budgets()
            .filter_map(|purse| purse.left(now))
            .min()?;
        let on_limit = self.budgets.on_limit;
        Some(BudgetHeadroom { left, on_limit })
    }

    /// Reserves the most that an attempt may come to, in every budget or in none; nothing where it
    /// must fit and does not. `amount` is nothing where the price is unknown: then nothing can be
    /// reserved, and the attempt is only counted. `expected` is what is kept where nobody can tell
    /// what it came to.
    pub fn reserve(
        &self,
        amount: Option<Money>,
        expected: Money,
        must_fit: bool,
        now: UnixTime,
    ) -> Option<BudgetReservation> {
        let reserved = amount.unwrap_or(Money::ZERO);
        let mut pages = [None; 3];
        for (place, purse) in self.period_budgets().enumerate() {
            let Some(page) = purse.reserve(reserved, must_fit, now) else {
                release(self, &pages, reserved);
                return None;
            };
            pages[place] = Some(page);
        }
        Some(BudgetReservation {
            payer: self.clone(),
            pages,
            reserved,
            expected: amount.map(|amount| expected.min(amount)),
            is_open: true,
        })
    }

    /// Counts a request that needs so much, wherever it finds no room.
    pub fn count_rejected(&self, needed: Money, now: UnixTime) {
        for purse in self.period_budgets() {
            purse.count_rejected(needed, now);
        }
    }

    /// The budget with the least room, for a request that needs at least so much and found none.
    pub fn check_budget(&self, needed: Money, now: UnixTime) -> Option<BudgetExceeded> {
        let tightest = self.period_budgets().min_by_key(|purse| {
            let left = purse.left(now);
            (left.is_none(), left)
        })?;
        let own = self.own.as_ref();
        let name = if own.is_some_and(|own| Arc::ptr_eq(own, tightest)) {
            let callers = &mut self.budgets.callers.iter();
            let name = callers.find(|(_, purse)| Arc::ptr_eq(purse, tightest));
            name.map_or_else(String::new, |(name, _)| own_name(name))
        } else {
            shared_name(tightest.period)
        };
        let view = tightest.usage(now);
        view.limit?;
        Some(BudgetExceeded { name, view, needed })
    }

    /// The narrowest first: a token's own budget is the likeliest to have no room.
    fn period_budgets(&self) -> impl Iterator<Item = &Arc<PeriodBudget>> {
        let own = self.own.iter();
        own.chain([&self.budgets.day, &self.budgets.month])
    }
}

/// What one attempt has reserved. Dropped unsettled it gives everything back: then nothing was
/// sent.
#[derive(Debug)]
pub struct BudgetReservation {
    payer: BudgetScope,
    pages: [Option<PeriodId>; 3],
    reserved: Money,
    /// Nothing where the price is unknown.
    expected: Option<Money>,
    is_open: bool,
}

impl BudgetReservation {
    /// It came to so much, or nobody can tell; then what was expected is kept. Counts once.
    pub fn settle(&mut self, cost: Option<Money>) {
        if !std::mem::replace(&mut self.is_open, false) {
            return;
        }
        let spent = cost.or(self.expected);
        for (purse, page) in self.payer.period_budgets().zip(self.pages) {
            let Some(page) = page else { continue };
            purse.settle(page, self.reserved, spent.unwrap_or(Money::ZERO));
            if spent.is_none() {
                purse.count_unknown(page);
            }
        }
    }
}

impl Drop for BudgetReservation {
    fn drop(&mut self) {
        if self.is_open {
            release(&self.payer, &self.pages, self.reserved);
        }
    }
}

fn release(payer: &BudgetScope, pages: &[Option<PeriodId>; 3], reserved: Money) {
    for (purse, page) in payer.period_budgets().zip(pages) {
        if let Some(page) = *page {
            purse.settle(page, reserved, Money::ZERO);
        }
    }
}

/// The budget, its limit, the money spent, and the time of its next period.
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

fn shared_name(period: Period) -> String {
    format!("[budget] usd_per_{}", period.as_str())
}

fn own_name(token: &str) -> String {
    format!("usd_per_day of the token {token:?}")
}

/// Small amounts with more digits: `$12.40`, `$0.0410`, `$0.0000135`.
pub fn format_usd(amount: Money) -> String {
    match amount.usd() {
        usd if usd >= 1.0 || usd == 0.0 => format!("${usd:.2}"),
        usd if usd >= 0.01 => format!("${usd:.4}"),
        usd => format!("${usd:.7}"),
    }
}

/// `2026-11-24 00:00 UTC`
fn minute(at: UnixTime) -> String {
    let seconds = i64::try_from(at.unix_seconds()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "an unknown time".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}
