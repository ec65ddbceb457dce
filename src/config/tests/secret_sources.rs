//! Where keys of providers come from.

use super::{Workspace, exposed};
use crate::config::{KeySource, ProviderSettings};
use insta::assert_snapshot;
use std::time::Duration;

fn file(rest: &str) -> String {
    format!("[[providers]]\nname = \"a\"\nkind = \"openai\"\n{rest}\n")
}

fn first(workspace: &Workspace) -> ProviderSettings {
    workspace.loaded().settings.providers.remove(0)
}

#[test]
fn a_command_is_split_into_words_and_not_run() {
    let file =
        file("api_key = \"command:/nowhere/vault get -field=key 'a b'\"\nkey_refresh_seconds = 60");
    let provider = first(&Workspace::with_file(&file));

    let Some(KeySource::Command(command)) = &provider.key else {
        panic!("{:?}", provider.key);
    };
    assert_eq!(command.program.name(), "vault");
    assert_eq!(command.refresh, Duration::from_mins(1));
    assert!(provider.is_usable());
    assert!(!format!("{provider:?}").contains("a b"));
    let entries = Workspace::with_file(&file).loaded().entries;
    let shown = entries.iter().find(|entry| entry.key.ends_with("api_key"));
    assert_eq!(
        shown.expect("a setting").value,
        "command:/nowhere/vault ****"
    );
}

#[test]
fn a_pool_may_have_keys_of_every_source() {
    let text = file(
        "api_keys = [\"command:pass show a\", \"credential:b\", \"env:C\", \"command:pass show d\"]",
    );
    let workspace = Workspace::with_file(&text)
        .file("b", "secret-b\n")
        .variable("C", "secret-c");
    let folder = workspace.sources.cwd.display().to_string();
    let workspace = workspace.variable("CREDENTIALS_DIRECTORY", &folder);

    let provider = first(&workspace);

    let pool = provider.key_pool.iter().map(|key| &*key.name);
    assert_eq!(
        pool.collect::<Vec<_>>(),
        [
            "command:pass ****",
            "credential:b",
            "env:C",
            "command:pass ****"
        ]
    );
    assert_eq!(exposed(&provider.key_pool[1].source), "secret-b");
    assert_eq!(
        workspace.loaded().key_files,
        [workspace.sources.cwd.join("b")]
    );
}

#[test]
fn a_source_that_cannot_be_read_says_why() {
    let reason = |rest: &str| {
        let workspace = Workspace::with_file(&file(rest)).variable("PATH", "/bin");
        first(&workspace).skipped.expect("a reason")
    };
    let all = [
        reason("api_key = \"command:pass 'show\""),
        reason("api_key = \"credential:openai\""),
        reason("api_key = \"credential:../openai\""),
        reason("api_key = \"sk-1\"\nheaders = { x-org = \"env:ORG\" }"),
    ];

    assert_snapshot!(all.join("\n"), @"
    its command has a quote or a backslash without its end
    credential:openai is not there: CREDENTIALS_DIRECTORY is not set; systemd sets it for a service with LoadCredential=openai:PATH
    credential:../openai must be the name of a credential, without a folder
    header x-org: the variable ORG with its value is not set
    ");
}

#[test]
fn a_header_has_no_command() {
    let text = file("headers = { x-org = \"command:pass show org\" }");

    assert_snapshot!(Workspace::with_file(&text).errors(), @"aibal.toml:4: providers[a].headers.x-org: must not be a command: only keys are read from commands; use file:PATH or keystore:NAME");
}

#[test]
fn a_command_of_an_env_file_runs_only_where_that_is_trusted() {
    let text = file("");
    let mut workspace = Workspace::with_file(&text).file(
        ".env",
        "AIBAL__PROVIDERS__A__API_KEY=\"command:pass show a\"\n",
    );
    let reason = first(&workspace).skipped.expect("a reason");
    assert!(
        reason.starts_with(".env sets a command, which is not run"),
        "{reason}"
    );

    workspace.sources.trust_env_file = true;
    assert!(matches!(first(&workspace).key, Some(KeySource::Command(_))));

    let outside =
        Workspace::with_file(&text).variable("AIBAL__PROVIDERS__A__API_KEY", "command:pass show a");
    assert!(matches!(first(&outside).key, Some(KeySource::Command(_))));
}
