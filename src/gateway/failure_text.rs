//! Texts of failures as decisions and the history keep them: short, and without what a provider quotes
//! of a request.

use super::error::GatewayError;
use crate::foreign::is_unsafe;
use crate::protocols::UpstreamError;
use std::sync::Arc;

/// Characters of a recorded text.
const MAX_CHARS: usize = 300;

/// The text of a failed attempt. Of a client's mistake only the provider's code and field are kept:
/// its message may quote the prompt.
pub(super) fn attempt_failure_text(error: &UpstreamError) -> Arc<str> {
    if error.failure.is_client_error() && error.status != 0 {
        let code = error.code.as_deref().unwrap_or(error.failure.as_str());
        let text = match error.param() {
            Some(field) => format!("{code}: {field}"),
            None => code.to_owned(),
        };
        return recorded(&text);
    }
    recorded(&error.message)
}

/// The text of a failed request.
pub(super) fn request_failure_text(error: &GatewayError) -> Arc<str> {
    match error {
        GatewayError::Upstream(failure) => attempt_failure_text(&failure.error),
        error => recorded(&error.to_string()),
    }
}

/// The beginning of a text, on one line.
fn recorded(text: &str) -> Arc<str> {
    let plain = |c: char| if is_unsafe(c) { ' ' } else { c };
    let mut short: String = text.chars().take(MAX_CHARS).map(plain).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        short.push('…');
    }
    short.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Failure;
    use crate::protocols::OpenAiErrorFields;

    #[test]
    fn a_recorded_text_is_short_and_quotes_no_prompt() {
        let mut error = UpstreamError::without_response(Failure::Server, "a\nb".repeat(1_000));
        error.status = 500;
        let text = attempt_failure_text(&error);
        assert_eq!(text.chars().count(), MAX_CHARS + 1);
        assert!(text.starts_with("a ba b") && text.ends_with('…'), "{text}");

        let message = "the message 'my secret diary' is wrong";
        let mut error = UpstreamError::without_response(Failure::InvalidRequest, message);
        error.status = 400;
        error.code = Some("invalid_value".to_owned());
        error.openai = Some(Box::new(OpenAiErrorFields {
            kind: "invalid_request_error".to_owned(),
            param: Some("messages[0]".to_owned()),
        }));
        assert_eq!(&*attempt_failure_text(&error), "invalid_value: messages[0]");
        error.code = None;
        error.openai = None;
        let text = attempt_failure_text(&error);
        assert!(!text.is_empty() && !text.contains("diary"), "{text}");
    }
}
