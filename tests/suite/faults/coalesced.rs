//! Requests that wait for the response to an identical one, which does not arrive.

use super::clock::Clock;
use super::speech::Speech;
use super::wire::{Step, Wire};
use super::{asking_with, ended, seconds, usual};
use crate::bench::start_cached;
use aibal_tui::gateway::{CacheLimits, GatewayConfig};

const ASK: &str =
    r#"{"model":"shared","temperature":0,"messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test(start_paused = true)]
async fn a_coalesced_request_waits_no_longer_than_for_its_own_call() {
    let clock = Clock::stopped();
    let a = Wire::start().await;
    a.behave(Some(vec![Step::Hang]));
    let limits = GatewayConfig {
        max_retries: 0,
        ..usual()
    };
    let cache = CacheLimits {
        ttl: seconds(300),
        max_bytes: 1 << 20,
        shared: false,
    };
    let bench = start_cached(&[&a.base_url], limits, cache).await;
    let asking = || asking_with(&bench, Speech::Chat, ASK.to_owned(), &[]);

    let first = asking();
    a.until_hanging().await;
    clock.pass(seconds(10)).await;
    let others = [asking(), asking(), asking()];
    clock.pass(seconds(21)).await;
    assert_eq!(first.await.unwrap().status(), 504);
    a.until_requests(2).await;
    clock.pass(seconds(10)).await;

    for other in others {
        assert!(other.is_finished(), "it has waited for 31 s");
        assert_eq!(other.await.unwrap().status(), 504);
    }
    assert_eq!(a.requests(), 2, "one of them asked for all");
    let picture = ended(&bench, 4).await;
    assert_eq!(picture.totals.cost_basis.unknown, 2, "two were sent");
}
