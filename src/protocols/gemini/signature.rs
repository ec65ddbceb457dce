//! Signatures of reasoning in Gemini's shape. A client's library decodes them from base64 and encodes
//! them again, in the alphabet of URLs; so a signature of another provider is wrapped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Begins the bytes of a signature that is not Gemini's. Its length is a multiple of three, so that
/// it also has a fixed beginning in base64.
const MARK: &str = "aibal:";
/// [`MARK`] in base64.
pub(super) const ENCODED_MARK: &str = "YWliYWw6";
const SIGNED: char = 's';
const REDACTED: char = 'r';

/// A signature as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClientSignature {
    /// Gemini's own, in the standard alphabet.
    Gemini(String),
    /// Of another provider's reasoning.
    Reasoning(String),
    /// Reasoning that only its provider can read.
    Redacted(String),
}

/// Wraps the signature of another provider's reasoning.
pub(super) fn wrap(signature: &str) -> String {
    STANDARD.encode(format!("{MARK}{SIGNED}{signature}"))
}

/// Wraps reasoning that only its provider can read.
pub(super) fn wrap_redacted(data: &str) -> String {
    STANDARD.encode(format!("{MARK}{REDACTED}{data}"))
}

/// Reads a signature.
pub(super) fn read(text: String) -> ClientSignature {
    let text = standard_base64(text);
    let unwrapped = text.starts_with(ENCODED_MARK).then(|| {
        let bytes = STANDARD.decode(&text).ok()?;
        let wrapped = String::from_utf8(bytes).ok()?;
        let mut letters = wrapped.get(MARK.len()..)?.chars();
        let kind = letters.next()?;
        Some((kind, letters.as_str().to_owned()))
    });
    match unwrapped.flatten() {
        Some((SIGNED, signature)) => ClientSignature::Reasoning(signature),
        Some((REDACTED, data)) => ClientSignature::Redacted(data),
        _ => ClientSignature::Gemini(text),
    }
}

/// Returns base64 in the standard alphabet, with padding. Some libraries write that of URLs.
pub(super) fn standard_base64(text: String) -> String {
    let is_standard = text.len().is_multiple_of(4) && !text.contains(['-', '_']);
    if is_standard {
        return text;
    }
    let mut text = text.replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_signature_survives_the_alphabet_of_urls() {
        for signature in ["", "x", "EqoB+/==", "ütf"] {
            let sent = wrap(signature);
            assert!(sent.starts_with(ENCODED_MARK));
            let returned = sent.replace('+', "-").replace('/', "_").replace('=', "");
            assert_eq!(
                read(returned),
                ClientSignature::Reasoning(signature.to_owned())
            );
        }
        assert_eq!(
            read(wrap_redacted("data")),
            ClientSignature::Redacted("data".to_owned())
        );
        assert_eq!(
            read("Ab-_".to_owned()),
            ClientSignature::Gemini("Ab+/".to_owned())
        );
    }
}
