//! Learning the latency of answers in one piece, over HTTP and under a clock that stands still.

use super::clock::{Clock, breathe};
use super::speech::Speech;
use super::wire::{Step, Wire, whole};
use super::{asking_with, fleet, header, seconds, usual};
use crate::bench::Bench;
use aibal_tui::domain::{
    CandidateSet, Command, ModelType, RequestClass, RequestProfile, Strategy, WeightsPatch,
};
use reqwest::Response;
use std::time::Duration;

const TRUTHS_MS: [u64; 3] = [200, 20, 400];

/// Asks, and moves the clock by `time` once the upstream has taken the request, and by single
/// milliseconds until the answer is there.
async fn served(bench: &Bench, clock: &Clock, model: &str, wires: &[&Wire; 3]) -> Response {
    let requests = || wires.iter().map(|wire| wire.requests()).sum::<usize>();
    let before: [usize; 3] = wires.map(Wire::requests);
    let (total, body) = (
        requests(),
        format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#),
    );
    let answer = asking_with(bench, Speech::Chat, body, &[]);
    super::clock::until("the upstream's request", || requests() > total).await;
    let taken = (0..3)
        .find(|&at| wires[at].requests() > before[at])
        .unwrap();
    breathe().await;
    clock.leap(Duration::from_millis(TRUTHS_MS[taken])).await;
    while !answer.is_finished() {
        for _ in 0..20 {
            breathe().await;
            if answer.is_finished() {
                break;
            }
        }
        if !answer.is_finished() {
            clock.leap(Duration::from_millis(1)).await;
        }
    }
    answer.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn whole_answers_show_which_target_is_the_fastest_and_how_fast_each_is() {
    let clock = Clock::stopped();
    let (a, b, c) = (
        Wire::start().await,
        Wire::start().await,
        Wire::start().await,
    );
    let wires = [&a, &b, &c];
    for (wire, truth) in wires.into_iter().zip(TRUTHS_MS) {
        wire.behave(Some(vec![
            Step::Wait(Duration::from_millis(truth)),
            whole(200, Speech::Chat.whole()),
        ]));
    }
    let all = wires.map(|wire| (wire, Speech::Chat));
    let bench = fleet(&all, Strategy::Adaptive, usual(), None).await;
    let weights = WeightsPatch {
        cost: Some(0.0),
        latency: Some(100.0),
        reliability: Some(0.0),
        who: "test".to_owned(),
        ..WeightsPatch::default()
    };
    bench
        .handle
        .execute(Command::SetWeights(weights))
        .await
        .unwrap();
    for _ in 0..15 {
        for name in ["a", "b", "c"] {
            let answer = served(&bench, &clock, &format!("{name}/shared"), &wires).await;
            assert_eq!(answer.status(), 200);
        }
    }
    super::ended(&bench, 45).await;

    let class = RequestClass::new(ModelType::Chat, false);
    let ask = RequestProfile {
        class,
        input: 2.0,
        ..RequestProfile::usual(ModelType::Chat)
    };
    let mut field = CandidateSet::default();
    field.evaluate(&bench.handle.routing_table(), &ask, aibal_tui::clock::now());
    for (row, truth) in field.rows().iter().zip(TRUTHS_MS) {
        let estimated_ms = row.predicted.latency(field.output) * 1e3;
        let error = (estimated_ms / truth as f64 - 1.0).abs();
        assert!(error < 0.25, "{estimated_ms} ms for {truth} ms");
    }

    let mut fastest = 0;
    for _ in 0..30 {
        let answer = served(&bench, &clock, "auto", &wires).await;
        fastest += u32::from(header(&answer, "x-aibal-provider") == "b");
    }
    assert!(fastest >= 27, "{fastest} of 30");
    clock.pass(seconds(1)).await;
}
