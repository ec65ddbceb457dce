//! The clients of a demo: applications that share a gateway, each with a token, a tag and, but for one,
//! a budget of the day.

use super::random::{DrawPurpose, RequestRandom};

/// One client of a demo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DemoClient {
    /// Name of its token.
    pub name: &'static str,
    /// Its token, which opens nothing: the gateway of a demo needs none.
    pub token: &'static str,
    /// What its requests are for.
    pub tag: &'static str,
    /// Budget of a day; high enough for days of a demo at its usual rate.
    pub usd_per_day: Option<f64>,
    /// Part of the requests, 0..1.
    share: f64,
}

/// All clients of a demo, the busiest first.
pub const CLIENTS: [DemoClient; 4] = [
    DemoClient {
        name: "webshop",
        token: "demo-webshop",
        tag: "checkout",
        usd_per_day: Some(250.0),
        share: 0.46,
    },
    DemoClient {
        name: "assistant",
        token: "demo-assistant",
        tag: "chat",
        usd_per_day: Some(150.0),
        share: 0.31,
    },
    DemoClient {
        name: "reports",
        token: "demo-reports",
        tag: "nightly",
        usd_per_day: Some(80.0),
        share: 0.16,
    },
    DemoClient {
        name: "ci",
        token: "demo-ci",
        tag: "tests",
        usd_per_day: None,
        share: 0.07,
    },
];

impl DemoClient {
    /// The place in [`CLIENTS`] of the client that sends a request with these draws.
    pub(super) fn of(random: RequestRandom) -> usize {
        let mut left = random.uniform(DrawPurpose::Client);
        for (place, client) in CLIENTS.iter().enumerate() {
            left -= client.share;
            if left < 0.0 {
                return place;
            }
        }
        CLIENTS.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_sends_its_share() {
        let count = 20_000_u32;
        let mut sent = [0.0; CLIENTS.len()];
        for number in 0..count {
            sent[DemoClient::of(RequestRandom::new(1, "traffic", number.into()))] += 1.0;
        }
        assert!((CLIENTS.iter().map(|it| it.share).sum::<f64>() - 1.0).abs() < 1e-9);
        for (client, sent) in CLIENTS.iter().zip(sent) {
            let share = sent / f64::from(count);
            assert!(
                (share - client.share).abs() < 0.01,
                "{}: {share}",
                client.name
            );
        }
    }
}
