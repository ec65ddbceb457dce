use crate::secrets::Secret;
use std::str::FromStr;

/// Form of the messages to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookFormat {
    /// The alert as the management API shows it.
    #[default]
    Json,
    /// A text, as Slack and what is compatible with it expect.
    Slack,
    /// Events API v2.
    PagerDuty,
}

impl WebhookFormat {
    const ALL: [Self; 3] = [Self::Json, Self::Slack, Self::PagerDuty];

    /// Returns the word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::PagerDuty => "pagerduty",
        }
    }
}

impl FromStr for WebhookFormat {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == word);
        known.ok_or(())
    }
}

/// One receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Its address, whose path may hold a token.
    pub url: Secret,
    /// Form of the messages.
    pub format: WebhookFormat,
    /// Key of the signature, or the integration key.
    pub secret: Option<Secret>,
}

impl Webhook {
    /// The address as it may be shown: scheme, host and port.
    pub fn shown_url(&self) -> String {
        let Ok(url) = reqwest::Url::parse(self.url.expose()) else {
            return String::new();
        };
        let port = url
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        let host = url.host_str().unwrap_or_default();
        format!("{}://{host}{port}", url.scheme())
    }
}
