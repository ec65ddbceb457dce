//! Header values that hold a secret.

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

/// Makes a header value that is marked as sensitive, so that no log shows it. `None` where `text`
/// holds a byte that no header can.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    // The bytes are wiped with the last copy of the value; the copies share them.
    let bytes = Bytes::from_owner(Zeroizing::new(text.as_bytes().to_vec()));
    let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}
