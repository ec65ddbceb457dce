//! Second attempts beside streams whose first content is late.

use super::clock::Clock;
use super::speech::Speech;
use super::wire::{Step, Wire, whole};
use super::{asking, configured, ended, head, header, seconds, served_by, usual};
use crate::bench::{Bench, start_tuned};
use aibal_tui::domain::{
    DecisionRecord, HedgePoint, HedgePolicy, HedgingSnapshot, Money, Outcome, Tuning,
};
use reqwest::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

const USUAL: Duration = Duration::from_millis(500);

/// Two upstreams, `a` with usual times to the first token of 0.5 s in 25 streams.
struct Pair {
    a: Wire,
    b: Wire,
    bench: Bench,
    clock: Clock,
}

impl Pair {
    async fn start(usd_per_hour: Option<f64>) -> Self {
        let clock = Clock::stopped();
        let (a, b) = (Wire::start().await, Wire::start().await);
        let tuning = Tuning {
            hedge: usd_per_hour.map(|usd| HedgePolicy {
                point: HedgePoint::P99,
                usd_per_hour: Money::from_usd(usd),
            }),
            ..Tuning::default()
        };
        let kind = Speech::Chat.kind();
        let (catalogue, directory) = configured(&[(&a, kind), (&b, kind)]);
        let bench = start_tuned(catalogue, directory, tuning, usual()).await;
        let pair = Self { a, b, bench, clock };
        pair.a.behave(Some(Speech::Chat.late(USUAL)));
        for _ in 0..25 {
            let response = pair.answer(pair.asked().await, USUAL).await;
            assert_eq!(head(&response), served_by("a", 1));
            response.text().await.unwrap();
        }
        ended(&pair.bench, 25).await;
        pair
    }

    /// A stream that `a` has taken.
    async fn asked(&self) -> JoinHandle<Response> {
        let before = self.a.requests();
        let asking = asking(&self.bench, Speech::Chat, true);
        self.a.until_requests(before + 1).await;
        asking
    }

    /// The answer, while the clock passes at most `most`.
    async fn answer(&self, asking: JoinHandle<Response>, most: Duration) -> Response {
        let begun = self.clock.passed();
        while !asking.is_finished() && self.clock.since(begun) < most {
            self.clock.pass(Duration::from_millis(50)).await;
        }
        asking.await.unwrap()
    }

    async fn hedging(&self, requests: u64) -> HedgingSnapshot {
        ended(&self.bench, requests).await.hedging.unwrap()
    }

    async fn decision(&self, response: &Response) -> Arc<DecisionRecord> {
        let id = header(response, "x-aibal-decision").parse().unwrap();
        self.bench.handle.decision(id).await.unwrap().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_stream_is_answered_by_a_second_target_and_the_first_is_cancelled_and_billed() {
    let pair = Pair::start(Some(1.0)).await;
    pair.a.script([vec![Step::Hang]]);

    let asking = pair.asked().await;
    pair.clock.pass(USUAL).await;
    assert_eq!(pair.b.requests(), 0, "it is not late yet");
    let response = pair.answer(asking, seconds(3)).await;

    assert_eq!(head(&response), served_by("b", 2));
    pair.a.until_left(1).await;
    let decision = pair.decision(&response).await;
    assert!(Speech::Chat.is_whole(&response.text().await.unwrap()));
    let hedging = pair.hedging(26).await;
    assert_eq!((hedging.hedges, hedging.won), (1, 1));
    assert!(hedging.spent_last_hour > Money::ZERO);
    let reasons: Vec<_> = decision
        .rounds
        .iter()
        .filter_map(|round| round.reason)
        .collect();
    assert_eq!(
        reasons[1].text(),
        "hedge: the first content of another target is late"
    );
    let lost = decision.attempts.iter().find(|it| it.number == 1).unwrap();
    assert_eq!(lost.outcome, Outcome::Cancelled);
    assert_eq!(
        lost.message.as_deref(),
        Some("cancelled: the attempt beside it began first")
    );
    assert_eq!(lost.cost, Some(hedging.spent_last_hour));
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_is_the_response_where_it_begins_first_after_all() {
    let pair = Pair::start(Some(1.0)).await;
    pair.a.script([Speech::Chat.late(seconds(4))]);
    pair.b.script([vec![Step::Hang]]);

    let asking = pair.asked().await;
    let response = pair.answer(asking, seconds(6)).await;

    assert_eq!(head(&response), served_by("a", 2));
    pair.b.until_left(1).await;
    assert!(Speech::Chat.is_whole(&response.text().await.unwrap()));
    let hedging = pair.hedging(26).await;
    assert_eq!((hedging.hedges, hedging.won), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_one_of_two_attempts_leaves_the_other_one() {
    let fails_late = || vec![Step::Wait(seconds(2)), whole(500, "{}")];
    let pair = Pair::start(Some(1.0)).await;
    pair.a.script([fails_late()]);
    pair.b.script([Speech::Chat.late(seconds(3))]);
    let response = pair.answer(pair.asked().await, seconds(6)).await;
    assert_eq!(head(&response), served_by("b", 2));

    let pair = Pair::start(Some(1.0)).await;
    pair.a.script([Speech::Chat.late(seconds(4))]);
    pair.b.script([vec![whole(500, "{}")]]);
    let response = pair.answer(pair.asked().await, seconds(6)).await;
    assert_eq!(head(&response), served_by("a", 2));
}

#[tokio::test(start_paused = true)]
async fn no_second_attempt_is_made_beyond_its_cost_nor_where_hedging_is_off() {
    for usd_per_hour in [Some(0.0), None] {
        let pair = Pair::start(usd_per_hour).await;
        pair.a.script([Speech::Chat.late(seconds(4))]);
        let response = pair.answer(pair.asked().await, seconds(6)).await;

        assert_eq!(head(&response), served_by("a", 1));
        response.text().await.unwrap();
        assert_eq!(pair.b.requests(), 0);
        let hedging = ended(&pair.bench, 26).await.hedging;
        let refused = hedging.map(|it| (it.hedges, it.over_spending));
        assert_eq!(refused, usd_per_hour.map(|_| (0, 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_ends_both_attempts() {
    let pair = Pair::start(Some(1.0)).await;
    pair.a.script([vec![Step::Hang]]);
    pair.b.script([vec![Step::Hang]]);

    let asking = pair.asked().await;
    pair.clock.pass(seconds(2)).await;
    pair.b.until_requests(1).await;
    asking.abort();

    pair.a.until_left(1).await;
    pair.b.until_left(1).await;
    let hedging = pair.hedging(26).await;
    assert_eq!((hedging.hedges, hedging.won), (1, 0));
}
