//! `aibal-tui keys`: its arguments, and its list as text.

use super::text_format::{cell, line};
use crate::contract::KeyListing;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Store a key, or a new version of it; the key is read from stdin or asked for without echo
    Set {
        /// Name, for keystore:NAME in the configuration
        name: String,
        /// Read the key from stdin also where it is a terminal
        #[arg(long)]
        stdin: bool,
    },
    /// Store a new version of a key that is there
    Rotate {
        /// Name of the key
        name: String,
        /// Read the key from stdin also where it is a terminal
        #[arg(long)]
        stdin: bool,
    },
    /// List names, versions and times; never the keys
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a key
    Remove {
        /// Name of the key
        name: String,
    },
    /// Encrypt the data key anew, as keystore.unlock says: for another passphrase or another way to open
    /// the store
    Rewrap {
        /// What opens the store so far, written as keystore.unlock; default: as that says
        #[arg(long, value_name = "UNLOCK")]
        from: Option<String>,
    },
}

/// The keys, one in each line.
pub fn render_keys(listing: &KeyListing) -> String {
    if listing.keys.is_empty() {
        return line(&format!("{}: no keys", listing.file));
    }
    let mut text = line(&format!("{} {:>7}  created", cell("name", 32), "version"));
    for key in &listing.keys {
        let (name, version) = (cell(&key.name, 32), key.version);
        text.push_str(&line(&format!("{name} {version:>7}  {}", key.created)));
    }
    text
}
