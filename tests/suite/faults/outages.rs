//! S15, and what becomes of upstreams that fail for long.

use super::clock::{Clock, until};
use super::speech::Speech;
use super::wire::{Step, Wire, whole};
use super::{
    ask, asking, asking_with, before, ended, fleet, head, header, restarting, seconds, seen, usual,
};
use aibal_tui::domain::{RoutingState, Strategy};
use aibal_tui::gateway::GatewayConfig;
use std::time::Duration;

fn failing() -> Vec<Step> {
    vec![whole(500, r#"{"error":{"message":"no"}}"#)]
}

/// An outage of a minute, a request a second: what the client gets, and when the first target is
/// back.
#[tokio::test(start_paused = true)]
async fn s15_a_flap_of_60_s_is_served_throughout_and_the_first_is_back_within_30_s() {
    let clock = Clock::stopped();
    for (name, limits, probes) in [
        ("probed", usual(), Some(seconds(15))),
        ("unprobed", restarting(), None),
    ] {
        let (a, b) = (Wire::start().await, Wire::start().await);
        let both = [(&a, Speech::Chat), (&b, Speech::Chat)];
        let bench = fleet(&both, Strategy::Adaptive, limits, probes).await;
        let serve = async || {
            let answer = ask(&bench, Speech::Chat, true).await;
            assert_eq!(answer.status(), 200, "{name}");
            let provider = header(&answer, "x-aibal-provider");
            assert!(
                Speech::Chat.is_whole(&answer.text().await.unwrap()),
                "{name}"
            );
            clock.leap(seconds(1)).await;
            provider
        };
        for _ in 0..20 {
            serve().await;
        }
        a.behave(Some(failing()));
        let before = a.requests();
        for _ in 0..60 {
            assert_eq!(serve().await, "b", "{name}");
        }
        // Four to open the breaker, and a trial after each of its pauses.
        let met = a.requests() - before;
        assert!(met <= 12, "{name}: {met} attempts during the outage");

        a.behave(None);
        let mut back = None;
        for second in 0..60 {
            if serve().await == "a" && back.is_none() {
                back = Some(second);
            }
        }
        assert!(
            back.is_some_and(|second| second <= 30),
            "{name}: back after {back:?} s"
        );
        let picture = seen(&bench, |picture| picture.providers[0].state.is_usable()).await;
        assert_eq!(picture.totals.success_rate, Some(1.0), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_gets_none_of_a_thousand_concurrent_requests() {
    let clock = Clock::stopped();
    for script in [failing(), Speech::Chat.stream(5, [Step::Close])] {
        let (a, b) = (Wire::start().await, Wire::start().await);
        let both = [(&a, Speech::Chat), (&b, Speech::Chat)];
        let once = GatewayConfig {
            max_retries: 0,
            ..usual()
        };
        let bench = fleet(&both, Strategy::Adaptive, once, None).await;
        a.behave(Some(script));
        let pinned = Speech::Chat.ask(true).replace("shared", "a/shared");
        for asked in 1..=4 {
            let answer = asking_with(&bench, Speech::Chat, pinned.clone(), &[]).await;
            answer.unwrap().text().await.unwrap();
            ended(&bench, asked).await;
        }
        until("the breaker to open", || {
            let table = bench.handle.routing_table();
            matches!(table.candidates[0].standing, RoutingState::Open(_))
        })
        .await;

        let answers: Vec<_> = (0..1_000)
            .map(|_| asking(&bench, Speech::Chat, true))
            .collect();
        for answer in answers {
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(Speech::Chat.is_whole(&answer.text().await.unwrap()));
        }
        assert_eq!((a.requests(), b.requests()), (4, 1_000));
    }
    assert_eq!(clock.passed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn when_all_targets_are_down_the_response_has_retry_after() {
    let clock = Clock::stopped();
    let (a, b) = (Wire::start().await, Wire::start().await);
    let both = [(&a, Speech::Chat), (&b, Speech::Chat)];
    let bench = before(&both, usual()).await;
    let limited = |delay: &str| {
        let header = format!("retry-after: {delay}\r\n");
        vec![Step::Whole(
            429,
            header,
            r#"{"error":{"message":"later"}}"#.to_owned(),
        )]
    };
    a.behave(Some(limited("40")));
    b.behave(Some(limited("90")));

    let answer = ask(&bench, Speech::Chat, false).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            header(&answer, "retry-after").as_str()
        ),
        (429, "90")
    );
    ended(&bench, 1).await;

    let calls = a.requests() + b.requests();
    for speech in super::speech::ALL {
        let answer = ask(&bench, speech, true).await;
        assert_eq!(answer.status(), 503);
        let after: u64 = header(&answer, "retry-after").parse().unwrap();
        assert!((40..=44).contains(&after), "{after}: the soonest of both");
    }
    assert_eq!(
        a.requests() + b.requests(),
        calls,
        "no target is called meanwhile"
    );

    // A shorter delay does not shorten it.
    a.behave(None);
    clock.pass(seconds(39)).await;
    assert_eq!(ask(&bench, Speech::Chat, false).await.status(), 503);
    clock.pass(seconds(6)).await;
    assert_eq!(head(&ask(&bench, Speech::Chat, false).await).1, "a");
}

#[tokio::test(start_paused = true)]
async fn a_long_delay_is_a_cooldown_and_no_wait() {
    let clock = Clock::stopped();
    let a = Wire::start().await;
    let bench = before(&[(&a, Speech::Chat)], usual()).await;
    let header_line = "retry-after: 11\r\n".to_owned();
    a.script([vec![Step::Whole(429, header_line, "{}".to_owned())]]);

    let answer = ask(&bench, Speech::Chat, false).await;

    assert_eq!(
        (
            answer.status().as_u16(),
            header(&answer, "retry-after").as_str()
        ),
        (429, "11")
    );
    assert_eq!((a.requests(), clock.passed()), (1, Duration::ZERO));
    ended(&bench, 1).await;
    assert_eq!(ask(&bench, Speech::Chat, false).await.status(), 503);
    assert_eq!(a.requests(), 1);
}

/// A rejected key gets no requests for minutes, whatever was tried with it.
#[tokio::test(start_paused = true)]
async fn a_rejected_key_is_not_used_again_soon_and_the_request_fails_over() {
    let clock = Clock::stopped();
    for status in [401, 403] {
        let (a, _b, bench) = super::pair(Speech::Chat, usual()).await;
        a.behave(Some(vec![whole(
            status,
            r#"{"error":{"message":"bad key"}}"#,
        )]));
        for asked in 1..=5 {
            let answer = ask(&bench, Speech::Chat, false).await;
            assert_eq!(header(&answer, "x-aibal-provider"), "b");
            ended(&bench, asked).await;
            clock.pass(seconds(10)).await;
        }
        assert_eq!(a.requests(), 1, "{status}");
    }
}

/// Asking one provider often is no reason to hold on to it once it fails.
#[tokio::test(start_paused = true)]
async fn a_failure_of_the_preferred_provider_fails_over() {
    let _clock = Clock::stopped();
    let (a, b, bench) = super::pair(Speech::Chat, usual()).await;
    b.behave(Some(failing()));
    let preference = [("x-aibal-preferred-provider", "b")];
    for asked in 1..=10 {
        let body = Speech::Chat.ask(false);
        let answer = asking_with(&bench, Speech::Chat, body, &preference)
            .await
            .unwrap();
        assert_eq!(head(&answer).1, "a");
        ended(&bench, asked).await;
    }
    assert_eq!(a.requests(), 10);
    assert!(b.requests() <= 5, "{} attempts", b.requests());
}
