//! What can be wrong with a key store.

/// What is wrong with a key store. No text holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyStoreError {
    #[error("it is not a key store: {0}")]
    NotAStore(String),
    #[error("it has format version {0}, but this program knows only 1; use a newer program")]
    NewerVersion(u64),
    #[error(
        "it asks for {0}, but accepted are 8 to 256 MiB, 1 to 10 passes and 1 to 8 lanes; it was not \
         written by this program"
    )]
    ExcessiveDerivation(String),
    #[error("it cannot be opened: the passphrase or key is wrong, or the file was changed")]
    WrongMaterial,
    #[error("its secret {0} was changed outside of this program; set it again")]
    Damaged(String),
    #[error("{0:?} must be a name of 1 to 64 letters, digits, '.', '-' or '_'")]
    WrongName(String),
    #[error("a secret must not be longer than 64 KiB")]
    TooLong,
    #[error("a key store has at most 1000 secrets")]
    TooMany,
    #[error("the system gives no random numbers")]
    NoRandomNumbers,
    #[error("there is not enough memory to derive the key")]
    NoMemory,
}
