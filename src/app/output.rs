//! Text on stdout and stderr.

use super::exit_error::ExitError;
use crate::foreign::EscapeControls;
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// Prints to stdout, without characters that control a terminal; a reader that has left (`| head`) is not an error.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let text = EscapeControls::lines(text);
    let _reader_may_have_left = write!(out, "{text}").and_then(|()| out.flush());
}

/// A report as JSON, or as text for people.
pub(super) fn report_text<T: Serialize>(
    report: &T,
    json: bool,
    render: impl Fn(&T) -> String,
) -> Result<String, ExitError> {
    if !json {
        return Ok(render(report));
    }
    let text = serde_json::to_string_pretty(report).map_err(anyhow::Error::from)?;
    Ok(text + "\n")
}

/// Prints an error to stderr.
pub(super) fn print_error(error: &impl Display) {
    write_error(EscapeControls::lines(&error.to_string()));
}

/// Prints a message of one line to stderr.
pub(super) fn print_note(text: &str) {
    write_error(EscapeControls::line(text));
}

fn write_error(text: EscapeControls<'_>) {
    let mut err = std::io::stderr().lock();
    let _stderr_may_be_closed = writeln!(err, "aibal-tui: {text}");
}
