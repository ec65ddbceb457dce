//! Where the traffic of a provider goes without it, as menus and dialogs state it. The balancer
//! gives it to the others in proportion to their shares of the last minute, as far as these may
//! serve it.

use super::format;
use crate::contract::{ProviderStatus, Status};

/// Providers that are named; the rest is counted, unless it is one.
const MAX_NAMED: usize = 3;

/// `41% goes to ollama 27, xai 14`; the parts are points of the whole traffic.
pub fn takeover(status: &Status, provider: &ProviderStatus) -> String {
    let name = provider.performance.provider.as_str();
    if provider.share <= 0.0 {
        return "it gets no requests now".to_owned();
    }
    let mut others: Vec<(&str, f64)> = status
        .providers
        .iter()
        .filter(|it| it.performance.provider != name && it.share > 0.0 && it.may_serve())
        .map(|it| (it.performance.provider.as_str(), it.share))
        .collect();
    let whole: f64 = others.iter().map(|(_, share)| share).sum();
    let part = format::share(provider.share);
    if whole <= 0.0 {
        return format!("{part}% has nowhere to go");
    }
    for (_, share) in &mut others {
        *share *= provider.share / whole;
    }
    others.sort_by(|one, other| other.1.total_cmp(&one.1));
    let named = if others.len() == MAX_NAMED + 1 {
        others.len()
    } else {
        MAX_NAMED.min(others.len())
    };
    let (named, rest) = others.split_at(named);
    let mut words: Vec<String> = named
        .iter()
        .map(|(name, share)| format!("{name} {}", format::share(*share)))
        .collect();
    if !rest.is_empty() {
        let share: f64 = rest.iter().map(|(_, share)| share).sum();
        words.push(format!("{} others {}", rest.len(), format::share(share)));
    }
    format!("{part}% goes to {}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::HealthState;
    use crate::tui::fixture;

    fn of_shares(shares: &[f64]) -> String {
        let mut status = fixture::status(shares.len(), 7);
        for (at, (provider, share)) in status.providers.iter_mut().zip(shares).enumerate() {
            provider.share = *share;
            provider.performance.state = HealthState::Ok;
            provider.performance.provider = format!("p{at}");
        }
        takeover(&status, &status.providers[0].clone())
    }

    #[test]
    fn the_others_take_over_in_proportion_to_their_shares() {
        let text = of_shares(&[0.41, 0.20, 0.39]);
        assert_eq!(text, "41% goes to p2 27, p1 14");
    }

    #[test]
    fn many_others_are_counted_and_none_is_said() {
        let text = of_shares(&[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]);
        assert_eq!(text, "50% goes to p1 10, p2 10, p3 10, 2 others 20");
        assert_eq!(of_shares(&[1.0, 0.0]), "100% has nowhere to go");
        assert_eq!(of_shares(&[0.0, 1.0]), "it gets no requests now");
    }
}
