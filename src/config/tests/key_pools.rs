//! Providers with several keys.

use super::{Workspace, exposed};
use crate::config::ProviderSettings;
use insta::assert_snapshot;

fn openai(workspace: &Workspace) -> ProviderSettings {
    let mut providers = workspace.loaded().settings.providers.into_iter();
    let found = providers.find(|provider| provider.name == "openai");
    found.expect("a known provider")
}

#[test]
fn several_keys_are_read_and_one_that_is_missing_is_left_out() {
    let file = |keys: &str| {
        format!("[[providers]]\nname = \"openai\"\nkind = \"openai\"\napi_keys = {keys}\n")
    };
    let keys = r#"["env:KEY_A", { key = "file:key-b", weight = 2 }, "env:KEY_C"]"#;
    let workspace = Workspace::with_file(&(file(keys) + "quota = \"account\"\n"))
        .file("key-b", "secret-b\n")
        .variable("KEY_A", "secret-a");
    let found = openai(&workspace);

    let pool = found.key_pool.iter();
    let pool: Vec<_> = pool
        .map(|key| (key.name.as_str(), key.weight, exposed(&key.source)))
        .collect();
    assert_eq!(
        pool,
        [
            ("env:KEY_A", 1.0, "secret-a"),
            ("file:key-b", 2.0, "secret-b")
        ]
    );
    assert_eq!(exposed(&found.key.expect("a key")), "secret-a");
    assert!(found.shares_quota && found.skipped.is_none());
    assert_eq!(
        workspace.warnings(),
        "aibal.toml:4: providers[openai].api_keys: the variable KEY_C with its key is not set; the \
         key is left out"
    );
    let shown = workspace.loaded().entries;
    let shown = shown.iter().find(|entry| entry.key.ends_with("api_keys"));
    assert_eq!(
        shown.expect("a setting").value,
        r#"["env:KEY_A", { key = "file:key-b", weight = 2 }, "env:KEY_C"]"#
    );

    let single = Workspace::with_file(&file(r#"["env:KEY_A", "env:KEY_C"]"#));
    let single = openai(&single.variable("KEY_A", "secret-a"));
    assert_eq!(single.key_pool, []);
    assert_eq!(exposed(&single.key.expect("a key")), "secret-a");
    let none = openai(&Workspace::with_file(&file(keys)));
    assert!(none.skipped.expect("a reason").contains("KEY_A"));
}

#[test]
fn wrong_lists_of_keys_are_named_and_no_key_is_shown() {
    let file = |rest: &str| {
        let text = format!("[[providers]]\nname = \"openai\"\nkind = \"openai\"\n{rest}\n");
        let workspace = Workspace::with_file(&text).variable("KEY_A", "secret-a");
        workspace.errors()
    };
    let all = [
        file("api_keys = []"),
        file(r#"api_keys = ["sk-literal", { key = "sk-other", weight = 0 }]"#),
        file(r#"api_keys = [{ key = "env:KEY_A", wieght = 2 }]"#),
        file(r#"api_keys = "sk-literal""#),
        file("api_key = \"env:KEY_A\"\napi_keys = [\"env:KEY_A\", \"env:KEY_B\"]"),
        file(r#"api_keys = ["env:KEY_A", "env:KEY_A"]"#),
        file(r#"priority = { key = "sk-literal" }"#),
        file("api_keys = [\"env:KEY_A\"]\nquota = \"keys\""),
    ];
    assert_snapshot!(all.join("\n"), @r#"
    aibal.toml:4: providers[openai].api_keys: []: must be a list of at least one key, each "env:NAME" or { key = "env:NAME", weight = 2 } with a weight from 0.01 to 1000
    aibal.toml:4: providers[openai].api_keys: ["****", { key = "****", weight = 0 }]: must be a list of at least one key, each "env:NAME" or { key = "env:NAME", weight = 2 } with a weight from 0.01 to 1000
    aibal.toml:4: providers[openai].api_keys: [****]: must be a list of at least one key, each "env:NAME" or { key = "env:NAME", weight = 2 } with a weight from 0.01 to 1000
    aibal.toml:4: providers[openai].api_keys: ****: must be a list of at least one key, each "env:NAME" or { key = "env:NAME", weight = 2 } with a weight from 0.01 to 1000
    aibal.toml:5: providers[openai].api_keys: is given together with api_key, but only one of the two may be
    aibal.toml:4: providers[openai].api_keys: env:KEY_A: must be given once, but it is the same key as an earlier one
    aibal.toml:4: providers[openai].priority: a table: must be a whole number from 0 to 100
    aibal.toml:5: providers[openai].quota: "keys": must be one of key, account; did you mean key?
    "#);
}
