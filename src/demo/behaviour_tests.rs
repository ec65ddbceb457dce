use super::*;
use crate::demo::simulated_request::{ResponseKind, Thinking};

fn vendor(name: &str, seed: u64) -> Behaviour {
    let profile = Profile::named(name).expect("a known vendor");
    Behaviour::new(profile, seed, Pace::new(1.0))
}

fn ask(max_tokens: Option<u32>) -> SimulatedRequest {
    SimulatedRequest {
        model: "any".to_owned(),
        prompt_tokens: 10,
        max_tokens,
        is_stream: true,
        wants_usage: true,
        thinking: Thinking::Off,
        want: ResponseKind::Text,
    }
}

fn tellings(vendor: &Behaviour, count: usize) -> Vec<StreamTiming> {
    (0..count)
        .filter_map(|_| match vendor.decide(&ask(None)).course {
            PlannedResponse::Tell(telling) => Some(telling),
            PlannedResponse::Refuse { .. } => None,
        })
        .collect()
}

fn mean(tellings: &[StreamTiming], of: impl Fn(&StreamTiming) -> f64) -> f64 {
    tellings.iter().map(of).sum::<f64>() / tellings.len() as f64
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_decides_the_same_for_every_request() {
    let (one, same) = (vendor("xai", 5), vendor("xai", 5));
    let other = vendor("xai", 6);

    let courses = |vendor: &Behaviour| -> Vec<PlannedResponse> {
        (0..300).map(|_| vendor.decide(&ask(None)).course).collect()
    };

    let first = courses(&one);
    assert_eq!(first, courses(&same));
    assert_ne!(first, courses(&other));
}

#[tokio::test(start_paused = true)]
async fn a_brownout_is_slower_by_its_factor_and_nothing_else() {
    let (usual, slow) = (vendor("openai", 1), vendor("openai", 1));
    slow.switch.turn_by_hand(Some(Fault::Slow(5.0)));

    let (usual, slow) = (tellings(&usual, 500), tellings(&slow, 500));

    let first = |telling: &StreamTiming| telling.first_token.as_secs_f64();
    let each = |telling: &StreamTiming| telling.per_token.as_secs_f64();
    assert!((mean(&usual, first) - 0.20).abs() < 0.02);
    assert!((mean(&slow, first) / mean(&usual, first) - 5.0).abs() < 0.01);
    assert!((mean(&slow, each) / mean(&usual, each) - 5.0).abs() < 0.01);
    assert_eq!(slow[7].content, usual[7].content);
}

#[tokio::test(start_paused = true)]
async fn answers_are_short_and_never_longer_than_asked_for() {
    let vendor = vendor("openai", 3);

    let lengths = tellings(&vendor, 500);
    let limited = vendor.decide(&ask(Some(5))).course;

    assert!(
        (mean(&lengths, |telling| f64::from(telling.content.tokens())) - ANSWER_TOKENS).abs() < 5.0
    );
    let PlannedResponse::Tell(limited) = limited else {
        panic!("the seed was chosen for an answer");
    };
    assert_eq!((limited.content.tokens(), limited.is_cut_short), (5, true));
}

#[tokio::test(start_paused = true)]
async fn a_cut_limit_refuses_most_and_says_when_to_come_back() {
    let vendor = vendor("openai", 1);
    vendor.switch.turn_by_hand(Some(Fault::RateLimit(10)));

    let waits: Vec<u64> = (0..100)
        .filter_map(|_| match vendor.decide(&ask(None)).course {
            PlannedResponse::Refuse {
                refusal: VendorError::RateLimited { retry_after },
                ..
            } => Some(retry_after),
            _ => None,
        })
        .collect();

    assert_eq!(waits.len(), 90);
    assert!(waits.iter().all(|wait| (2..=8).contains(wait)));
    assert!(waits.contains(&2) && waits.contains(&8));
}

#[tokio::test(start_paused = true)]
async fn a_share_of_errors_can_be_set() {
    let vendor = vendor("openai", 1);
    vendor.switch.turn_by_hand(Some(Fault::Errors(0.5)));

    let told = tellings(&vendor, 1000).len();

    assert!((450..550).contains(&told), "{told} of 1000 were answered");
}

#[tokio::test(start_paused = true)]
async fn a_rupture_lies_within_the_answer() {
    let vendor = vendor("openai", 1);
    vendor.switch.turn_by_hand(Some(Fault::CutMidStream));

    for telling in tellings(&vendor, 200) {
        let rupture = telling.rupture.expect("every answer breaks");
        assert!((1..telling.content.tokens()).contains(&rupture.after_tokens));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_line_is_refused_and_a_dropped_slot_serves_the_next() {
    let vendor = vendor("ollama", 1);
    let slots = vendor.profile.slots.expect("ollama has slots") as usize;
    let mut taken = Vec::new();
    for _ in 0..slots {
        taken.push(vendor.slot().await.expect("a free slot"));
    }

    let mut next = std::pin::pin!(vendor.slot());
    assert!(futures_util::poll!(next.as_mut()).is_pending());

    taken.pop();
    assert!(next.await.expect("the freed slot").is_some());
}
