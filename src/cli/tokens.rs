//! Client tokens as text.

use super::text_format::{cell, line};
use super::token_arguments::CreateTokenArgs;
use crate::contract::{NewToken, TokenList, TokenReport, TokenRequest, parse_duration};
use std::time::Duration;

/// The token that arguments describe; `end_of` is the time after a length of time.
pub fn token_request(
    arguments: &CreateTokenArgs,
    end_of: impl Fn(Duration) -> String,
) -> TokenRequest {
    let list = |words: &Vec<String>| (!words.is_empty()).then(|| words.clone());
    // What is no length of time is a point in time, or a mistake that the instance names.
    let expires_at = arguments.expires.as_ref().map(|text| {
        let length = parse_duration(text);
        length.map_or_else(|| text.clone(), &end_of)
    });
    TokenRequest {
        name: arguments.name.clone(),
        role: Some(arguments.role.clone()),
        group: arguments.group.clone(),
        models: list(&arguments.models),
        usd_per_day: arguments.usd_per_day,
        usd_per_week: arguments.usd_per_week,
        usd_per_month: arguments.usd_per_month,
        requests_per_minute: arguments.rpm,
        tokens_per_minute: arguments.tpm,
        expires_at,
        tags: list(&arguments.tags),
    }
}

/// Two or three lines for each token.
pub fn render_tokens(list: &TokenList) -> String {
    if list.tokens.is_empty() {
        return line("no tokens; `aibal-tui tokens create NAME` makes one");
    }
    list.tokens.iter().map(render_token).collect()
}

/// What it may do, its limits, and where it is from.
pub fn render_token(token: &TokenReport) -> String {
    let last_use = token.last_used_at.as_deref().unwrap_or("not used");
    let head = [
        cell(&token.name, 24),
        cell(&token.role, 8),
        cell(token.state.as_str(), 8),
        last_use.to_owned(),
    ];
    let usd = |limit: Option<f64>, period: &str| limit.map(|usd| format!("${usd} a {period}"));
    let count = |limit: Option<u64>, what: &str| limit.map(|it| format!("{it} {what} a minute"));
    let source = match (&token.created_by, &token.created_at) {
        (Some(who), Some(at)) => format!("made by {who} at {at}"),
        _ => "in the configuration".to_owned(),
    };
    let models = token.models.as_ref().map(|models| models.join(","));
    let tags = (!token.tags.is_empty()).then(|| format!("tags {}", token.tags.join(",")));
    let parts = [
        token.group.as_ref().map(|group| format!("group {group}")),
        models.map(|models| format!("models {models}")),
        usd(token.usd_per_day, "day"),
        usd(token.usd_per_week, "week"),
        usd(token.usd_per_month, "month"),
        count(token.requests_per_minute, "requests"),
        count(token.tokens_per_minute, "tokens"),
        token.expires_at.as_ref().map(|at| format!("expires {at}")),
        token.revoked_at.as_ref().map(|at| format!("revoked {at}")),
        tags,
    ];
    let details: Vec<String> = parts.into_iter().flatten().collect();
    let mut text = line(&head.join(" "));
    if !details.is_empty() {
        text.push_str(&line(&format!("    {}", details.join(", "))));
    }
    text + &line(&format!("    {source}"))
}

/// The secret alone on the first line, so that a script can take it.
pub fn render_new_token(made: &NewToken) -> String {
    let notice = made.notice.as_ref();
    let notice = notice.map_or_else(String::new, |notice| format!("note: {notice}\n"));
    format!("{}\n", made.token) + &render_token(&made.report) + &notice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{TokenOrigin, TokenState};

    fn report() -> TokenReport {
        TokenReport {
            name: "mobile\u{1b}[31m".to_owned(),
            role: "client".to_owned(),
            state: TokenState::Valid,
            source: TokenOrigin::Store,
            group: Some("team-a".to_owned()),
            models: Some(vec!["gpt-*".to_owned()]),
            usd_per_day: Some(2.5),
            usd_per_week: None,
            usd_per_month: None,
            requests_per_minute: Some(60),
            tokens_per_minute: None,
            expires_at: None,
            tags: Vec::new(),
            created_at: Some("2026-11-24T03:00:00.000Z".to_owned()),
            created_by: Some("ops".to_owned()),
            rotated_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_token_has_what_it_may_do_and_its_limits() {
        let list = TokenList {
            tokens: vec![report()],
        };
        insta::assert_snapshot!(render_tokens(&list), @r"
        mobile?[31m              client   valid    not used
            group team-a, models gpt-*, $2.5 a day, 60 requests a minute
            made by ops at 2026-11-24T03:00:00.000Z
        ");
    }

    #[test]
    fn a_script_finds_the_secret_on_the_first_line() {
        let made = NewToken {
            token: "aibal_1".to_owned(),
            report: report(),
            notice: Some("take care".to_owned()),
        };
        let text = render_new_token(&made);
        assert_eq!(text.lines().next(), Some("aibal_1"));
        assert_eq!(text.lines().last(), Some("note: take care"));
    }
}
