use super::*;

const LIFETIME: Duration = Duration::from_mins(5);

fn at(second: u64) -> UnixTime {
    UnixTime::from_seconds(10_000 + second)
}

fn key(number: u128) -> SessionKey {
    number.to_le_bytes().into()
}

fn served(session: u128, target: usize, input: f64) -> ServedPrompt {
    ServedPrompt {
        session: key(session),
        target: target.into(),
        input,
        usage: None,
        lifetime: LIFETIME,
    }
}

fn held(caches: &PromptCaches, session: u128, input: f64, now: UnixTime) -> Vec<(usize, f64)> {
    let expected = caches.expected(key(session), input, now);
    let pair = |cached: &CachedPrompt| (cached.target.get(), cached.tokens);
    expected.iter().map(pair).collect()
}

#[test]
fn a_target_holds_what_it_served_until_the_lifetime_of_its_cache_ends() {
    let caches = PromptCaches::default();
    assert_eq!(held(&caches, 1, 9_000.0, at(0)), []);

    caches.record(&served(1, 0, 8_000.0), at(0));
    caches.record(&served(1, 2, 8_500.0), at(60));

    assert_eq!(
        held(&caches, 1, 9_000.0, at(61)),
        [(0, 8_000.0), (2, 8_500.0)]
    );
    // A shorter prompt of the same conversation is held as far as it goes.
    assert_eq!(held(&caches, 1, 8_200.0, at(61))[1], (2, 8_200.0));
    assert_eq!(held(&caches, 2, 9_000.0, at(61)), []);
    assert_eq!(held(&caches, 1, 9_000.0, at(300)), [(2, 8_500.0)]);
    assert_eq!(held(&caches, 1, 9_000.0, at(360)), []);
}

#[test]
fn short_prompts_are_not_remembered() {
    let caches = PromptCaches::default();
    caches.record(&served(1, 0, 900.0), at(0));
    assert_eq!(caches.sessions(), 0);
}

#[test]
fn the_index_is_bounded_and_forgets_what_ends_first() {
    let caches = PromptCaches::with_room(4 * SHARDS);
    for session in 0..10_000 {
        let now = UnixTime::from_micros(at(0).micros() + session);
        caches.record(&served(session.into(), 0, 8_000.0), now);
    }
    assert!(
        caches.sessions() <= 4 * SHARDS,
        "{} sessions",
        caches.sessions()
    );
    assert_eq!(held(&caches, 9_999, 8_000.0, at(100)), [(0, 8_000.0)]);
    assert_eq!(held(&caches, 0, 8_000.0, at(100)), []);

    let one = PromptCaches::default();
    for target in 0..100 {
        one.record(&served(1, target, 8_000.0), at(0));
    }
    let holders = held(&one, 1, 8_000.0, at(1));
    assert_eq!((holders.len(), holders[0].0), (MAX_HOLDERS, 92));
}

#[test]
fn ended_conversations_leave_no_trace() {
    let caches = PromptCaches::default();
    for session in 0..1_000 {
        caches.record(&served(session, 0, 8_000.0), at(0));
    }
    for session in 0..u128::try_from(SHARDS).unwrap() {
        caches.record(&served(session + 5_000, 0, 8_000.0), at(301));
    }
    assert!(caches.sessions() <= SHARDS, "{}", caches.sessions());
}

#[test]
fn a_target_that_never_reports_cached_tokens_is_expected_to_hold_none() {
    let caches = PromptCaches::default();
    let turn = |session, cached| {
        for (second, input) in [(0, 8_000), (1, 10_000)] {
            let usage = Usage {
                input,
                cached: if second == 0 { 0 } else { cached },
                ..Usage::default()
            };
            let served = ServedPrompt {
                usage: Some(usage),
                ..served(session, 0, input as f64)
            };
            caches.record(&served, at(second));
        }
        held(&caches, session, 10_000.0, at(2))
    };
    assert_eq!(turn(1, 8_000), [(0, 10_000.0)]);
    let without: Vec<usize> = (2..12).map(|session| turn(session, 0).len()).collect();
    assert_eq!(without[..2], [1, 1]);
    assert_eq!(without[6..], [0; 4]);

    // What it reports later corrects that.
    let with: Vec<usize> = (20..40).map(|session| turn(session, 8_000).len()).collect();
    assert_eq!(with[19], 1);
}
