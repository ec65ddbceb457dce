//! Configurations and price tables of LiteLLM, turned into ours.
//!
//! What has no counterpart is listed with its line and what to do instead; keys that stand in a file are
//! never copied.

mod document;
mod litellm;
mod note;
mod price_table;
mod yaml;

pub use litellm::{Imported, import_litellm};
pub use note::ImportNote;
pub use price_table::{ImportedPrices, import_prices};

/// A file that cannot be imported.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ImportError(String);

#[cfg(test)]
mod tests;
