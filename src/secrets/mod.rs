//! Secrets and references to them. A key never reaches a log, an error, a file of ours or the screen.
//!
//! [`Secret`] has no `Display` and no serde; its `Debug` is `Secret(****)`. Only [`Secret::expose`]
//! returns the text, so that every use can be found by its name.

mod bearer_token;
mod key_store;
mod program;
mod secret;
mod secret_ref;

pub use bearer_token::BearerToken;
pub use key_store::{DataKey, Derivation, KeyStore, KeyStoreError, StoredKey, UnlockMaterial};
pub use program::{Program, ProgramError};
pub use secret::{MASK, Secret};
pub use secret_ref::SecretRef;
