//! Precedence of layers, and origins of values.

use super::{Workspace, exposed};
use crate::config::{Origin, show};
use std::time::Duration;

fn origin_of(workspace: &Workspace, key: &str) -> String {
    let entries = workspace.loaded().entries;
    let entry = entries.iter().find(|entry| entry.key == key);
    entry.expect("a known key").origin.to_string()
}

#[test]
fn each_layer_outranks_the_ones_before_it() {
    let retries = |workspace: &Workspace| {
        let retries = workspace.loaded().settings.balancing.max_retries;
        (retries, origin_of(workspace, "balancing.max_retries"))
    };
    let workspace = Workspace::new();
    assert_eq!(retries(&workspace), (3, "built-in".to_owned()));

    let workspace = workspace.home_file("[balancing]\nmax_retries = 4\n");
    let home = format!("{}:2", workspace.home_path().display());
    assert_eq!(retries(&workspace), (4, home));

    let workspace = workspace.file("aibal.toml", "\n[balancing]\nmax_retries = 5\n");
    assert_eq!(retries(&workspace), (5, "aibal.toml:3".to_owned()));

    let mut workspace = workspace.file("own.toml", "balancing.max_retries = 6\n");
    workspace.sources.config_flag = Some("own.toml".into());
    assert_eq!(retries(&workspace), (6, "own.toml:1".to_owned()));

    let workspace = workspace.file(".env", "# one\nAIBAL__BALANCING__MAX_RETRIES=7\n");
    assert_eq!(
        retries(&workspace),
        (7, ".env:2 AIBAL__BALANCING__MAX_RETRIES".to_owned())
    );

    let workspace = workspace.variable("AIBAL__BALANCING__MAX_RETRIES", "8");
    assert_eq!(
        retries(&workspace),
        (8, "env AIBAL__BALANCING__MAX_RETRIES".to_owned())
    );

    let workspace = workspace.variable("LOAD_BALANCER_MAX_RETRIES", "9");
    assert_eq!(
        retries(&workspace),
        (9, "env LOAD_BALANCER_MAX_RETRIES".to_owned())
    );
}

#[test]
fn a_flag_outranks_everything() {
    let mut workspace = Workspace::with_file("[server]\nlisten = \"127.0.0.1:1\"\n")
        .variable("AIBAL__SERVER__LISTEN", "127.0.0.1:2");
    workspace.sources.flags.listen = Some("localhost:3".to_owned());

    let loaded = workspace.loaded();

    assert_eq!(loaded.settings.server.listen.to_string(), "127.0.0.1:3");
    assert_eq!(origin_of(&workspace, "server.listen"), "flag --listen");
}

#[test]
fn config_flag_replaces_the_usual_files() {
    let mut workspace = Workspace::with_file("[server]\nenvironment = \"here\"\n")
        .home_file("[probe]\ninterval_seconds = 99\n")
        .file("own.toml", "");
    workspace.sources.config_flag = Some("own.toml".into());

    let settings = workspace.loaded().settings;

    assert_eq!(settings.server.environment, "dev");
    assert_eq!(settings.probe.interval, Duration::from_secs(15));
}

#[test]
fn xdg_config_home_is_used_where_it_is_absolute() {
    let workspace = Workspace::new();
    let folder = workspace.folder.path().join("xdg");

    let absolute = workspace.variable("XDG_CONFIG_HOME", &folder.display().to_string());
    assert_eq!(absolute.home_path(), folder.join("aibal-tui/config.toml"));

    let relative = absolute.variable("XDG_CONFIG_HOME", "xdg");
    let home = relative
        .folder
        .path()
        .join("home/.config/aibal-tui/config.toml");
    assert_eq!(relative.home_path(), home);
}

#[test]
fn sums_are_checked_after_all_layers() {
    let workspace = Workspace::with_file("[balancing.weights]\ncost = 50\nlatency = 30\n")
        .variable("LOAD_BALANCER_WEIGHT_RELIABILITY", "20");

    let weights = workspace.loaded().settings.balancing.weights;

    assert_eq!(
        (weights.cost, weights.latency, weights.reliability),
        (50.0, 30.0, 20.0)
    );
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let workspace = Workspace::new()
        .variable("LOAD_BALANCER_WEIGHT_COST", "")
        .variable("AIBAL__BALANCING__MAX_RETRIES", " ")
        .variable("OPENAI_API_KEY", "")
        .variable("AIBAL__SERVER__ENVIRONMENT", "");

    let settings = workspace.loaded().settings;

    assert_eq!(settings.balancing.weights.cost, 30.0);
    assert_eq!(settings.balancing.max_retries, 3);
    assert!(settings.providers.is_empty());
    assert_eq!(settings.server.environment, "");
}

#[test]
fn a_variable_names_a_provider_as_it_names_any_key() {
    let file = "[[providers]]\nname = \"my-vllm\"\nkind = \"openai-compatible\"\n\
                base_url = \"https://box/v1\"\nmodels = [{ id = \"m\" }]\n";
    let workspace = Workspace::with_file(file)
        .variable("AIBAL__PROVIDERS__MY_VLLM__PRIORITY", "70")
        .variable("AIBAL__PROVIDERS__MY_VLLM__WEIGHTS__COST", "80")
        .variable("AIBAL__PROVIDERS__MY_VLLM__API_KEY", "0123456789");

    let provider = workspace.loaded().settings.providers.remove(0);

    assert_eq!((provider.priority, provider.weights.cost), (70, Some(80.0)));
    assert_eq!(exposed(&provider.key.expect("a key")), "0123456789");
    assert_eq!(workspace.warnings(), "");
}

#[test]
fn a_later_file_replaces_the_list_of_providers() {
    let provider = |name: &str| {
        format!("[[providers]]\nname = \"{name}\"\nkind = \"openai\"\napi_key_env = \"K\"\n")
    };
    let workspace = Workspace::with_file(&provider("here"))
        .home_file(&provider("home"))
        .variable("K", "k");

    let providers = workspace.loaded().settings.providers;

    let names: Vec<&str> = providers
        .iter()
        .map(|provider| provider.name.as_str())
        .collect();
    assert_eq!(names, ["here"]);
}

#[test]
fn show_lists_effective_settings_with_their_origin_and_masks_secrets() {
    let file = "[[providers]]\nname = \"a\"\nkind = \"xai\"\napi_key = \"sk-secret-1\"\n\
                [alerts]\nwebhook_url = \"https://hooks.example/T1/secret-2\"\n\
                [store]\nurl = \"postgres://me:secret-3@db/x\"\n";
    let workspace = Workspace::with_file(file).variable("LOAD_BALANCER_TIMEOUT_MS", "20000");

    let text = show(&workspace.loaded());

    assert!(!text.contains("secret"), "{text}");
    for line in [
        "balancing.timeout_ms = 20000",
        "providers[a].api_key = ****",
        "alerts.webhook_url = \"https://hooks.example/****\"",
        "store.url = \"postgres://****@db/x\"",
        "# env LOAD_BALANCER_TIMEOUT_MS",
        "# built-in, accepted, but not built yet",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn a_variable_of_the_environment_outranks_the_same_one_in_dot_env() {
    let workspace = Workspace::new()
        .file(".env", "export OPENAI_API_KEY='from file' # mine\n")
        .variable("OPENAI_API_KEY", "from environment");

    let provider = workspace.loaded().settings.providers.remove(0);

    assert_eq!(exposed(&provider.key.expect("a key")), "from environment");
    let entry = workspace
        .loaded()
        .entries
        .into_iter()
        .find(|e| e.key == "providers[openai].kind");
    let name = "OPENAI_API_KEY".to_owned();
    assert_eq!(
        entry.expect("an entry").origin,
        Origin::Environment { name }
    );
}
