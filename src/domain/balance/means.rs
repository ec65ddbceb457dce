//! Money as a constraint: who fits into what a request may still spend.

use super::exclusion::Exclusion;
use super::field::{Entry, Row};
use super::{Ask, Means, NoTarget};
use crate::domain::budget::OnLimit;
use crate::domain::pricing::{Usage, cost};
use crate::domain::snapshot::{Candidate, RoutingTable};
use crate::domain::units::Money;

/// The most that an attempt may come to: what is reserved of every limit before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Most {
    /// The estimated prompt, and what the client lets the answer have, or else what is expected of
    /// it; never more than the model can say.
    pub tokens: u64,
    /// Nothing where the price is unknown.
    pub cost: Option<Money>,
}

impl Most {
    pub fn of(candidate: &Candidate, ask: &Ask<'_>, expected_output: f64) -> Self {
        let stated = whole(ask.max_tokens.unwrap_or(expected_output));
        let able = candidate.capabilities.max_output.unwrap_or(u64::MAX);
        let usage = Usage {
            input: whole(ask.input),
            output: stated.min(able),
            ..Usage::default()
        };
        Self {
            tokens: usage.input.saturating_add(usage.output),
            cost: candidate.price.as_ref().map(|price| cost(usage, price)),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and what is no number counts as none"
)]
fn whole(tokens: f64) -> u64 {
    tokens.ceil().max(0.0) as u64
}

/// Leaves in only who fits into what may still be spent. Where nobody who may serve fits, and the
/// operator wants requests to go on, the cheapest of them stay. Whoever has no price stays as long
/// as the dearest of the others would fit: its cost may be anything, and cannot be reserved.
pub(super) fn keep_within(
    rows: &mut [Row],
    table: &RoutingTable,
    ask: &Ask<'_>,
    (output, dearest): (f64, (f64, f64)),
) {
    let Some(means) = ask.means else { return };
    let unpriced = ask.input * dearest.0 + ask.max_tokens.unwrap_or(output) * dearest.1;
    let needed = |row: &Row| {
        let most = Most::of(&table.candidates[row.target], ask, output);
        most.cost
            .unwrap_or_else(|| Money::from_usd(unpriced).max(Money::from_pico(1)))
    };
    let anybody_fits = rows
        .iter()
        .any(|row| may_serve(row) && means.allow(needed(row)));
    if means.on_limit == OnLimit::Cheapest && !anybody_fits {
        keep_cheapest(rows, table, ask, output);
        return;
    }
    for row in rows {
        let is_meant = match &row.entry {
            Entry::Admitted | Entry::Trial => true,
            // Back in a moment, but with no money to send anything there.
            Entry::Out(why) => means.on_limit == OnLimit::Refuse && why.is_of_the_moment(),
        };
        let needed = needed(row);
        if is_meant && !means.allow(needed) {
            let left = means.left;
            row.entry = Entry::Out(Exclusion::OverBudget { needed, left });
        }
    }
}

fn keep_cheapest(rows: &mut [Row], table: &RoutingTable, ask: &Ask<'_>, output: f64) {
    // Unknown is the dearest.
    let price = |row: &Row| {
        let most = Most::of(&table.candidates[row.target], ask, output);
        (most.cost.is_none(), most.cost)
    };
    let kind = if rows.iter().any(Row::is_admitted) {
        Entry::Admitted
    } else {
        Entry::Trial
    };
    let least = rows.iter().filter(|row| row.entry == kind).map(price).min();
    for row in rows {
        if may_serve(row) && (row.entry != kind || Some(price(row)) > least) {
            row.entry = Entry::Out(Exclusion::Dearer);
        }
    }
}

fn may_serve(row: &Row) -> bool {
    !matches!(row.entry, Entry::Out(_))
}

impl NoTarget {
    /// The least that would have been needed, where nothing but money stands in the way and waiting
    /// does not help.
    pub fn short_of_money(&self) -> Option<Money> {
        let needed = self.rejected.iter().filter_map(|(_, why)| match why {
            Exclusion::OverBudget { needed, .. } => Some(*needed),
            _ => None,
        });
        needed.min().filter(|_| self.retry_after.is_none())
    }
}

/// Whether that much goes beyond what may be spent, and is sent all the same.
pub(super) fn is_over(means: Option<Means>, most: Most) -> bool {
    let goes_on = means.filter(|means| means.on_limit == OnLimit::Cheapest);
    goes_on
        .zip(most.cost)
        .is_some_and(|(means, cost)| !means.allow(cost))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::balance::tests::{NOW, ask, candidate, table, three};
    use crate::domain::balance::{Choice, Field, NoTarget, Reason, choose};
    use crate::domain::{Luck, Standing};

    fn decide(
        table: &RoutingTable,
        left: f64,
        on_limit: OnLimit,
    ) -> (Result<Choice, NoTarget>, Vec<(usize, Exclusion)>) {
        let left = Money::from_usd(left);
        let means = Some(Means { left, on_limit });
        let asked = Ask { means, ..ask() };
        let mut field = Field::default();
        let choice = choose(table, &asked, NOW, Luck::drawing(0.99), &mut field);
        (choice, field.rejected())
    }

    /// What the first of `three` may come to: 500 tokens in at $0.5 and 300 out at $2.5.
    const CHEAPEST: f64 = 0.001;

    #[test]
    fn whoever_does_not_fit_is_out_and_the_others_serve() {
        for on_limit in [OnLimit::Refuse, OnLimit::Cheapest] {
            let (choice, rejected) = decide(&three(), CHEAPEST, on_limit);

            let choice = choice.expect("the cheapest fits");
            assert_eq!((choice.target, choice.reason), (0, Reason::Only));
            assert_eq!(choice.most.cost, Some(Money::from_usd(CHEAPEST)));
            assert!(!choice.is_over_budget);
            let text = rejected[0].1.text(NOW);
            assert_eq!(
                text,
                "may come to $0.0030000, but $0.0010000 of the budget is left"
            );
            assert_eq!(rejected.len(), 2);
        }
    }

    #[test]
    fn where_nobody_fits_requests_are_refused_or_go_on_with_the_cheapest() {
        let (refused, rejected) = decide(&three(), 0.0005, OnLimit::Refuse);
        assert_eq!(refused.unwrap_err().retry_after, None);
        assert_eq!(rejected.len(), 3);

        let (choice, rejected) = decide(&three(), 0.0005, OnLimit::Cheapest);
        let choice = choice.expect("requests go on");
        assert_eq!((choice.target, choice.reason), (0, Reason::Cheapest));
        assert!(choice.is_over_budget);
        assert_eq!(rejected, [(1, Exclusion::Dearer), (2, Exclusion::Dearer)]);
    }

    #[test]
    fn the_cheapest_is_the_cheapest_of_those_that_may_serve() {
        let mut table = three();
        table.candidates[0].standing = Standing::Draining;

        let (choice, _) = decide(&table, 0.0, OnLimit::Cheapest);

        assert_eq!(choice.expect("the next").target, 1);
    }

    #[test]
    fn who_may_be_back_in_a_moment_is_waited_for_only_where_it_fits() {
        let mut table = three();
        table.candidates[0].max_concurrent = Some(0);

        let (fits, _) = decide(&table, CHEAPEST, OnLimit::Refuse);
        assert!(fits.unwrap_err().retry_after.is_some());
        let (never, rejected) = decide(&table, CHEAPEST / 2.0, OnLimit::Refuse);
        assert_eq!(never.unwrap_err().retry_after, None);
        assert!(matches!(rejected[0].1, Exclusion::OverBudget { .. }));
    }

    #[test]
    fn what_is_free_always_fits_and_no_price_is_taken_for_the_dearest() {
        let mut table = three();
        table.candidates.push(candidate(3, "free", 0.0, 9.0, 0.02));
        let (choice, _) = decide(&table, 0.0, OnLimit::Refuse);
        assert_eq!(choice.expect("nothing is spent there").target, 3);

        let mut table = three();
        table.candidates[0].price = None;
        let dearest = 0.0061;
        let (_, rejected) = decide(&table, dearest, OnLimit::Refuse);
        assert_eq!(rejected, []);
        let (choice, rejected) = decide(&table, dearest - 0.001, OnLimit::Refuse);
        assert_eq!(choice.expect("one that fits").target, 1);
        assert_eq!(rejected.len(), 2);

        table.candidates.truncate(1);
        let (alone, _) = decide(&table, 0.01, OnLimit::Refuse);
        assert_eq!(alone.expect("something is left").most.cost, None);
        assert!(decide(&table, 0.0, OnLimit::Refuse).0.is_err());
        assert!(decide(&table, 0.0, OnLimit::Cheapest).0.is_ok());
    }

    #[test]
    fn what_is_reserved_is_what_the_client_allows_and_the_model_can_say() {
        let mut target = candidate(0, "m", 1.0, 1.0, 0.0);
        let tokens = |target: &Candidate, max_tokens| {
            let asked = Ask {
                max_tokens,
                ..ask()
            };
            Most::of(target, &asked, 300.0).tokens
        };
        assert_eq!(tokens(&target, None), 800);
        assert_eq!(tokens(&target, Some(4_000.0)), 4_500);
        target.capabilities.max_output = Some(1_000);
        assert_eq!(tokens(&target, Some(4_000.0)), 1_500);
        assert_eq!(tokens(&target, Some(f64::NAN)), 500);
        let lone = table(vec![target]);
        let choice = decide(&lone, 1.0, OnLimit::Refuse).0.expect("room");
        assert_eq!(choice.most.tokens, 800);
    }
}
