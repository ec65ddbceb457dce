//! Limits of load and of spending.

use super::Workspace;
use crate::domain::{BudgetConfig, Money, OverBudgetPolicy, RateLimits};

const PROVIDER: &str = "[[providers]]\nname = \"a\"\nkind = \"ollama\"\n";

#[test]
fn without_settings_only_the_number_of_requests_is_limited() {
    let settings = Workspace::with_file(PROVIDER).loaded().settings;

    assert_eq!(settings.server.max_in_flight, 8_192);
    assert_eq!(settings.budget, BudgetConfig::default());
    assert_eq!(settings.providers[0].rates, RateLimits::default());
}

#[test]
fn every_limit_is_read_without_a_warning() {
    let text = format!(
        "[server]\nmax_in_flight = 9\n\
         [budget]\nusd_per_day = 5\nusd_per_month = inf\non_limit = \"cheapest\"\n\
         [[auth.tokens]]\nname = \"app\"\nsha256 = \"{}\"\nrole = \"client\"\nusd_per_day = 0.5\n\
         {PROVIDER}requests_per_minute = 5\ntokens_per_minute = 6000\nusd_per_day = 20\n\
         [[providers.models]]\nid = \"m\"\nmax_concurrent = 2\n",
        "0".repeat(64)
    );
    let workspace = Workspace::with_file(&text);

    let settings = workspace.loaded().settings;

    assert_eq!(workspace.warnings(), "");
    assert_eq!(settings.server.max_in_flight, 9);
    let budget = BudgetConfig {
        per_day: Some(Money::from_usd(5.0)),
        per_month: Some(Money::from_usd(f64::INFINITY)),
        on_limit: OverBudgetPolicy::Cheapest,
        providers: vec![("a".into(), Money::from_usd(20.0))],
        ..BudgetConfig::default()
    };
    assert_eq!(settings.budget, budget);
    let spending = settings.tokens[0].definition.terms.spending;
    assert_eq!(spending.per_day, Some(Money::from_usd(0.5)));
    let provider = &settings.providers[0];
    let rates = RateLimits {
        requests: Some(5),
        tokens: Some(6_000),
    };
    assert_eq!(provider.rates, rates);
    assert_eq!(provider.models[0].max_concurrent, Some(2));
}

#[test]
fn invalid_limits_are_errors() {
    let text = "[server]\nmax_in_flight = 0\n[budget]\nusd_per_day = -1\non_limit = \"beg\"\n";

    insta::assert_snapshot!(Workspace::with_file(text).errors(), @r#"
    aibal.toml:2: server.max_in_flight: 0: must be a whole number from 1 to 1000000
    aibal.toml:4: budget.usd_per_day: -1: must be a number of at least 0
    aibal.toml:5: budget.on_limit: "beg": must be one of refuse, cheapest
    "#);
}
