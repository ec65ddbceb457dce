//! Two upstreams, one faulty and one well: the share of requests that clients get whole, for each
//! kind of fault. `cargo test --test suite shares -- --nocapture` prints the table.

use super::clock::{Clock, breathe, until};
use super::speech::Speech;
use super::wire::{Script, Step, Wire, whole};
use super::{asking, fleet, restarting, seconds, usual};
use aibal_tui::domain::Strategy;
use aibal_tui::gateway::GatewayConfig;
use std::time::Duration;

const REQUESTS: usize = 40;

/// What became of all requests with one fault.
#[derive(Debug, Default)]
struct Count {
    whole: usize,
    /// Reported as failed, by a status or an error event.
    broken: usize,
    /// Neither: lost without an error.
    lost: usize,
    /// Attempts at the faulty upstream.
    met: usize,
    /// Requests for which the clock had to move.
    waited: usize,
}

/// The faulty upstream's behaviour at its call of that number.
type Fault = fn(usize) -> Script;

fn faults() -> Vec<(&'static str, Fault)> {
    fn failing(status: u16) -> Script {
        vec![whole(status, r#"{"error":{"message":"no"}}"#)]
    }
    vec![
        ("half 500s", |call| {
            if call % 2 == 0 {
                failing(500)
            } else {
                Speech::Chat.good()
            }
        }),
        ("all 500s", |_| failing(500)),
        ("all 429s", |_| failing(429)),
        ("dropped connections", |_| vec![Step::Reset]),
        ("hangs before headers", |_| vec![Step::Hang]),
        ("cut before first content", |_| {
            Speech::Chat.stream(0, [Step::Close])
        }),
        ("cut midway", |_| Speech::Chat.stream(20, [Step::Close])),
        ("stalls midway", |_| Speech::Chat.stream(20, [Step::Hang])),
    ]
}

/// A request every tenth of a second, one after the other.
async fn counted(clock: &Clock, strategy: Strategy, limits: GatewayConfig, fault: Fault) -> Count {
    let (a, b) = (Wire::start().await, Wire::start().await);
    let both = [(&a, Speech::Chat), (&b, Speech::Chat)];
    let bench = fleet(&both, strategy, limits, None).await;
    let mut count = Count::default();
    for _ in 0..REQUESTS {
        let met = a.requests();
        a.behave(Some(fault(met)));
        let answer = asking(&bench, Speech::Chat, true);
        let text = tokio::spawn(async move {
            let answer = answer.await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        });
        until("an end or a standstill", || {
            text.is_finished() || a.hanging() > 0
        })
        .await;
        count.waited += usize::from(!text.is_finished());
        for _ in 0..20 {
            breathe().await;
            if text.is_finished() {
                break;
            }
        }
        while !text.is_finished() {
            clock.pass(seconds(1)).await;
        }
        let (status, text) = text.await.unwrap();
        let is_told = status != 200 || Speech::Chat.ends_in_error(&text);
        if status == 200 && Speech::Chat.is_whole(&text) {
            count.whole += 1;
        } else if is_told && !Speech::Chat.looks_ended(&text) {
            count.broken += 1;
        } else {
            count.lost += 1;
        }
        count.met += a.requests() - met;
        clock.leap(Duration::from_millis(100)).await;
    }
    count
}

/// Round robin insists on the faulty one, so that only fallbacks and the breaker keep it away.
#[tokio::test(start_paused = true)]
async fn a_faulty_upstream_beside_a_healthy_one_costs_no_client_its_response() {
    let clock = Clock::stopped();
    for strategy in [Strategy::Adaptive, Strategy::RoundRobin] {
        for (name, fault) in faults() {
            for (limits, recovery) in [(usual(), "error"), (restarting(), "restart")] {
                let count = counted(&clock, strategy, limits, fault).await;
                println!(
                    "{:<12} {name:<26} {recovery:<8} {count:?}",
                    strategy.as_str()
                );
                assert_eq!(count.lost, 0, "{name}, {recovery}");
                if name.ends_with("midway") && recovery == "error" {
                    // Reported as a failure, and the share drops after a few.
                    assert!(count.broken <= 10, "{name}: {count:?}");
                } else {
                    assert_eq!(count.whole, REQUESTS, "{name}, {recovery}: {count:?}");
                }
                if name != "half 500s" {
                    assert!(
                        count.met <= 10 && count.waited <= 10,
                        "{name}, {recovery}: {count:?}"
                    );
                }
            }
        }
    }
}
