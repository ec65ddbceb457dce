use super::*;
use crate::domain::{
    AttemptRecord, DecisionLog, DecisionTrouble, Failure, Outcome, RejectionReason, RequestEnd,
    RequestOutcome,
};

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(1_700_000_000 + seconds)
}

fn end(id: u64, outcome: RequestOutcome, ended: UnixTime) -> RequestEnd {
    RequestEnd {
        decision: DecisionId(id),
        identity: Arc::default(),
        request_id: format!("request-{id}"),
        started: ended,
        ended,
        outcome,
        status: None,
        message: None,
        target: None,
        score: None,
        reason: String::new(),
        attempts: 1,
        fallbacks: 0,
        hedge: None,
        first_content: None,
        gateway_seconds: None,
        usage: None,
        cost: None,
        dropped_fields: Vec::new(),
    }
}

const FAILED: RequestOutcome = RequestOutcome::Error(Failure::Server);

fn ids(log: &DecisionLog) -> Vec<u64> {
    log.troubled()
        .iter()
        .map(|decision| decision.id.0)
        .collect()
}

fn record(outcome: RequestOutcome, attempts: &[Outcome]) -> DecisionRecord {
    let attempt = |outcome: &Outcome| AttemptRecord {
        number: 1,
        target: 0.into(),
        key: None,
        started: at(0),
        ended: at(0),
        outcome: *outcome,
        status: None,
        message: None,
        first_token: None,
        usage: None,
        cost: None,
    };
    DecisionRecord {
        id: DecisionId(1),
        rounds: Vec::new(),
        attempts: attempts.iter().map(attempt).collect(),
        end: Some(end(1, outcome, at(0))),
    }
}

#[test]
fn trouble_is_a_failure_or_an_attempt_that_another_one_saved() {
    let failed = Outcome::Failed(Failure::Timeout);
    let rejected = RequestOutcome::Rejected(RejectionReason::NoTarget);
    for (outcome, attempts, trouble) in [
        (RequestOutcome::Ok, &[Outcome::Success][..], None),
        // A hedge that came second.
        (
            RequestOutcome::Ok,
            &[Outcome::Success, Outcome::Cancelled],
            None,
        ),
        (
            RequestOutcome::Ok,
            &[failed, Outcome::Success],
            Some(DecisionTrouble::Saved),
        ),
        (FAILED, &[failed], Some(DecisionTrouble::Failed)),
        (rejected, &[], Some(DecisionTrouble::Failed)),
        (
            RequestOutcome::Cancelled,
            &[failed, Outcome::Cancelled],
            None,
        ),
    ] {
        let record = record(outcome, attempts);
        assert_eq!(record.trouble(), trouble, "{outcome:?} after {attempts:?}");
    }
    let running = DecisionRecord {
        end: None,
        ..record(FAILED, &[failed])
    };
    assert_eq!(running.trouble(), None);
}

#[test]
fn successes_remove_no_failure() {
    let mut log = DecisionLog::default();
    log.end(end(1, FAILED, at(0)));
    for id in 2..12_000 {
        log.end(end(id, RequestOutcome::Ok, at(1)));
    }
    assert!(
        log.get(DecisionId(2)).is_none(),
        "a success of the same time is gone"
    );
    assert!(log.get(DecisionId(1)).is_some());
    assert_eq!(ids(&log), [1]);
}

#[test]
fn a_failure_is_kept_for_a_day() {
    let mut log = DecisionLog::default();
    log.end(end(1, FAILED, at(0)));
    log.end(end(2, FAILED, at(3_600)));
    let day = 86_400;
    log.expire(at(day));
    assert_eq!(ids(&log), [2, 1], "newest first");
    log.expire(at(day + 1));
    assert_eq!(ids(&log), [2]);
    assert_eq!(log.troubled().dropped(), 0, "it was not dropped too early");
}

#[test]
fn failures_beyond_the_bound_are_dropped_and_counted() {
    let mut log = DecisionLog::default();
    for id in 0..10_003 {
        log.end(end(id, FAILED, at(id)));
    }
    assert_eq!(log.troubled().iter().count(), MAX_TROUBLED);
    assert_eq!(log.troubled().dropped(), 3);
    assert!(log.troubled().get(DecisionId(2)).is_none());
}

#[test]
fn failures_of_an_earlier_process_are_kept_beside_those_of_this_one() {
    let mut log = DecisionLog::default();
    log.end(end(9, FAILED, at(50)));
    let mut earlier = record(FAILED, &[]);
    earlier.id = DecisionId(3);
    let mut success = record(RequestOutcome::Ok, &[Outcome::Success]);
    success.id = DecisionId(4);
    log.restore_troubled(vec![earlier, success]);
    assert_eq!(ids(&log), [9, 3]);
    assert!(log.get(DecisionId(3)).is_some());
}
