//! How long things may take: connecting, an attempt, a request, a stream.

use super::clock::{Clock, breathe, until};
use super::speech::Speech;
use super::wire::{Step, Wire, whole};
use super::{
    ask, asking, asking_with, before, ended, head, header, pair, restarting, seconds, served_by,
    usual,
};
use aibal_tui::gateway::{GatewayConfig, TargetTimeouts};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// An address where connections are neither taken nor refused: its queue is full.
async fn deaf() -> (
    tokio::net::TcpListener,
    Vec<tokio::task::JoinHandle<TcpStream>>,
) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let callers: Vec<_> = (0..8)
        .map(|_| tokio::spawn(async move { TcpStream::connect(address).await.unwrap() }))
        .collect();
    until("a full queue", || {
        callers.iter().any(tokio::task::JoinHandle::is_finished)
    })
    .await;
    for _ in 0..20 {
        breathe().await;
    }
    assert!(
        callers.iter().any(|caller| !caller.is_finished()),
        "the queue never fills"
    );
    (listener, callers)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_established_ends_at_the_connect_timeout() {
    let clock = Clock::stopped();
    let (listener, callers) = deaf().await;
    let mut a = Wire::refusing().await;
    a.base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let b = Wire::start().await;
    let bench = before(&[(&a, Speech::Chat), (&b, Speech::Chat)], usual()).await;
    let answer = asking(&bench, Speech::Chat, true);
    until("the attempt", || {
        let table = bench.handle.routing_table();
        table.candidates[0].load_counters.in_flight() == 1
    })
    .await;
    // The bench gives a connection two seconds.
    clock.pass(Duration::from_millis(1_900)).await;
    assert_eq!(b.requests(), 0);
    clock.pass(Duration::from_millis(200)).await;
    assert_eq!(head(&answer.await.unwrap()), served_by("b", 2));
    let picture = ended(&bench, 1).await;
    assert_eq!(picture.providers[0].success_rate, Some(0.0));
    callers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn the_last_target_has_time_even_if_all_others_hang() {
    let clock = Clock::stopped();
    for stream in [false, true] {
        let wires = [
            Wire::start().await,
            Wire::start().await,
            Wire::start().await,
            Wire::start().await,
        ];
        for wire in &wires[..3] {
            wire.behave(Some(vec![Step::Hang]));
        }
        let all: Vec<_> = wires.iter().map(|wire| (wire, Speech::Chat)).collect();
        let bench = before(&all, usual()).await;
        let begun = clock.passed();
        let answer = asking(&bench, Speech::Chat, stream);
        for wire in &wires[..3] {
            wire.until_requests(1).await;
            let asked = wire.requests();
            while wire.hanging() > 0 {
                clock.pass(Duration::from_millis(250)).await;
            }
            assert_eq!(wire.requests(), asked, "no target is called twice");
            wire.until_left(1).await;
        }
        assert_eq!(head(&answer.await.unwrap()), served_by("d", 4));
        assert!(clock.since(begun) < seconds(30), "{:?}", clock.since(begun));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_at_its_limit_and_a_504_names_the_setting() {
    let clock = Clock::stopped();
    for limits in [usual(), restarting()] {
        let (a, b, bench) = pair(Speech::Chat, limits).await;
        for wire in [&a, &b] {
            wire.behave(Some(vec![Step::Hang]));
        }
        for (headers, least, most, setting) in [
            (&[][..], 29, 31, "[balancing] timeout_ms"),
            (
                &[("x-aibal-timeout-ms", "8000")][..],
                7,
                9,
                "x-aibal-timeout-ms",
            ),
        ] {
            let begun = clock.passed();
            let answer = asking_with(&bench, Speech::Chat, Speech::Chat.ask(false), headers);
            while !answer.is_finished() && clock.passed() < begun + seconds(60) {
                clock.pass(Duration::from_millis(250)).await;
            }
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 504);
            let took = clock.since(begun).as_secs_f64();
            assert!(
                (f64::from(least)..=f64::from(most)).contains(&took),
                "{took}"
            );
            let text = answer.text().await.unwrap();
            assert!(text.contains(setting), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_504_to_a_stream_names_the_limit_that_ended_it() {
    let clock = Clock::stopped();
    let (first_token, whole) = ("first_token_timeout_ms", "x-aibal-timeout-ms");
    for (headers, named, other) in [
        (&[][..], first_token, whole),
        (&[("x-aibal-timeout-ms", "60000")][..], first_token, whole),
        (&[("x-aibal-timeout-ms", "8000")][..], whole, first_token),
    ] {
        let a = Wire::start().await;
        let bench = before(&[(&a, Speech::Chat)], usual()).await;
        a.behave(Some(vec![Step::Hang]));
        let answer = asking_with(&bench, Speech::Chat, Speech::Chat.ask(true), headers);
        while !answer.is_finished() {
            clock.pass(Duration::from_millis(250)).await;
        }
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 504);
        let text = answer.text().await.unwrap();
        assert!(text.contains(named) && !text.contains(other), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_targets_own_limits_override_the_general_ones() {
    let clock = Clock::stopped();
    let patient = TargetTimeouts {
        timeout: Some(seconds(90)),
        first_token_timeout: Some(seconds(60)),
        ..TargetTimeouts::default()
    };
    let limits = GatewayConfig {
        targets: vec![patient],
        ..usual()
    };
    let a = Wire::start().await;
    let bench = before(&[(&a, Speech::Chat)], limits).await;
    a.script([
        Speech::Chat.late(seconds(55)),
        vec![Step::Wait(seconds(85)), whole(200, Speech::Chat.whole())],
    ]);
    for (stream, late) in [(true, 55), (false, 85)] {
        let answer = asking(&bench, Speech::Chat, stream);
        a.until_hanging().await;
        clock.pass(seconds(late)).await;
        assert_eq!(head(&answer.await.unwrap()), served_by("a", 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_ends_is_ended_by_its_own_limit() {
    let clock = Clock::stopped();
    let limits = GatewayConfig {
        stream_timeout: seconds(60),
        ..usual()
    };
    let (a, _b, bench) = pair(Speech::Chat, limits).await;
    let drip = (0..100).flat_map(|_| {
        [
            Step::Wait(seconds(10)),
            Step::Chunk(Speech::Chat.text_event("drip")),
        ]
    });
    a.script([Speech::Chat.stream(1, drip)]);
    let text = tokio::spawn(ask(&bench, Speech::Chat, true).await.text());
    while !text.is_finished() && clock.passed() < seconds(300) {
        clock.pass(Duration::from_millis(250)).await;
    }
    assert!(
        (60..=61).contains(&clock.passed().as_secs()),
        "{:?}",
        clock.passed()
    );
    let text = text.await.unwrap().unwrap();
    assert!(
        text.contains("stream_timeout_ms") && Speech::Chat.ends_in_error(&text),
        "{text}"
    );
    a.until_left(1).await;
}

/// One byte at a time, and slowly: slow is not broken.
#[tokio::test(start_paused = true)]
async fn a_slow_stream_is_relayed_as_long_as_it_continues() {
    let clock = Clock::stopped();
    for limits in [usual(), restarting()] {
        let (a, b, bench) = pair(Speech::Chat, limits).await;
        let event = Speech::Chat.text_event("drip");
        let bytes = event
            .bytes()
            .map(|byte| Step::Chunk(char::from(byte).to_string()));
        let drip = bytes.enumerate().flat_map(|(at, byte)| {
            let pause = (at % 20 == 0).then(|| Step::Wait(seconds(14)));
            pause.into_iter().chain([byte])
        });
        let end = Speech::Chat.ending().into_iter().map(Step::Chunk);
        a.script([Speech::Chat.stream(1, drip.chain(end).chain([Step::End]))]);
        let answer = asking(&bench, Speech::Chat, true);
        while !answer.is_finished() {
            clock.pass(Duration::from_millis(250)).await;
        }
        let text = tokio::spawn(answer.await.unwrap().text());
        let begun = clock.passed();
        while !text.is_finished() && clock.passed() < begun + seconds(300) {
            clock.pass(Duration::from_millis(250)).await;
        }
        let text = text.await.unwrap().unwrap();
        assert!(
            text.contains("drip") && Speech::Chat.is_whole(&text),
            "{text}"
        );
        assert_eq!(b.requests(), 0);
    }
}

/// A response whose headers arrive and whose body does not.
#[tokio::test(start_paused = true)]
async fn a_missing_body_is_waited_for_no_longer_than_missing_headers() {
    let clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, usual()).await;
    a.script([vec![
        Step::Head(200, "application/json"),
        Step::Chunk("{\"id\":".to_owned()),
        Step::Hang,
    ]]);
    let answer = asking(&bench, Speech::Chat, false);
    a.until_hanging().await;
    clock.pass(seconds(18)).await;
    assert_eq!(head(&answer.await.unwrap()), served_by("b", 2));

    // An error keeps its status even if its body does not arrive.
    let a = Wire::start().await;
    let bench = before(&[(&a, Speech::Chat)], usual()).await;
    a.script([vec![Step::Head(400, "application/json"), Step::Hang]]);
    let answer = asking(&bench, Speech::Chat, false);
    a.until_hanging().await;
    clock.pass(seconds(31)).await;
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(header(&answer, "x-should-retry"), "false");
}
