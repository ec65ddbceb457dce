//! Client tokens and groups of them.

use super::auth_file::{Auth, GroupEntry, TokenEntry};
use super::report::Report;
use super::settings::TokenSettings;
use crate::domain::{
    GroupDefinition, GroupTerms, Money, RateLimits, SpendingLimits, TokenDefinition, TokenTerms,
    parse_time,
};

/// The tokens and groups of a configuration.
pub(super) type Clients = (Vec<TokenSettings>, Vec<GroupDefinition>);

/// All of `[auth]`.
pub(super) fn clients(auth: &Auth, report: &mut Report<'_>) -> Clients {
    (tokens(&auth.tokens, report), groups(&auth.groups, report))
}

/// The tokens of a file; names and hashes must be unique.
fn tokens(tokens: &[TokenEntry], report: &mut Report<'_>) -> Vec<TokenSettings> {
    let mut settings: Vec<TokenSettings> = Vec::with_capacity(tokens.len());
    for token in tokens {
        // Missing or invalid parts were reported when the file was read.
        let Some((sha256, role)) = sha256(&token.sha256).zip(token.role.parse().ok()) else {
            continue;
        };
        let key = |name: &str| format!("auth.tokens[{}].{name}", token.name);
        let name_of = |known: &TokenSettings| known.definition.terms.name.to_string();
        if settings.iter().any(|known| name_of(known) == token.name) {
            let problem = "is also the name of another token, but must be unique";
            report.error(&key("name"), Some(format!("\"{}\"", token.name)), problem);
        } else if let Some(known) = settings.iter().find(|known| known.sha256 == sha256) {
            let problem = format!(
                "is also the hash of the token {:?}, but must be unique",
                name_of(known)
            );
            report.error(&key("sha256"), None, problem);
        }
        let limits = [token.usd_per_day, token.usd_per_week, token.usd_per_month];
        settings.push(TokenSettings {
            definition: TokenDefinition {
                role,
                terms: TokenTerms {
                    name: token.name.as_str().into(),
                    group: token.group.as_deref().map(Into::into),
                    spending: spending(limits),
                    rates: RateLimits {
                        requests: token.requests_per_minute,
                        tokens: token.tokens_per_minute,
                    },
                },
                models: token.models.clone(),
                expires_at: token.expires_at.as_deref().and_then(parse_time),
                tags: token.tags.clone().unwrap_or_default(),
            },
            sha256,
        });
    }
    settings
}

/// The groups of a file; names must be unique.
fn groups(groups: &[GroupEntry], report: &mut Report<'_>) -> Vec<GroupDefinition> {
    let mut settings: Vec<GroupDefinition> = Vec::with_capacity(groups.len());
    for group in groups {
        if settings
            .iter()
            .any(|known| *known.terms.name == *group.name)
        {
            let key = format!("auth.groups[{}].name", group.name);
            let problem = "is also the name of another group, but must be unique";
            report.error(&key, Some(format!("\"{}\"", group.name)), problem);
        }
        let limits = [group.usd_per_day, group.usd_per_week, group.usd_per_month];
        settings.push(GroupDefinition {
            terms: GroupTerms {
                name: group.name.as_str().into(),
                spending: spending(limits),
                rates: RateLimits {
                    requests: group.requests_per_minute,
                    tokens: group.tokens_per_minute,
                },
            },
            models: group.models.clone(),
        });
    }
    settings
}

/// Limits in USD per day, week and month.
fn spending(limits: [Option<f64>; 3]) -> SpendingLimits {
    let [per_day, per_week, per_month] = limits.map(|usd| usd.map(Money::from_usd));
    SpendingLimits {
        per_day,
        per_week,
        per_month,
    }
}

fn sha256(hexadecimal: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hexadecimal.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hexadecimal.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}
