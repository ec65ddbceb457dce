//! Whole numbers in JSON, in any notation.

use serde_json::Value;
use serde_json::value::RawValue;

/// Largest number that JSON parsers agree about, 2^53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a JSON number without a fraction, in any notation: `1000`, `1000.0`, `1e3`.
pub(super) fn whole_number(raw: &RawValue) -> Option<i128> {
    whole(&serde_json::from_str(raw.get()).ok()?)
}

/// Returns a number without a fraction.
pub(super) fn whole(value: &Value) -> Option<i128> {
    if let Some(number) = value.as_i64() {
        return Some(number.into());
    }
    if let Some(number) = value.as_u64() {
        return Some(number.into());
    }
    let number = value.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the number has no fraction and is at most 2^53"
    )]
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then_some(number as i128)
}
