//! What the screen says is what is so: nothing is hidden, marked or named that is not meant.

use super::*;

#[test]
fn retries_are_told_apart_from_attempts() {
    let mut model = usual();
    let mut status = specimen::status(5, 8);
    status.totals.requests = 10;
    status.totals.attempts = 1_010;
    status.totals.retries = 3;
    hear(&mut model, status);
    assert!(text(&model, 120, 40).contains("retried 30.0%"));
}
