//! Caches parsed URLs: a provider has few of them, and every request needs one.

use reqwest::Url;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Most cached URLs, more than any provider's models need. Further URLs are parsed each time.
const MAX_URLS: usize = 256;

/// Parsed URLs of one provider.
#[derive(Debug, Default)]
pub(super) struct UrlCache(RwLock<BTreeMap<String, Url>>);

impl UrlCache {
    /// Parses a URL; `None` where it is invalid.
    pub fn read(&self, text: &str) -> Option<Url> {
        let cached = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(url) = cached.get(text) {
            return Some(url.clone());
        }
        drop(cached);
        let url = Url::parse(text).ok()?;
        let mut cached = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if cached.len() < MAX_URLS {
            cached.insert(text.to_owned(), url.clone());
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_parsed_once_and_their_number_is_bounded() {
        let urls = UrlCache::default();
        let read = |text: &str| urls.read(text);

        assert_eq!(read("http://a/v1").unwrap().host_str(), Some("a"));
        assert_eq!(read("http://a/v1"), read("http://a/v1"));
        assert_eq!(read("no address"), None);
        for number in 0..2 * MAX_URLS {
            read(&format!("http://a/{number}"));
        }
        assert_eq!(urls.0.read().unwrap().len(), MAX_URLS);
    }
}
