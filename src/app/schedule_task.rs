//! The task that changes the weights at the times of `[[schedules]]`.

use crate::client::{ApiError, LocalClient};
use crate::clock;
use crate::contract::WeightsChange;
use crate::domain::{
    CommandReply, ScheduledTime, UnixTime, WeightsSchedule, scheduled_change, scheduled_next,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Longest wait: the machine may sleep, and its clock may be set.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Wait after a change that did not succeed.
const RETRY: Duration = Duration::from_secs(1);
/// Where the changes come from, in the audit log.
const ORIGIN: &str = "local";

/// The schedules that a configuration has.
pub(super) type Schedules = Arc<[WeightsSchedule]>;

#[derive(Debug)]
pub(super) struct ScheduleTask {
    local: LocalClient,
    schedules: watch::Receiver<Schedules>,
    /// Times before it are left out: the store could not be read at the start, and an operator may have
    /// changed the weights since.
    not_before: Option<UnixTime>,
}

impl ScheduleTask {
    pub fn new(
        local: LocalClient,
        schedules: watch::Receiver<Schedules>,
        not_before: Option<UnixTime>,
    ) -> Self {
        Self {
            local,
            schedules,
            not_before,
        }
    }

    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let schedules = Arc::clone(&self.schedules.borrow_and_update());
            let wait = match self.apply(&schedules).await {
                Ok(()) => wait(&schedules, clock::now()),
                Err(error) => {
                    tracing::warn!("the weights of a schedule do not apply yet: {error}");
                    RETRY
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.schedules.changed() => if changed.is_err() {
                    return;
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Applies the schedule in force, unless its weights are in effect or a later change holds.
    async fn apply(&self, schedules: &[WeightsSchedule]) -> Result<(), ApiError> {
        if schedules.is_empty() {
            return Ok(());
        }
        let handle = self.local.handle();
        let CommandReply::Weights {
            weights, revision, ..
        } = handle.weights().await?
        else {
            return Ok(());
        };
        let revisions = handle.revisions().await?;
        let due = scheduled_change(schedules, weights, &revisions, clock::now());
        let is_early = |due: &ScheduledTime<'_>| self.not_before.is_some_and(|from| due.at < from);
        let Some(due) = due.filter(|due| !is_early(due)) else {
            return Ok(());
        };
        let next = due.schedule.weights.over(weights);
        let change = WeightsChange {
            cost: Some(next.cost),
            latency: Some(next.latency),
            reliability: Some(next.reliability),
            load: Some(next.load),
            priority: Some(next.priority),
            // A change in between comes first, and holds.
            revision: Some(revision),
            ..WeightsChange::default()
        };
        let actor = self.local.acting_as(&due.schedule.author(), ORIGIN);
        actor.set_weights(change).await?;
        Ok(())
    }
}

/// Time until a schedule begins.
fn wait(schedules: &[WeightsSchedule], now: UnixTime) -> Duration {
    let next = scheduled_next(schedules, now);
    next.map_or(MAX_WAIT, |next| next.at.since(now).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::InstanceInfo;
    use crate::domain::{
        BalancerState, Catalogue, ScheduledWeights, Strategy, WeeklyTime, Weights,
    };
    use crate::engine::{self, EngineHandle};
    use jiff::tz::TimeZone;

    const MINUTE: Duration = Duration::from_mins(1);

    /// A schedule that begins so many minutes after the present one.
    fn schedule(name: &str, minutes: i64, cost: f64) -> WeightsSchedule {
        let now = i64::try_from(clock::now().unix_seconds()).unwrap();
        let at = jiff::Timestamp::from_second(now + 60 * minutes).unwrap();
        let at = at.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string();
        WeightsSchedule {
            name: name.into(),
            at: WeeklyTime::parse(&at).unwrap(),
            zone: TimeZone::UTC,
            weights: ScheduledWeights {
                cost,
                latency: 90.0 - cost,
                reliability: 10.0,
                load: None,
                priority: None,
            },
        }
    }

    struct Running {
        local: LocalClient,
        schedules: watch::Sender<Schedules>,
        stop: CancellationToken,
    }

    impl Running {
        fn start(schedules: Vec<WeightsSchedule>, not_before: Option<UnixTime>) -> Self {
            let (catalogue, now) = (Catalogue::default(), clock::now());
            let weights = Weights::default();
            let state = BalancerState::new(catalogue, Strategy::Adaptive, weights, 1, now);
            let (engine, handle, _persisted) = engine::build(state, 1);
            let stop = CancellationToken::new();
            tokio::spawn(engine.run(stop.clone()));
            let info = InstanceInfo {
                version: String::new(),
                environment: String::new(),
            };
            let local = LocalClient::new(handle, info);
            let schedules = watch::Sender::new(schedules.into());
            let task = ScheduleTask::new(local.clone(), schedules.subscribe(), not_before);
            tokio::spawn(task.run(stop.clone()));
            Self {
                local,
                schedules,
                stop,
            }
        }

        fn handle(&self) -> &EngineHandle {
            self.local.handle()
        }

        async fn cost(&self) -> f64 {
            let CommandReply::Weights { weights, .. } = self.handle().weights().await.unwrap()
            else {
                unreachable!()
            };
            weights.cost
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            self.stop.cancel();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn weights_change_at_their_time_and_a_manual_change_holds_until_the_next() {
        let all = vec![
            schedule("evening", 10, 60.0),
            schedule("night", 20, 20.0),
            schedule("day", -10, 40.0),
        ];
        let running = Running::start(all, None);
        tokio::time::sleep(MINUTE).await;
        assert_eq!(
            running.cost().await,
            40.0,
            "the schedule in force at the start"
        );
        tokio::time::sleep(10 * MINUTE).await;
        assert_eq!(running.cost().await, 60.0);
        let change = WeightsChange {
            cost: Some(30.0),
            latency: Some(60.0),
            ..WeightsChange::default()
        };
        let by_hand = running.local.acting_as("ops", "local");
        by_hand.set_weights(change).await.unwrap();
        tokio::time::sleep(5 * MINUTE).await;
        assert_eq!(running.cost().await, 30.0, "the manual change holds");
        tokio::time::sleep(6 * MINUTE).await;
        assert_eq!(running.cost().await, 20.0, "until the next schedule");

        let revisions = running.handle().revisions().await.unwrap();
        let authors: Vec<&str> = revisions.iter().rev().map(|it| &*it.who).collect();
        let expected = ["schedule day", "schedule evening", "ops", "schedule night"];
        assert_eq!(authors, expected);
        running.schedules.send_replace(Vec::new().into());
        tokio::time::sleep(25 * 60 * MINUTE).await;
        assert_eq!(running.cost().await, 20.0, "a reload removed them");
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_past_only_later_times_count() {
        let all = vec![schedule("day", -10, 40.0), schedule("evening", 10, 60.0)];
        let running = Running::start(all, Some(clock::now()));
        tokio::time::sleep(MINUTE).await;
        assert_eq!(running.cost().await, Weights::default().cost);
        tokio::time::sleep(10 * MINUTE).await;
        assert_eq!(running.cost().await, 60.0);
    }
}
