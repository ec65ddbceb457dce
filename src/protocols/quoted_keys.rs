//! Removes keys from the texts of providers: some quote the key that they refuse.

use super::UpstreamError;
use zeroize::Zeroizing;

/// What a client reads in place of a key.
const PLACEHOLDER: &str = "[key]";
/// Shortest key that is looked for, in bytes. Shorter ones are words such as `none`, and no secrets.
const MIN_KEY: usize = 8;

/// Removes the keys from every text of an error that a client or an operator reads.
pub(super) fn remove_keys(
    error: &mut UpstreamError,
    keys: impl Iterator<Item = Zeroizing<String>>,
) {
    for key in keys.filter(|key| key.len() >= MIN_KEY) {
        let clean = |text: &mut String| {
            if text.contains(key.as_str()) {
                *text = text.replace(key.as_str(), PLACEHOLDER);
            }
        };
        clean(&mut error.message);
        error.code.iter_mut().for_each(clean);
        if let Some(shape) = &mut error.openai {
            clean(&mut shape.kind);
            shape.param.iter_mut().for_each(clean);
        }
    }
}
