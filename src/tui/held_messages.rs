//! Panic messages that wait until the terminal is given back.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// The messages, oldest first.
static HELD_MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// The first messages tell the cause; later ones are dropped.
const MAX_HELD_MESSAGES: usize = 8;

/// Keeps a message for later.
pub(super) fn hold(message: String) {
    let mut held = HELD_MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if held.len() < MAX_HELD_MESSAGES {
        held.push(message);
    }
}

/// Takes all messages.
pub(super) fn take_held() -> Vec<String> {
    std::mem::take(&mut *HELD_MESSAGES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Prints all messages on stderr.
pub(super) fn print_held() {
    for message in take_held() {
        let _gone = std::io::stderr().write_all(message.as_bytes());
    }
}
