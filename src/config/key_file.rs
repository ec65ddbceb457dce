//! Files that hold a key.

use super::text_file::read_text;
use crate::secrets::Secret;
use std::path::Path;

/// The key in a file; `Err` with the reason where there is none.
pub(super) fn key_in_file(path: &Path) -> Result<Secret, String> {
    match read_text(path) {
        Ok(text) => match Secret::new(&text) {
            Some(secret) => Ok(secret),
            None => Err(format!("the file {} with its key is empty", path.display())),
        },
        Err(error) => Err(format!("the file {} with its key: {error}", path.display())),
    }
}
