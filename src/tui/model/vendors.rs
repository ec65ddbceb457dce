//! Vendors: providers whose names differ only in a number at the end, such as `openai`, `openai-2`
//! and `openai-3`. Where there are many providers, vendors order the rows and share a hue.

use crate::contract::{Percentiles, ProviderStatus, Series, Status, TimeBucket};

/// With more providers than this, rows are grouped by vendor.
pub const GROUPED_FROM: usize = 40;

/// The vendor of a provider: its name without a number at its end.
pub fn vendor(provider: &str) -> &str {
    let name = provider.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = name.trim_end_matches(['-', '_', '.', '/']);
    if name.is_empty() { provider } else { name }
}

/// The place of each provider among the identity hues: its own, or with many providers that of its
/// vendor.
pub fn hue_places(status: &Status) -> Vec<usize> {
    if status.providers.len() <= GROUPED_FROM {
        return (0..status.providers.len()).collect();
    }
    let mut vendors: Vec<&str> = Vec::new();
    let mut places = Vec::with_capacity(status.providers.len());
    for provider in &status.providers {
        let name = vendor(&provider.performance.provider);
        let known = vendors.iter().position(|it| *it == name);
        places.push(known.unwrap_or_else(|| {
            vendors.push(name);
            vendors.len() - 1
        }));
    }
    places
}

/// A summary of each vendor, in the order of their hues.
pub fn summaries(status: &Status) -> Vec<ProviderStatus> {
    let mut vendors: Vec<(&str, Vec<&ProviderStatus>)> = Vec::new();
    for provider in &status.providers {
        let name = vendor(&provider.performance.provider);
        match vendors.iter_mut().find(|(vendor, _)| *vendor == name) {
            Some((_, members)) => members.push(provider),
            None => vendors.push((name, vec![provider])),
        }
    }
    let vendors = vendors.iter();
    vendors
        .filter_map(|(_, members)| summary(members))
        .collect()
}

/// Orders rows by vendor: those of an equal `rank` of trouble together, as they come; those without
/// trouble, rank 0, by the requests of their vendor.
pub fn group(rows: Vec<&ProviderStatus>, rank: fn(&ProviderStatus) -> u8) -> Vec<&ProviderStatus> {
    let mut groups: Vec<((u8, &str), u64, Vec<&ProviderStatus>)> = Vec::new();
    for row in rows {
        let key = (rank(row), vendor(&row.performance.provider));
        let requests = row.performance.requests;
        match groups.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, all, members)) => {
                *all += requests;
                members.push(row);
            }
            None => groups.push((key, requests, vec![row])),
        }
    }
    groups.sort_by_key(|((rank, _), requests, _)| {
        let requests = if *rank == 0 { *requests } else { 0 };
        std::cmp::Reverse((*rank, requests))
    });
    groups
        .into_iter()
        .flat_map(|(_, _, members)| members)
        .collect()
}

/// One row for several providers of a vendor: sums, the rate of successes over all of them, and no
/// percentiles, which cannot be added up.
pub fn summary(members: &[&ProviderStatus]) -> Option<ProviderStatus> {
    let first = *members.first()?;
    let mut all = first.clone();
    let name = vendor(&first.performance.provider);
    all.performance.provider = format!("{name} x{}", members.len());
    let sum = |of: fn(&ProviderStatus) -> f64| members.iter().map(|it| of(it)).sum::<f64>();
    all.share = sum(|it| it.share);
    all.odds = sum(|it| it.odds);
    all.requests_per_second = sum(|it| it.requests_per_second);
    let known = members.iter().all(|it| it.usd_per_hour.is_some());
    all.usd_per_hour = known.then(|| sum(|it| it.usd_per_hour.unwrap_or(0.0)));
    all.score = None;
    all.factors = None;
    all.performance.requests = members.iter().map(|it| it.performance.requests).sum();
    all.performance.in_flight = members.iter().map(|it| it.performance.in_flight).sum();
    let counted = sum(|it| match it.performance.success_rate {
        Some(_) => it.performance.requests as f64,
        None => 0.0,
    });
    let succeeded =
        sum(|it| it.performance.success_rate.unwrap_or(0.0) * it.performance.requests as f64);
    all.performance.success_rate = (counted > 0.0).then(|| succeeded / counted);
    all.performance.latency_ms = Percentiles::default();
    all.performance.time_to_first_token_ms = Percentiles::default();
    all.performance.models.clear();
    all.series = added(members);
    Some(all)
}

/// The series of all members, bucket by bucket.
fn added(members: &[&ProviderStatus]) -> Series {
    let mut all = members[0].series.clone();
    for member in &members[1..] {
        for (sum, bucket) in all.buckets.iter_mut().zip(&member.series.buckets) {
            *sum = TimeBucket {
                requests: sum.requests + bucket.requests,
                errors: sum.errors + bucket.errors,
                cost_usd: sum.cost_usd + bucket.cost_usd,
                p95_ms: match (sum.p95_ms, bucket.p95_ms) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    (one, other) => one.or(other),
                },
                ..*sum
            };
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[test]
    fn a_vendor_is_a_name_without_its_number() {
        assert_eq!(vendor("openai-12"), "openai");
        assert_eq!(vendor("azure-eu"), "azure-eu");
        assert_eq!(vendor("x2"), "x");
        assert_eq!(vendor("42"), "42");
    }

    #[test]
    fn many_providers_share_the_hue_of_their_vendor() {
        let few = fixture::status(5, 7);
        assert_eq!(hue_places(&few), [0, 1, 2, 3, 4]);
        let many = fixture::status(50, 7);
        let places = hue_places(&many);
        assert!(places.iter().all(|place| *place < 5), "{places:?}");
    }

    #[test]
    fn a_summary_adds_up_its_members() {
        let status = fixture::status(50, 7);
        let name = |it: &&ProviderStatus| vendor(&it.performance.provider) == "google";
        let members: Vec<&ProviderStatus> = status.providers.iter().filter(name).collect();
        let all = summary(&members).unwrap();
        let requests: u64 = members.iter().map(|it| it.performance.requests).sum();
        assert_eq!(all.performance.requests, requests);
        assert_eq!(
            all.performance.provider,
            format!("google x{}", members.len())
        );
        assert_eq!(all.performance.latency_ms.p95, None);
    }
}
