//! Complete accounting: the calls that upstreams saw equal those that the instance reports.

use super::clock::Clock;
use super::speech::Speech;
use super::wire::{Script, Step, whole};
use super::{asking, ended, pair, restarting, seconds, usual};
use std::time::Duration;

/// One of everything that may go wrong.
fn faults() -> Vec<Script> {
    let chat = Speech::Chat;
    let event = |text: String| [Step::Chunk(text), Step::Hang];
    vec![
        vec![whole(500, "{}")],
        vec![whole(503, "<html>")],
        vec![whole(429, "{}")],
        vec![whole(401, "{}")],
        vec![whole(404, "{}")],
        vec![whole(400, r#"{"error":{"message":"wrong"}}"#)],
        vec![Step::Reset],
        vec![Step::Close],
        vec![Step::Hang],
        chat.stream(0, [Step::Close]),
        chat.stream(0, event(chat.error())),
        chat.stream(9, [Step::Close]),
        chat.stream(9, [Step::End]),
        chat.stream(9, event("data: {\n\n".to_owned())),
        chat.stream(9, [Step::Hang]),
        vec![whole(200, "{}")],
        vec![whole(200, "no JSON")],
    ]
}

#[tokio::test(start_paused = true)]
async fn every_upstream_call_is_an_attempt_that_is_reported_and_priced() {
    let clock = Clock::stopped();
    for limits in [usual(), restarting()] {
        for fault in faults() {
            for stream in [false, true] {
                let (a, b, bench) = pair(Speech::Chat, limits.clone()).await;
                a.script([fault.clone()]);
                let answer = asking(&bench, Speech::Chat, stream);
                let text = tokio::spawn(async move { answer.await.unwrap().text().await });
                let begun = clock.passed();
                while !text.is_finished() && clock.passed() < begun + seconds(60) {
                    clock.pass(Duration::from_millis(250)).await;
                }
                text.await.unwrap().unwrap();
                let picture = ended(&bench, 1).await;
                let calls = (a.requests() + b.requests()) as u64;
                let counts = picture.totals.cost_basis;
                assert_eq!(picture.totals.attempts, calls, "{fault:?}");
                let priced = counts.exact + counts.estimated + counts.unknown;
                assert_eq!(priced, calls, "{fault:?}");
                let decisions = bench.handle.decisions().await.unwrap();
                assert_eq!(decisions.len(), 1);
                let end = decisions[0].end.as_ref().unwrap();
                assert_eq!(u64::from(end.attempts), calls, "{fault:?}");
                assert_eq!(decisions[0].rounds.len() as u64, calls, "{fault:?}");
            }
        }
    }
}
