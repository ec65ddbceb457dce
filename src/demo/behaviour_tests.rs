use super::*;
use crate::demo::simulated_request::{ResponseKind, Thinking};

fn vendor(name: &str, seed: u64) -> Behaviour {
    let profile = Profile::named(name).expect("a known vendor");
    Behaviour::new(profile, seed, Pace::new(1.0))
}

fn request(max_tokens: Option<u32>) -> SimulatedRequest {
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

fn timings(vendor: &Behaviour, count: usize) -> Vec<StreamTiming> {
    (0..count)
        .filter_map(|_| match vendor.plan(&request(None)).response {
            PlannedResponse::Send(timing) => Some(timing),
            PlannedResponse::Reject { .. } => None,
        })
        .collect()
}

fn mean(timings: &[StreamTiming], of: impl Fn(&StreamTiming) -> f64) -> f64 {
    timings.iter().map(of).sum::<f64>() / timings.len() as f64
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_plans_the_same_responses() {
    let (one, same) = (vendor("xai", 5), vendor("xai", 5));
    let other = vendor("xai", 6);

    let responses = |vendor: &Behaviour| -> Vec<PlannedResponse> {
        (0..300)
            .map(|_| vendor.plan(&request(None)).response)
            .collect()
    };

    let first = responses(&one);
    assert_eq!(first, responses(&same));
    assert_ne!(first, responses(&other));
}

#[tokio::test(start_paused = true)]
async fn a_brownout_multiplies_times_and_changes_nothing_else() {
    let (usual, slow) = (vendor("openai", 1), vendor("openai", 1));
    slow.switch.set_manual(Some(Fault::Slow(5.0)));

    let (usual, slow) = (timings(&usual, 500), timings(&slow, 500));

    let first = |timing: &StreamTiming| timing.first_token.as_secs_f64();
    let each = |timing: &StreamTiming| timing.per_token.as_secs_f64();
    assert!((mean(&usual, first) - 0.20).abs() < 0.02);
    assert!((mean(&slow, first) / mean(&usual, first) - 5.0).abs() < 0.01);
    assert!((mean(&slow, each) / mean(&usual, each) - 5.0).abs() < 0.01);
    assert_eq!(slow[7].content, usual[7].content);
}

#[tokio::test(start_paused = true)]
async fn responses_are_short_and_respect_max_tokens() {
    let vendor = vendor("openai", 3);

    let lengths = timings(&vendor, 500);
    let limited = vendor.plan(&request(Some(5))).response;

    assert!(
        (mean(&lengths, |timing| f64::from(timing.content.tokens())) - ANSWER_TOKENS).abs() < 5.0
    );
    let PlannedResponse::Send(limited) = limited else {
        panic!("the seed was chosen for an answer");
    };
    assert_eq!((limited.content.tokens(), limited.is_cut_short), (5, true));
}

#[tokio::test(start_paused = true)]
async fn a_lowered_limit_rejects_most_requests_with_retry_after() {
    let vendor = vendor("openai", 1);
    vendor.switch.set_manual(Some(Fault::RateLimit(10)));

    let waits: Vec<u64> = (0..100)
        .filter_map(|_| match vendor.plan(&request(None)).response {
            PlannedResponse::Reject {
                error: VendorError::RateLimited { retry_after },
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
async fn the_error_rate_can_be_set() {
    let vendor = vendor("openai", 1);
    vendor.switch.set_manual(Some(Fault::Errors(0.5)));

    let responded = timings(&vendor, 1000).len();

    assert!(
        (450..550).contains(&responded),
        "{responded} of 1000 were answered"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_fault_lies_within_the_response() {
    let vendor = vendor("openai", 1);
    vendor.switch.set_manual(Some(Fault::CutMidStream));

    for timing in timings(&vendor, 200) {
        let stream_fault = timing.stream_fault.expect("every answer breaks");
        assert!((1..timing.content.tokens()).contains(&stream_fault.after_tokens));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_in_the_queue_until_a_slot_is_dropped() {
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
