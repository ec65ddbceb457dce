//! Providers: keys by a free call, and what their answers say of DNS, TLS and the clock.

use crate::app::free_call::{FreeAnswer, FreeCallError, free_call};
use crate::app::instance_config::endpoint;
use crate::clock;
use crate::config::{Loaded, ProviderSettings};
use crate::contract::{DoctorCheck, DoctorResult};
use crate::domain::{KeyIdx, UnixTime};
use crate::foreign::{ConnectionFault, TlsFault};
use crate::protocols::Endpoint;
use futures_util::future::join_all;
use http::StatusCode;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// Time of one call, and of one name to be resolved.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Difference of clocks that is told.
const MAX_SKEW_S: f64 = 30.0;

/// One call with one key.
struct ProviderCall<'a> {
    provider: &'a ProviderSettings,
    /// The key's place among several.
    key: Option<usize>,
    result: Result<FreeAnswer, FreeCallError>,
    took: Duration,
    ended: UnixTime,
}

pub(super) async fn check(loaded: &Loaded, is_offline: bool) -> Vec<DoctorCheck> {
    let all = loaded.settings.providers.iter();
    let mut checks: Vec<DoctorCheck> = all
        .clone()
        .filter_map(|provider| {
            let reason = provider.skipped.as_deref().filter(|_| provider.enabled)?;
            let check = DoctorCheck::new(
                "provider",
                DoctorResult::Warning,
                format!("is off: {reason}"),
            );
            Some(check.of(&provider.name).advise("set its key, or remove it"))
        })
        .collect();
    let usable: Vec<&ProviderSettings> = all.filter(|provider| provider.is_usable()).collect();
    if is_offline {
        let skipped = |name| {
            DoctorCheck::new(
                name,
                DoctorResult::Skipped,
                "not checked, because of --offline",
            )
        };
        checks.extend(["provider", "dns", "tls", "clock"].map(skipped));
        return checks;
    }
    let mut warnings = Vec::new();
    let endpoints = usable.iter().filter_map(|&provider| {
        let endpoint = endpoint(provider, &mut warnings)?;
        Some((provider, endpoint))
    });
    let endpoints: Vec<(&ProviderSettings, Endpoint)> = endpoints.collect();
    let warnings = warnings.into_iter();
    checks.extend(warnings.map(|text| DoctorCheck::new("provider", DoctorResult::Warning, text)));
    let (calls, names) = tokio::join!(join_all(endpoints.iter().map(calls)), names(&usable));
    let calls: Vec<ProviderCall<'_>> = calls.into_iter().flatten().collect();
    checks.extend(calls.iter().map(|call| judge(call, loaded)));
    checks.extend(names);
    checks.extend(tls(&calls));
    checks.push(clocks(&calls));
    checks
}

/// One call with each key of a provider.
async fn calls<'a>(
    (provider, endpoint): &'a (&'a ProviderSettings, Endpoint),
) -> Vec<ProviderCall<'a>> {
    let keys: Vec<KeyIdx> = KeyIdx::all(endpoint.key_count()).collect();
    let has_several = keys.len() > 1;
    let calls = keys.into_iter().enumerate().map(|(place, key)| async move {
        let started = clock::now();
        let result = free_call(&endpoint.with_key(Some(key)), CALL_TIMEOUT).await;
        let ended = clock::now();
        ProviderCall {
            provider,
            key: has_several.then_some(place),
            result,
            took: ended.since(started),
            ended,
        }
    });
    join_all(calls).await
}

fn judge(call: &ProviderCall<'_>, loaded: &Loaded) -> DoctorCheck {
    let subject = match call.key {
        Some(place) => format!("{} (key {place})", call.provider.name),
        None => call.provider.name.clone(),
    };
    let check = |result, message: String| {
        DoctorCheck::new("provider", result, message).of(subject.as_str())
    };
    let answer = match &call.result {
        Ok(answer) => answer,
        Err(FreeCallError::Connection(fault)) => {
            let url = &call.provider.base_url;
            return check(DoctorResult::Broken, format!("{url}: {fault}")).advise(remedy(*fault));
        }
        Err(error) => {
            return check(DoctorResult::Broken, error.to_string())
                .advise("check the key or the credentials that the configuration names");
        }
    };
    let status = answer.status.as_u16();
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let place = key_place(call, loaded);
            check(
                DoctorResult::Broken,
                format!("the key is refused ({status})"),
            )
            .advise(format!("set a valid key{place}"))
        }
        StatusCode::NOT_FOUND => check(
            DoctorResult::Warning,
            "it has no list of models (404)".to_owned(),
        )
        .advise("check base_url; some servers serve requests nevertheless"),
        _ if answer.is_ok => {
            let models = answer.models.as_ref().map_or(0, Vec::len);
            let took = call.took.as_millis();
            check(
                DoctorResult::Ok,
                format!("answers in {took} ms and lists {models} models"),
            )
        }
        _ => check(
            DoctorResult::Warning,
            format!("it answers {status} to a request for its models"),
        )
        .advise("try again; it may serve requests nevertheless"),
    }
}

/// Where the key of a provider is named; never the key.
fn key_place(call: &ProviderCall<'_>, loaded: &Loaded) -> String {
    if let Some(key) = call.key.and_then(|place| call.provider.key_pool.get(place)) {
        return format!(" in {}", key.name);
    }
    let path = |name: &str| format!("providers[{}].{name}", call.provider.name);
    let names = [path("api_key_env"), path("api_key")];
    let entry = loaded
        .entries
        .iter()
        .find(|entry| names.contains(&entry.key));
    entry.map_or_else(String::new, |entry| {
        format!(" in {}", entry.value.trim_matches('"'))
    })
}

/// What to do about a connection that failed.
fn remedy(fault: ConnectionFault) -> &'static str {
    match fault {
        ConnectionFault::Dns => {
            "check the host in base_url, the name server of this machine, and its network"
        }
        ConnectionFault::Refused => "start the server, or correct the port in base_url",
        ConnectionFault::Unreachable => {
            "check the network, the firewall and the route of this machine"
        }
        ConnectionFault::NoSocket => {
            "start the server that makes the socket, or correct unix_socket"
        }
        ConnectionFault::Denied => "let this user open the socket",
        ConnectionFault::Tls(TlsFault::UnknownIssuer) => {
            "name the company's certificate in ca_file, or install ca-certificates"
        }
        ConnectionFault::Tls(TlsFault::Expired | TlsFault::NotYetValid) => {
            "renew the certificate of the server, or set the clock of this machine"
        }
        ConnectionFault::Tls(TlsFault::WrongName) => {
            "use the host name in base_url that the certificate has"
        }
        ConnectionFault::Tls(TlsFault::NotTls) => {
            "use http instead of https in base_url, or another port"
        }
        ConnectionFault::Tls(_) => "check the TLS settings of the server, and proxies on the way",
        ConnectionFault::Timeout => {
            "check the network and proxies (HTTPS_PROXY); the provider may be slow"
        }
        ConnectionFault::Reset | ConnectionFault::Closed | ConnectionFault::Other => {
            "check proxies and firewalls on the way, and the server's own log"
        }
    }
}

/// Whether the hosts of providers have addresses.
async fn names(providers: &[&ProviderSettings]) -> Vec<DoctorCheck> {
    let is_direct = |provider: &&&ProviderSettings| provider.unix_socket.is_none();
    let hosts = providers.iter().filter(is_direct).filter_map(|provider| {
        let uri: http::Uri = provider.base_url.parse().ok()?;
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        host.parse::<IpAddr>().is_err().then_some(host)
    });
    let hosts: BTreeSet<String> = hosts.collect();
    if hosts.is_empty() {
        return vec![DoctorCheck::new(
            "dns",
            DoctorResult::Skipped,
            "no provider has a host name",
        )];
    }
    let has_proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let lookups = hosts.iter().map(|host| async move {
        let found = timeout(CALL_TIMEOUT, tokio::net::lookup_host((host.as_str(), 443))).await;
        let is_known = match found {
            Ok(Ok(mut addresses)) => addresses.next().is_some(),
            _ => false,
        };
        (host, is_known)
    });
    let failed: Vec<DoctorCheck> = join_all(lookups)
        .await
        .into_iter()
        .filter(|(_, is_known)| !is_known)
        .map(|(host, _)| {
            let result = if has_proxy {
                DoctorResult::Warning
            } else {
                DoctorResult::Broken
            };
            let message = "the host name has no address";
            DoctorCheck::new("dns", result, message)
                .of(host)
                .advise(remedy(ConnectionFault::Dns))
        })
        .collect();
    if failed.is_empty() {
        let message = format!("all {} host names have addresses", hosts.len());
        return vec![DoctorCheck::new("dns", DoctorResult::Ok, message)];
    }
    failed
}

/// What the calls say of TLS.
fn tls(calls: &[ProviderCall<'_>]) -> Vec<DoctorCheck> {
    let secure = calls
        .iter()
        .filter(|call| call.provider.base_url.starts_with("https://"));
    let mut failed: Vec<DoctorCheck> = Vec::new();
    let mut good = 0;
    for call in secure {
        match &call.result {
            Ok(_) => good += 1,
            Err(FreeCallError::Connection(fault @ ConnectionFault::Tls(reason))) => {
                let check = DoctorCheck::new("tls", DoctorResult::Broken, reason.to_string());
                failed.push(check.of(&call.provider.name).advise(remedy(*fault)));
            }
            Err(_) => {}
        }
    }
    if !failed.is_empty() {
        return failed;
    }
    vec![match good {
        0 => DoctorCheck::new(
            "tls",
            DoctorResult::Skipped,
            "no provider answered over https",
        ),
        1 => DoctorCheck::new("tls", DoctorResult::Ok, "1 handshake succeeded"),
        _ => DoctorCheck::new(
            "tls",
            DoctorResult::Ok,
            format!("{good} handshakes succeeded"),
        ),
    }]
}

/// Compares this machine's clock with those of the providers. One that agrees is enough: a provider's may
/// be wrong too.
fn clocks(calls: &[ProviderCall<'_>]) -> DoctorCheck {
    let skews: Vec<f64> = calls
        .iter()
        .filter_map(|call| {
            let date = call.result.as_ref().ok()?.date.as_deref()?;
            let date = jiff::fmt::rfc2822::parse(date).ok()?;
            let seconds = u64::try_from(date.timestamp().as_second()).ok()?;
            Some(call.ended.unix_seconds() as f64 - seconds as f64)
        })
        .collect();
    judge_clock(&skews)
}

/// `skews` are the seconds by which this clock is ahead.
fn judge_clock(skews: &[f64]) -> DoctorCheck {
    let least = skews
        .iter()
        .copied()
        .min_by(|a, b| a.abs().total_cmp(&b.abs()));
    let Some(skew) = least else {
        return DoctorCheck::new("clock", DoctorResult::Skipped, "no provider told its time");
    };
    if skew.abs() <= MAX_SKEW_S {
        let message = "agrees with the clock of a provider to 30 s";
        return DoctorCheck::new("clock", DoctorResult::Ok, message);
    }
    let side = if skew > 0.0 { "ahead of" } else { "behind" };
    let message = format!("{:.0} s {side} the clocks of all providers", skew.abs());
    DoctorCheck::new("clock", DoctorResult::Warning, message).advise(
        "start a time service, such as chrony or systemd-timesyncd: certificates, budgets and schedules depend \
         on the clock",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_only_if_no_provider_agrees_with_it() {
        assert_eq!(judge_clock(&[]).result, DoctorResult::Skipped);
        assert_eq!(judge_clock(&[400.0, -2.0]).result, DoctorResult::Ok);

        let behind = judge_clock(&[-95.0, -97.0]);

        assert_eq!(behind.result, DoctorResult::Warning);
        assert!(
            behind.message.starts_with("95 s behind"),
            "{}",
            behind.message
        );
        assert!(judge_clock(&[40.0]).message.contains("ahead"));
    }
}
