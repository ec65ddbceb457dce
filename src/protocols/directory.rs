//! Where each provider is and how to show who we are. Keys are here and nowhere else.

use super::Protocol;
use http::HeaderValue;
use std::fmt;

/// One provider's address and key.
#[derive(Clone)]
pub struct Endpoint {
    /// Ends in what the vendor documents (`/v1` for OpenAI-like ones), without a slash.
    pub base_url: String,
    /// `Bearer …`, marked as sensitive; nothing where the provider asks for none.
    pub authorization: Option<HeaderValue>,
    pub protocol: &'static dyn Protocol,
}

impl Endpoint {
    /// Nothing where the key holds what no header can.
    pub fn new(base_url: &str, key: Option<&str>, protocol: &'static dyn Protocol) -> Option<Self> {
        let authorization = match key {
            Some(key) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Some(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            authorization,
            protocol,
        })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// Endpoints by the provider's place in the catalogue; nothing for those that are off.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    pub endpoints: Vec<Option<Endpoint>>,
}

impl Directory {
    pub fn endpoint(&self, provider: usize) -> Option<&Endpoint> {
        self.endpoints.get(provider).and_then(Option::as_ref)
    }
}
