//! Reading of JSON bodies, shared by all formats.

use super::vendor_error::VendorError;

/// Parses a JSON body. The error has only the position: serde's own text may quote the prompt.
pub fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, VendorError> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        VendorError::malformed(
            format!("The body is not {what} (line {line}, column {column})."),
            None,
        )
    })
}
