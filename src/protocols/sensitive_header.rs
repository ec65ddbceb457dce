//! Header values that hold a secret.

use http::HeaderValue;

/// Makes a header value that is marked as sensitive, so that no log shows it. `None` where `text`
/// holds a byte that no header can.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
