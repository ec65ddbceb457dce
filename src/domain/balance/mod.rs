//! One decision: who serves this request.
//!
//! 1. A hard filter that nothing relaxes: capabilities, constraints, switched off, tried already.
//! 2. A soft filter of the moment: breaker, told to wait, full, rate limit used up. Then money: who
//!    fits into what may still be spent.
//! 3. The provider that an operator pinned, then the one that the client prefers, where it passes
//!    both and is more likely to succeed than to fail.
//! 4. A half-open target's trial, for first attempts.
//! 5. Now and then whoever was not asked for long, so that it stays measured.
//! 6. The strategy. `adaptive` draws by `odds = headroom · exp((S − S_best) / temperature)`;
//!    fallbacks take the best of those not tried, other providers before the failed one's other
//!    models.
//! 7. In need, where only our guesses keep everybody out: whoever may be back first.

mod admission;
mod ask;
mod exclusion;
mod field;
#[cfg(test)]
mod laws;
mod means;
#[cfg(test)]
mod strategy_tests;
#[cfg(test)]
mod tests;

pub use ask::{Ask, Scope};
pub use exclusion::Exclusion;
pub use field::{Entry, Field, Row, set_odds, worth};
use field::{best, score};
pub use means::Most;
use means::is_over;

pub use crate::domain::budget::Means;
use crate::domain::chance::Luck;
use crate::domain::lease::{Lease, Terms};
use crate::domain::score::Factors;
use crate::domain::snapshot::{RoutingTable, Strategy};
use crate::domain::target::Class;
use crate::domain::units::Moment;
use std::time::Duration;

/// Whoever was not asked for so many seconds is worth an exploration.
const STALE: f64 = 30.0;
/// In need nobody is sent where it would take longer than so many seconds to be welcome.
const LONGEST_NEED: f64 = 10.0;

/// The answer; what explains it is in the [`Field`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Place in the catalogue.
    pub target: usize,
    pub score: f64,
    pub factors: Factors,
    /// Odds it had, 0..1.
    pub share: f64,
    pub reason: Reason,
    /// Whether it goes as the one trial of a half-open breaker.
    pub trial: bool,
    /// USD; nothing where the price is unknown.
    pub expected_usd: Option<f64>,
    /// Seconds.
    pub expected_latency: f64,
    /// Tokens in and out.
    pub expected_tokens: f64,
    /// The most it may come to.
    pub most: Most,
    /// Sent although no budget has room for it, because requests shall go on.
    pub is_over_budget: bool,
    pub class: Class,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    pub target: usize,
    pub score: f64,
    pub share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// First by what the strategy compares.
    Best,
    /// Drawn by odds.
    Drawn,
    /// The one that an operator sends everything to for now.
    Pinned,
    /// The one that was wished for.
    Preferred,
    /// The only one that may serve.
    Only,
    /// A half-open breaker's trial.
    Trial,
    /// Not asked for long, so that nobody knows how it does.
    Explored,
    /// Best of those not tried, after a failure.
    Fallback,
    /// The cheapest that may serve: the budget is used up, and requests go on.
    Cheapest,
    /// Everybody is out for the moment, and this one may be back first.
    Need,
}

impl Reason {
    pub const ALL: [Self; 10] = [
        Self::Best,
        Self::Drawn,
        Self::Pinned,
        Self::Preferred,
        Self::Only,
        Self::Trial,
        Self::Explored,
        Self::Fallback,
        Self::Cheapest,
        Self::Need,
    ];

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Best => "best score",
            Self::Drawn => "drawn by share",
            Self::Pinned => "pinned by an operator",
            Self::Preferred => "preferred provider",
            Self::Only => "only one allowed",
            Self::Trial => "trial of a half-open breaker",
            Self::Explored => "explored: not asked for long",
            Self::Fallback => "fallback after a failure",
            Self::Cheapest => "cheapest allowed: the budget is used up",
            Self::Need => "in need: everybody is out, this one may be back first",
        }
    }

    /// Whether other weights could have chosen otherwise.
    pub const fn is_weighed(self) -> bool {
        matches!(self, Self::Best | Self::Drawn | Self::Fallback)
    }
}

/// Nobody may serve.
#[derive(Debug, Clone)]
pub struct NoTarget {
    pub rejected: Vec<(usize, Exclusion)>,
    /// The soonest recovery, where waiting may help.
    pub retry_after: Option<Duration>,
}

/// Decides. Asks nobody, changes nothing but `field`, and allocates only where nobody may serve
/// or the field was never as large.
pub fn choose(
    table: &RoutingTable,
    ask: &Ask<'_>,
    now: Moment,
    luck: Luck,
    field: &mut Field,
) -> Result<Choice, NoTarget> {
    field.survey(table, ask, now);
    let picked =
        pick(table, ask, field.rows(), luck, now).or_else(|| in_need(table, ask, field, now));
    let Some((place, reason)) = picked else {
        let rejected = field.rejected();
        let waits = rejected.iter().filter_map(|(_, why)| why.recovery(now));
        return Err(NoTarget {
            retry_after: waits.min(),
            rejected,
        });
    };
    let row = &field.rows()[place];
    let candidate = &table.candidates[row.target];
    let most = Most::of(candidate, ask, field.output);
    let is_over_budget = is_over(ask.means, most);
    let reason = match reason {
        Reason::Trial | Reason::Need => reason,
        _ if is_over_budget => Reason::Cheapest,
        _ => reason,
    };
    Ok(Choice {
        target: row.target,
        score: score(table, row),
        factors: row.factors(),
        share: row.odds,
        reason,
        trial: reason == Reason::Trial,
        expected_usd: candidate
            .price
            .as_ref()
            .map(|price| price.of(ask.input, field.output)),
        expected_latency: row.predicted.latency(field.output),
        expected_tokens: ask.input + field.output,
        most,
        is_over_budget,
        class: ask.class,
    })
}

impl Choice {
    /// Takes the place that was chosen; nothing where somebody else was quicker.
    pub fn lease(&self, table: &RoutingTable, now: Moment) -> Option<Lease> {
        let candidate = &table.candidates[self.target];
        let terms = Terms {
            limit: candidate.max_concurrent,
            own_limit: candidate.own_max_concurrent,
            rates: candidate.rates,
            most_tokens: self.most.tokens,
            trial: self.trial,
            tokens: self.expected_tokens,
            class: self.class,
        };
        Lease::take(&candidate.gauge, &candidate.provider_gauge, terms, now)
    }
}

/// The odds of every target for such a request, by the same code that draws; they sum to 1, or
/// to 0 where nobody may serve. Targets that are only on trial have none.
pub fn shares(table: &RoutingTable, ask: &Ask<'_>, now: Moment) -> Vec<Ranked> {
    let mut field = Field::default();
    field.survey(table, ask, now);
    let ranked = |row: &Row| Ranked {
        target: row.target,
        score: score(table, row),
        share: row.odds,
    };
    let rows = field.rows().iter();
    rows.filter(|row| !matches!(row.entry, Entry::Out(_)))
        .map(ranked)
        .collect()
}

/// What every target of the catalogue is worth for a request, whether or not it may serve now or
/// serves such requests at all.
pub fn appraise(table: &RoutingTable, ask: &Ask<'_>, now: Moment) -> Vec<(Factors, f64)> {
    let (mut all, mut alone) = (Field::default(), Field::default());
    all.survey(table, ask, now);
    let mut rows = all.rows().iter().peekable();
    let worth = |target: usize| {
        let row = if let Some(row) = rows.next_if(|row| row.target == target) {
            row
        } else {
            let scope = Scope::Only(&[target]);
            alone.survey(table, &Ask { scope, ..*ask }, now);
            &alone.rows()[0]
        };
        (row.factors(), score(table, row))
    };
    (0..table.candidates.len()).map(worth).collect()
}

/// The place of the chosen row, and why.
fn pick(
    table: &RoutingTable,
    ask: &Ask<'_>,
    rows: &[Row],
    luck: Luck,
    now: Moment,
) -> Option<(usize, Reason)> {
    let first_attempt = ask.tried.is_empty();
    let admitted = |row: &Row| row.is_admitted();
    let wishes = [
        (table.pinned, Reason::Pinned),
        (ask.preferred, Reason::Preferred),
    ];
    for (provider, reason) in wishes {
        if let Some(provider) = provider
            && let Some(wished) = field::wished(rows, provider)
        {
            return Some((wished, reason));
        }
    }
    if !first_attempt {
        let of = |&tried: &usize| Some(table.candidates.get(tried)?.provider);
        let failed = |provider| {
            ask.tried
                .iter()
                .filter_map(of)
                .any(|tried| tried == provider)
        };
        return next(rows, failed).map(|place| (place, Reason::Fallback));
    }
    if let Some(trial) = rows.iter().position(|row| row.entry == Entry::Trial) {
        return Some((trial, Reason::Trial));
    }
    let mut alone = rows.iter().enumerate().filter(|(_, row)| admitted(row));
    let (only, _) = alone.next()?;
    if alone.next().is_none() {
        return Some((only, Reason::Only));
    }
    let explores = matches!(table.strategy, Strategy::Adaptive | Strategy::LowestLatency);
    if explores
        && luck.gate < table.tuning.exploration
        && let Some(stale) = stalest(table, rows, now)
    {
        return Some((stale, Reason::Explored));
    }
    match table.strategy {
        Strategy::RoundRobin => best(rows, admitted).map(|place| (place, Reason::Best)),
        Strategy::Adaptive | Strategy::Weighted => Some((drawn(rows, luck.draw)?, Reason::Drawn)),
        _ => Some((drawn(rows, luck.draw)?, Reason::Best)),
    }
}

/// After a failure: other providers first, then the failed one's other models.
pub fn next(rows: &[Row], failed: impl Fn(usize) -> bool) -> Option<usize> {
    best(rows, |row| row.is_admitted() && !failed(row.provider))
        .or_else(|| best(rows, Row::is_admitted))
}

/// One draw by odds.
pub fn drawn(rows: &[Row], draw: f64) -> Option<usize> {
    let mut left = draw;
    let mut last = None;
    for (place, row) in rows.iter().enumerate().filter(|(_, row)| row.odds > 0.0) {
        if left < row.odds {
            return Some(place);
        }
        left -= row.odds;
        last = Some(place);
    }
    // Rounding can leave a hair's breadth at the end.
    last
}

/// The admitted one that was not asked for the longest time, where that is long enough.
fn stalest(table: &RoutingTable, rows: &[Row], now: Moment) -> Option<usize> {
    let asked = |row: &Row| table.candidates[row.target].gauge.last_start();
    let admitted = rows.iter().enumerate().filter(|(_, row)| row.is_admitted());
    let (place, since) = admitted
        .map(|(place, row)| (place, asked(row)))
        .min_by_key(|&(_, since)| since)?;
    (now.seconds_since(since) > STALE).then_some(place)
}

/// Where only the moment keeps everybody out: the one that may be back first, sent at once.
fn in_need(
    table: &RoutingTable,
    ask: &Ask<'_>,
    field: &Field,
    now: Moment,
) -> Option<(usize, Reason)> {
    let (rows, tokens) = (field.rows(), ask.input + field.output);
    let mut soonest: Option<(f64, usize)> = None;
    for (place, row) in rows.iter().enumerate() {
        let wait = match &row.entry {
            Entry::Out(why) => {
                let candidate = &table.candidates[row.target];
                let most = Most::of(candidate, ask, field.output).tokens;
                admission::need(candidate, why, (tokens, most), now)
            }
            // Half-open, but this is no first attempt.
            Entry::Trial => Some(admission::ILL),
            Entry::Admitted => None,
        };
        let Some(wait) = wait else { continue };
        let is_sooner = soonest
            .is_none_or(|(best, at)| wait < best || (wait == best && row.worth > rows[at].worth));
        if is_sooner {
            soonest = Some((wait, place));
        }
    }
    let longest = ask
        .remaining
        .map_or(LONGEST_NEED, |left| left.min(LONGEST_NEED));
    let (wait, place) = soonest?;
    (wait <= longest).then_some((place, Reason::Need))
}
