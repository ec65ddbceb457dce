//! Text on stdout and stderr.

use std::fmt::Display;
use std::io::Write;

/// Prints to stdout; a reader that has left (`| head`) is not an error.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _reader_may_have_left = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints an error to stderr.
pub(super) fn print_error(error: &impl Display) {
    print_note(&error.to_string());
}

/// Prints a message to stderr.
pub(super) fn print_note(text: &str) {
    let mut err = std::io::stderr().lock();
    let _stderr_may_be_closed = writeln!(err, "aibal-tui: {text}");
}
