//! Delivery of alerts to webhooks: one bounded queue and one task per receiver, so that a receiver
//! that hangs delays no other, and nothing waits for any of them.
//!
//! Attempts are repeated with a growing pause. What a queue cannot hold and what is given up is
//! counted: in `/api/alerts`, in the figures of dropped data, and as an alert.

mod delivery;
mod dispatcher;
mod message;
#[cfg(test)]
mod tests;
mod webhook;

pub use delivery::RetryPolicy;
pub use dispatcher::Webhooks;
pub use webhook::{Webhook, WebhookFormat};
