//! Providers that are configured like another one.

use super::{Workspace, exposed};
use insta::assert_snapshot;

const FIRST: &str = r#"
[[providers]]
name = "europe"
kind = "openai"
base_url = "https://eu.example.org/v1"
api_key_env = "KEY_A"
priority = 70
max_concurrent = 8
headers = { "x-org" = "mine" }
[[providers.models]]
id = "m"
input_usd_per_1m = 1
output_usd_per_1m = 2
"#;

#[test]
fn a_provider_is_like_another_in_all_that_it_does_not_say() {
    let rest = r#"
[[providers]]
name = "us"
like = "europe"
base_url = "https://us.example.org"
priority = 10
[[providers]]
name = "azure"
like = "us"
kind = "openai-compatible"
base_url = "https://azure.example.org/openai/v1"
api_keys = ["env:KEY_A", "env:KEY_B"]
[[providers.models]]
id = "deployment"
"#;
    let workspace = Workspace::with_file(&format!("{FIRST}{rest}"))
        .variable("KEY_A", "secret-a")
        .variable("KEY_B", "secret-b")
        .variable("AIBAL__PROVIDERS__EUROPE__MAX_CONCURRENT", "9");

    let settings = workspace.loaded().settings;

    let shown = settings.providers.iter().map(|provider| {
        let models: Vec<&str> = provider.models.iter().map(|model| &*model.id).collect();
        format!(
            "{} {} {} {} {:?} {:?} {} {models:?}",
            provider.name,
            provider.kind,
            provider.base_url,
            provider.priority,
            provider.max_concurrent,
            provider.key.as_ref().map(|key| exposed(key).to_owned()),
            provider.key_pool.len(),
        )
    });
    assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r#"
    europe openai https://eu.example.org/v1 70 Some(9) Some("secret-a") 0 ["m"]
    us openai https://us.example.org/v1 10 Some(9) Some("secret-a") 0 ["m"]
    azure openai-compatible https://azure.example.org/openai/v1 10 Some(9) Some("secret-a") 2 ["deployment"]
    "#);
    assert!(settings.providers.iter().all(|it| it.headers.len() == 1));
    assert_eq!(
        settings.providers[1].models[0].price,
        settings.providers[0].models[0].price
    );
    assert_eq!(workspace.warnings(), "");
}

#[test]
fn a_provider_like_an_unknown_one_or_like_itself_is_an_error() {
    let rest = r#"
[[providers]]
name = "us"
like = "eurpoe"
[[providers]]
name = "a"
like = "b"
[[providers]]
name = "b"
like = "a"
[[providers]]
name = "self"
like = "self"
[[providers]]
name = "blank"
"#;
    let workspace = Workspace::with_file(&format!("{FIRST}{rest}")).variable("KEY_A", "secret-a");

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:17: providers[us].like: "eurpoe": must be the name of another provider; did you mean europe?
    aibal.toml:20: providers[a].like: "b": must not lead back to itself (a → b → a)
    aibal.toml:23: providers[b].like: "a": must not lead back to itself (b → a → b)
    aibal.toml:26: providers[self].like: "self": must not lead back to itself (self → self)
    aibal.toml:27: providers[blank].kind: missing, but must be given
    "#);
}
