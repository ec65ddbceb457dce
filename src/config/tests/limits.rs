//! Limits of load and of spending.

use super::Desk;

const PROVIDER: &str = "[[providers]]\nname = \"a\"\nkind = \"ollama\"\n";

#[test]
fn without_settings_there_is_no_limit_but_room_for_many_requests() {
    let settings = Desk::with_file(PROVIDER).loaded().settings;

    assert_eq!(settings.server.max_in_flight, 8_192);
    assert_eq!(settings.budget.usd_per_day, None);
    assert_eq!(settings.budget.usd_per_month, None);
    assert!(!settings.budget.is_cheapest_on_limit);
    let provider = &settings.providers[0];
    let rates = (provider.requests_per_minute, provider.tokens_per_minute);
    assert_eq!(rates, (None, None));
}

#[test]
fn every_limit_is_read_without_a_warning() {
    let text = format!(
        "[server]\nmax_in_flight = 9\n\
         [budget]\nusd_per_day = 5\nusd_per_month = inf\non_limit = \"cheapest\"\n\
         [[auth.tokens]]\nname = \"app\"\nsha256 = \"{}\"\nrole = \"client\"\nusd_per_day = 0.5\n\
         {PROVIDER}requests_per_minute = 5\ntokens_per_minute = 6000\n\
         [[providers.models]]\nid = \"m\"\nmax_concurrent = 2\n",
        "0".repeat(64)
    );
    let desk = Desk::with_file(&text);

    let settings = desk.loaded().settings;

    assert_eq!(desk.warnings(), "");
    assert_eq!(settings.server.max_in_flight, 9);
    assert_eq!(settings.budget.usd_per_day, Some(5.0));
    assert_eq!(settings.budget.usd_per_month, Some(f64::INFINITY));
    assert!(settings.budget.is_cheapest_on_limit);
    assert_eq!(settings.tokens[0].usd_per_day, Some(0.5));
    let provider = &settings.providers[0];
    assert_eq!(provider.requests_per_minute, Some(5));
    assert_eq!(provider.tokens_per_minute, Some(6_000));
    assert_eq!(provider.models[0].max_concurrent, Some(2));
}

#[test]
fn limits_that_make_no_sense_are_mistakes() {
    let text = "[server]\nmax_in_flight = 0\n[budget]\nusd_per_day = -1\non_limit = \"beg\"\n";

    insta::assert_snapshot!(Desk::with_file(text).mistakes(), @r#"
    aibal.toml:2: server.max_in_flight: 0: must be a whole number from 1 to 1000000
    aibal.toml:4: budget.usd_per_day: -1: must be a number of at least 0
    aibal.toml:5: budget.on_limit: "beg": must be one of refuse, cheapest
    "#);
}
