//! A second attempt beside one whose first content is late. The one that begins first is the response;
//! the other one is cancelled by being dropped.

use super::{AttemptResult, FailoverLoop, LeasedTarget, StartedAttempt};
use crate::clock;
use crate::domain::{
    HedgeReservation, HedgeResult, Money, RequestProfile, RouteOrder, TargetIdx, TargetScope,
    TargetSelection,
};
use crate::gateway::hedge_race::HedgeRace;
use crate::gateway::operation::Operation;
use crate::gateway::recovery::StreamRecovery;
use crate::gateway::upstream_call::UpstreamCall;
use crate::protocols::DroppedFields;
use futures_util::future::{Either, select};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

impl FailoverLoop<'_> {
    /// The time after which an attempt is late; `None` if it is not hedged. A request is hedged once at
    /// most, and not where the client sees nothing before the response is complete.
    pub(super) fn hedge_delay(&self, selection: &TargetSelection) -> Option<Duration> {
        let gateway = self.context.gateway;
        let table = gateway.handle.routing_table();
        table.tuning.hedge?;
        let is_held = matches!(gateway.config.load().recovery, StreamRecovery::Restart(_));
        let is_generation = matches!(self.context.request.operation, Operation::Generate(_));
        if !is_generation || is_held || self.recorder.was_late() {
            return None;
        }
        selection.hedge_delay(&table)
    }

    /// Makes an attempt, and a second one beside it when it is late and another target is free.
    pub(super) async fn race(
        &mut self,
        call: &UpstreamCall<'_>,
        mut first: StartedAttempt,
        delay: Duration,
        limits: (Duration, Instant),
    ) -> AttemptResult {
        let race = Arc::new(HedgeRace::default());
        first.attempt.enter(&race);
        let (late, late_id) = (first.selection, first.id.clone());
        let first_number = self.attempts.count();
        let mut first = Box::pin(first.send_apart(call));
        if let Ok(result) = timeout(delay, &mut first).await {
            return self.answered(result);
        }
        let Some((second, reservation)) = self.lease_hedge(&late) else {
            let result = first.await;
            return self.answered(result);
        };
        self.recorder.on_hedge(&second.selection, &second.id);
        let (beside, beside_id) = (second.selection, second.id.clone());
        let mut second = self.start(second, limits, Some(late.target));
        second.attempt.enter(&race);
        let second_number = self.attempts.count();
        let second = Box::pin(async {
            second.attempt.covered().await;
            second.send_apart(call).await
        });
        let result = match select(first, second).await {
            Either::Left((result, second)) if result.0.is_ok() => {
                race.win(first_number);
                drop(second);
                self.settle(HedgeResult::Lost, &race, reservation);
                result
            }
            Either::Right((result, first)) if result.0.is_ok() => {
                race.win(second_number);
                drop(first);
                self.recorder.set_target(&beside, &beside_id);
                self.settle(HedgeResult::Won, &race, reservation);
                result
            }
            Either::Left(((failed, _), second)) => {
                self.on_attempt_failed(&failed);
                self.recorder.on_taken_over(&beside, &beside_id);
                second.await
            }
            Either::Right(((failed, _), first)) => {
                self.on_attempt_failed(&failed);
                self.recorder.set_target(&late, &late_id);
                first.await
            }
        };
        self.answered(result)
    }

    fn answered(&mut self, (result, dropped): (AttemptResult, DroppedFields)) -> AttemptResult {
        self.recorder.dropped = dropped;
        result
    }

    /// Notes the failure of one of two attempts; the other one goes on.
    fn on_attempt_failed(&mut self, failed: &AttemptResult) {
        if let Err(failure) = &failed.result {
            let class = failure.error.failure;
            if class.is_retryable() {
                self.repeatable = Some((failed.selection.target, class));
            }
            self.on_failure(&failed.selection, failure, failed.is_first_token);
        }
    }

    fn settle(&mut self, result: HedgeResult, race: &HedgeRace, reservation: HedgeReservation) {
        let lost = race.lost();
        reservation.settle(lost.cost.unwrap_or_default(), clock::now());
        self.recorder.on_hedge_ended(result, lost);
    }

    /// Selects and leases another target for a request whose attempt is late, if there is one, and the
    /// hedges of all requests may cost that much.
    fn lease_hedge(&mut self, late: &TargetSelection) -> Option<(LeasedTarget, HedgeReservation)> {
        let table = self.context.gateway.handle.routing_table();
        let policy = table.tuning.hedge?;
        if !self.has_more_targets(&[late.target]) {
            return None;
        }
        let mut tried = self.tried.clone();
        tried.push(late.target);
        let profile = RequestProfile {
            is_hedge: true,
            ..self.profile(&tried)
        };
        let free = self.dry_run_of(&profile).ok()?;
        // Without a price its cost has no bound.
        let prompt_cost = |target: TargetIdx| {
            let price = table.candidates[target].price?;
            Some(Money::from_usd(price.cost_of(free.prompt, 0.0)))
        };
        let cost = prompt_cost(late.target)?.max(prompt_cost(free.target)?);
        if free.is_over_budget {
            return None;
        }
        let begun = table
            .hedges
            .try_begin(policy.usd_per_hour, cost, clock::now());
        // What was checked is what is leased.
        let checked = [free.target];
        let profile = RequestProfile {
            scope: TargetScope::Only(&checked),
            order: &RouteOrder::Balanced,
            ..profile
        };
        match begun {
            Ok(reservation) => Some((self.lease(&profile).ok()?, reservation)),
            Err(why) => {
                self.recorder.on_hedge_refused(why);
                None
            }
        }
    }
}
