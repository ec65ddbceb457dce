//! Where keys of providers come from.

use super::{Workspace, exposed};
use crate::config::{KeySource, ProviderSettings, write_key_store};
use crate::secrets::{Derivation, KeyStore, Secret, UnlockMaterial};
use insta::assert_snapshot;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
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

/// A workspace whose key store has the key `a`, opened by a file.
fn with_store(mode: u32) -> Workspace {
    let text = file("api_key = \"keystore:a\"");
    let text = format!("{text}[keystore]\nunlock = \"file:opener\"\nfile = \"keys.json\"\n");
    let workspace = Workspace::with_file(&text).file("opener", "a long enough opener\n");
    let material = UnlockMaterial::new(b"a long enough opener".to_vec()).expect("material");
    let derivation = Derivation::recommended().expect("a derivation");
    let created = KeyStore::create("file", &material, derivation);
    let (mut store, key) = created.expect("a store");
    let secret = Secret::from("sk-of-the-store");
    let set = store.set(&key, ("a", "2026-12-01T00:00:00Z".to_owned()), &secret);
    assert_eq!(set, Ok(1));
    let path = workspace.sources.cwd.join("keys.json");
    write_key_store(&path, &store).expect("a written store");
    let written = std::fs::metadata(&path).expect("a file").permissions();
    assert_eq!(written.mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
    workspace
}

#[test]
fn a_key_of_the_key_store_is_used_and_its_file_is_watched() {
    let workspace = with_store(0o600);
    let loaded = workspace.loaded();

    let provider = &loaded.settings.providers[0];
    assert_eq!(
        exposed(provider.key.as_ref().expect("a key")),
        "sk-of-the-store"
    );
    assert_eq!(loaded.key_files, [workspace.sources.cwd.join("keys.json")]);
    // What opened it once need not be read again.
    std::fs::remove_file(workspace.sources.cwd.join("opener")).expect("a removed file");
    assert!(first(&workspace).key.is_some());
    assert!(!format!("{loaded:?}").contains("sk-of-the-store"));
}

#[test]
fn a_key_store_that_cannot_be_opened_says_why() {
    let reason = |workspace: &Workspace| {
        let folder = workspace.sources.cwd.display().to_string();
        let reason = first(workspace).skipped.expect("a reason");
        reason.replace(&folder, "")
    };
    let public = with_store(0o640);
    let wrong = with_store(0o600).file("opener", "another opener");
    let mut passphrase = with_store(0o600);
    let text = passphrase.content("aibal.toml");
    let text = text.replace("file:opener", "passphrase");
    passphrase = passphrase.file("aibal.toml", &text);
    let missing = with_store(0o600);
    let text = missing.content("aibal.toml");
    let missing = missing.file("aibal.toml", &text.replace("keystore:a", "keystore:b"));

    let all = [
        reason(&public),
        reason(&wrong),
        reason(&passphrase),
        reason(&missing),
    ];
    assert_snapshot!(all.join("\n"), @"
    keystore:a cannot be read: the key store /keys.json has mode 0640, so that others may use it; run `chmod 600 /keys.json`
    keystore:a cannot be read: the key store: it cannot be opened: the passphrase or key is wrong, or the file was changed
    keystore:a cannot be read: the key store is opened by file, but [keystore] unlock is passphrase; run `aibal-tui keys rewrap --from file`
    keystore:b is not in /keys.json; `aibal-tui keys set b` adds it
    ");
}

#[test]
fn the_way_to_open_a_key_store_is_checked_and_a_command_is_masked() {
    let unlock = |text: &str| Workspace::with_file(&format!("[keystore]\nunlock = \"{text}\"\n"));

    assert_snapshot!(unlock("env:KEY").errors(), @"aibal.toml:2: keystore.unlock: must be passphrase, file:PATH, credential:NAME or command:PROGRAM ARGUMENTS");
    let entries = unlock("command:vault read -token=s.12").loaded().entries;
    let shown = entries.iter().find(|entry| entry.key == "keystore.unlock");
    assert_eq!(shown.expect("a setting").value, "command:vault ****");
}
