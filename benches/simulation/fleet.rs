//! The vendors as the balancer knows them, and what it is told of an attempt.

use super::keys::KeyPool;
use super::traffic::Work;
use super::vendor::{BUCKET_SECONDS, Headers, Profile};
use aibal_tui::domain::{
    Capabilities, Catalogue, ModelType, ModelTypes, Money, Price, Provider, ProviderKeys,
    SessionKey, Target, TargetId, UpstreamLimit, UpstreamLimits, Usage,
};

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "token counts are whole and small"
)]
pub fn usage(input: f64, tokens: f64, cached: f64) -> Usage {
    Usage {
        input: input as u64,
        output: tokens as u64,
        cached: cached as u64,
        ..Usage::default()
    }
}

pub fn session_key(session: u64) -> SessionKey {
    u128::from(session).to_le_bytes().into()
}

pub fn limits(headers: Option<Headers>) -> UpstreamLimits {
    let limit = |(limit, remaining): (f64, f64)| UpstreamLimit {
        limit,
        remaining,
        reset: Some((limit - remaining) / limit * BUCKET_SECONDS),
    };
    UpstreamLimits {
        requests: headers.map(|headers| limit(headers.requests)),
        tokens: headers.map(|headers| limit(headers.tokens)),
    }
}

pub fn catalogue(vendors: &[Profile], present: impl Fn(usize) -> bool) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (place, vendor) in vendors.iter().enumerate() {
        catalogue.providers.push(Provider {
            max_concurrent: Some(vendor.max_concurrent),
            enabled: present(place),
            keys: vendor
                .keys
                .map_or_else(ProviderKeys::default, KeyPool::provider_keys),
            ..Provider::new(vendor.name, "simulated")
        });
        let served = Work::ALL.into_iter().filter(|work| vendor.serves(*work));
        let kinds: Vec<ModelType> = served.map(Work::kind).collect();
        catalogue.targets.push(Target {
            id: TargetId::new(vendor.name, "model"),
            provider: place.into(),
            types: kinds.into_iter().collect::<ModelTypes>(),
            capabilities: Capabilities::default(),
            price: Some(Price {
                cached: vendor.cache.map(|(price, _)| Money::per_token(price)),
                ..Price::flat(vendor.price.0, vendor.price.1)
            }),
            max_concurrent: None,
        });
    }
    catalogue
}
