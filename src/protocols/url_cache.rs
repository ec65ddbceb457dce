//! Addresses that were read before: a provider has a handful, and each request would read one
//! again.

use reqwest::Url;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// More than any provider's models need; what comes after these is read each time.
const MAX_URLS: usize = 256;

/// One provider's.
#[derive(Debug, Default)]
pub(super) struct UrlCache(RwLock<BTreeMap<String, Url>>);

impl UrlCache {
    /// Parses a URL; `None` where it is invalid.
    pub fn read(&self, text: &str) -> Option<Url> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(url) = known.get(text) {
            return Some(url.clone());
        }
        drop(known);
        let url = Url::parse(text).ok()?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_URLS {
            known.insert(text.to_owned(), url.clone());
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_once_and_there_are_never_too_many() {
        let addresses = UrlCache::default();
        let read = |text: &str| addresses.read(text);

        assert_eq!(read("http://a/v1").unwrap().host_str(), Some("a"));
        assert_eq!(read("http://a/v1"), read("http://a/v1"));
        assert_eq!(read("no address"), None);
        for number in 0..2 * MAX_URLS {
            read(&format!("http://a/{number}"));
        }
        assert_eq!(addresses.0.read().unwrap().len(), MAX_URLS);
    }
}
