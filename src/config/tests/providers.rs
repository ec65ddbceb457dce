//! Providers: from the file, from the environment alone, and those that cannot be used.

use super::{Workspace, exposed};
use crate::config::ProviderSettings;
use crate::domain::{Capabilities, ModelType, ModelTypes, Money};
use insta::assert_snapshot;
use std::time::Duration;

fn names(workspace: &Workspace) -> Vec<String> {
    let providers = workspace.loaded().settings.providers;
    providers
        .iter()
        .map(|provider| format!("{} {}", provider.name, provider.base_url))
        .collect()
}

fn provider(workspace: &Workspace, name: &str) -> ProviderSettings {
    let mut providers = workspace.loaded().settings.providers.into_iter();
    providers
        .find(|provider| provider.name == name)
        .expect("a known provider")
}

fn types<const N: usize>(kinds: [ModelType; N]) -> ModelTypes {
    kinds.into_iter().collect()
}

#[test]
fn a_key_in_the_environment_alone_adds_its_provider() {
    let workspace = Workspace::new()
        .variable("OPENAI_API_KEY", "k1")
        .variable("GROK_API_KEY", "k2")
        .variable("GOOGLE_API_KEY", "k3")
        .variable("OLLAMA_HOST", "0.0.0.0")
        .file(".env", "ANTHROPIC_API_KEY=k4\n");

    let found = names(&workspace);

    assert_eq!(
        found,
        [
            "openai https://api.openai.com/v1",
            "anthropic https://api.anthropic.com/v1",
            "xai https://api.x.ai/v1",
            "gemini https://generativelanguage.googleapis.com/v1beta",
            "ollama http://127.0.0.1:11434",
        ]
    );
    assert_eq!(
        exposed(&provider(&workspace, "xai").key.expect("a key")),
        "k2"
    );
    assert!(
        provider(&workspace, "openai")
            .models
            .iter()
            .any(|model| model.id == "gpt-4o")
    );
    assert!(provider(&workspace, "ollama").models.is_empty());
    assert_eq!(workspace.warnings(), "");
}

#[test]
fn a_configured_provider_of_that_name_or_kind_is_not_added_again() {
    let file = "[[providers]]\nname = \"work\"\nkind = \"openai\"\n\
                [[providers]]\nname = \"xai\"\nkind = \"openai-compatible\"\nbase_url = \"http://x\"\n";
    let workspace = Workspace::with_file(file)
        .variable("OPENAI_API_KEY", "k")
        .variable("XAI_API_KEY", "k");

    assert_eq!(
        names(&workspace),
        ["work https://api.openai.com/v1", "xai http://x/v1"]
    );
}

#[test]
fn an_empty_environment_adds_no_provider() {
    let loaded = Workspace::new().loaded();

    assert!(!loaded.settings.has_usable_provider());
    assert_eq!(
        loaded.looked_for.join(" "),
        "OPENAI_API_KEY ANTHROPIC_API_KEY XAI_API_KEY GROK_API_KEY GEMINI_API_KEY GOOGLE_API_KEY \
         OLLAMA_HOST"
    );
}

#[test]
fn a_local_gateway_uses_ollama_alone() {
    let file = "[[providers]]\nname = \"work\"\nkind = \"openai\"\napi_key_env = \"K\"\n";
    let workspace = Workspace::with_file(file)
        .variable("K", "k")
        .variable("XAI_API_KEY", "k")
        .variable("AI_GATEWAY_API_KEY", "local");

    assert_eq!(
        names(&workspace),
        [
            "work https://api.openai.com/v1",
            "ollama http://127.0.0.1:11434"
        ]
    );
    assert!(!provider(&workspace, "work").is_usable());
    assert!(provider(&workspace, "ollama").is_usable());
    assert_snapshot!(workspace.warnings(), @"aibal.toml:3: providers[work].kind: AI_GATEWAY_API_KEY=local allows Ollama only (env AI_GATEWAY_API_KEY); the provider is off");
}

#[test]
fn the_gateway_key_adds_vertex() {
    let workspace = Workspace::new()
        .variable("AI_GATEWAY_API_KEY", "vertex")
        .variable("GOOGLE_CLOUD_PROJECT", "p1")
        .variable("GOOGLE_CLOUD_LOCATION", "europe-west4");

    let vertex = provider(&workspace, "vertex");

    assert_eq!(
        vertex.base_url,
        "https://europe-west4-aiplatform.googleapis.com"
    );
    assert_eq!(vertex.vertex.expect("its settings").project, "p1");
}

#[test]
fn the_usual_variable_names_the_credentials_file() {
    let workspace = Workspace::new()
        .file("key.json", r#"{"type":"service_account"}"#)
        .variable("AI_GATEWAY_API_KEY", "vertex")
        .variable("GOOGLE_CLOUD_PROJECT", "p1")
        .variable("GOOGLE_APPLICATION_CREDENTIALS", "key.json");

    let vertex = provider(&workspace, "vertex");

    assert!(vertex.is_usable());
    let file = vertex.vertex.expect("its settings").credentials;
    assert!(file.expect("a file").ends_with("work/key.json"));
    assert_eq!(workspace.warnings(), "");
}

#[test]
fn a_file_without_credentials_turns_its_provider_off() {
    let warning = |content: Option<&str>| {
        let file = "[[providers]]\nname = \"v\"\nkind = \"vertex\"\nproject = \"p\"\n\
                    credentials = \"key.json\"\n";
        let mut workspace = Workspace::with_file(file);
        if let Some(content) = content {
            workspace = workspace.file("key.json", content);
        }
        assert!(!provider(&workspace, "v").is_usable());
        let folder = workspace.sources.cwd.display().to_string();
        workspace.warnings().replace(&folder, "DESK")
    };

    assert_snapshot!(warning(None), @"aibal.toml:5: providers[v].credentials: the file DESK/key.json cannot be read: No such file or directory (os error 2); the provider is off");
    assert_snapshot!(warning(Some("private")), @"aibal.toml:5: providers[v].credentials: the file DESK/key.json is not JSON; the provider is off");
    assert_snapshot!(warning(Some("[]")), @"aibal.toml:5: providers[v].credentials: the file DESK/key.json has no `type`, so it is not a Google credentials file; the provider is off");
}

#[test]
fn any_other_gateway_key_is_what_clients_must_send() {
    let loaded = Workspace::new()
        .variable("AI_GATEWAY_API_KEY", "team-token")
        .loaded();

    assert_eq!(
        loaded.settings.client_token.expect("a token").expose(),
        "team-token"
    );
}

#[test]
fn a_provider_that_cannot_be_used_is_kept_as_off_with_a_warning() {
    let mut workspace = Workspace::with_file(
        "[[providers]]\nname = \"a\"\nkind = \"openai\"\napi_key_env = \"A_KEY\"\n\
         [[providers]]\nname = \"b\"\nkind = \"openai\"\napi_key = \"keystore:b\"\n\
         [[providers]]\nname = \"c\"\nkind = \"openai\"\napi_key = \"sk-secret\"\n\
         [[providers]]\nname = \"d\"\nkind = \"openai\"\nenabled = false\napi_key_env = \"D_KEY\"\n\
         [[providers]]\nname = \"e\"\nkind = \"openai\"\napi_key = \"file:missing.key\"\n\
         [[providers]]\nname = \"f\"\nkind = \"anthropic\"\n",
    );
    workspace.sources.built_kinds = vec!["openai"];

    let providers = workspace.loaded().settings.providers;

    let usable: Vec<&str> = providers
        .iter()
        .filter(|provider| provider.is_usable())
        .map(|provider| provider.name.as_str())
        .collect();
    assert_eq!(usable, ["c"]);
    let warnings = workspace
        .warnings()
        .replace(&workspace.folder.path().display().to_string(), "");
    assert_snapshot!(warnings, @r#"
    aibal.toml:4: providers[a].api_key_env: the variable A_KEY with its key is not set; the provider is off
    aibal.toml:8: providers[b].api_key: keystore:b cannot be read: there is no key store /home/.local/state/aibal-tui/keys.json; `aibal-tui keys set` makes one; the provider is off
    aibal.toml:12: providers[c].api_key: the file contains the key itself; put it into a variable and name that variable in api_key_env
    aibal.toml:21: providers[e].api_key: the file /work/missing.key with its key: No such file or directory (os error 2); the provider is off
    aibal.toml:24: providers[f].kind: the kind "anthropic" is accepted, but not built yet; the provider is off
    "#);
}

#[test]
fn a_key_can_be_read_from_a_file() {
    let file = "[[providers]]\nname = \"a\"\nkind = \"openai\"\napi_key = \"file:a.key\"\n";
    let workspace = Workspace::with_file(file).file("a.key", "k1\n");

    assert_eq!(
        exposed(&provider(&workspace, "a").key.expect("a key")),
        "k1"
    );
    assert_eq!(workspace.warnings(), "");
}

#[test]
fn models_have_their_price_types_and_timeouts() {
    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"o\"\nkind = \"openai\"\napi_key = \"env:K\"\n\
         [[providers.models]]\nid = \"gpt-4o-2024-08-06\"\n\
         [[providers.models]]\nid = \"o3\"\ntimeout_ms = 7000\n\
         [[providers.models]]\nid = \"mystery\"\n\
         [[providers.models]]\nid = \"gpt-4o-mini\"\ntypes = [\"chat\"]\noutput_usd_per_1m = 9\n\
         [[providers.models]]\nid = \"half\"\ninput_usd_per_1m = 1\n\
         [[providers]]\nname = \"l\"\nkind = \"ollama\"\nmodels = [{ id = \"nomic-embed-text\" }]\n",
    )
    .variable("K", "k");

    let models = provider(&workspace, "o").models;
    let price = |index: usize| models[index].price.map(|price| (price.input, price.output));
    assert_eq!(
        price(0),
        Some((Money::per_token(2.5), Money::per_token(10.0)))
    );
    assert_eq!(price(2), None);
    assert_eq!(
        price(3),
        Some((Money::per_token(0.15), Money::per_token(9.0)))
    );
    assert_eq!(price(4), None);
    assert_eq!(models[0].capabilities.context_window, Some(128_000));
    assert_eq!(
        models[0].types,
        types([ModelType::Chat, ModelType::Vision, ModelType::Artifact])
    );
    assert_eq!(models[2].types, ModelTypes::CHAT);
    assert_eq!(models[3].types, types([ModelType::Chat]));

    let timeouts = |index: usize| (models[index].timeout, models[index].first_token_timeout);
    assert_eq!(
        timeouts(0),
        (Duration::from_secs(30), Duration::from_secs(10))
    );
    assert_eq!(
        timeouts(1),
        (Duration::from_secs(7), Duration::from_secs(20))
    );

    let local = provider(&workspace, "l").models.remove(0);
    assert_eq!(local.price.map(|price| price.input), Some(Money::ZERO));
    assert_eq!(local.types, types([ModelType::Embedding]));
    assert_eq!(local.timeout, Duration::from_secs(90));
    assert_eq!(local.first_token_timeout, Duration::from_mins(1));
    assert_snapshot!(workspace.warnings(), @"aibal.toml:18: providers[o].models[half].input_usd_per_1m: the other price is unknown, so the cost of this model stays unknown");
}

#[test]
fn capabilities_come_from_the_file_then_from_the_table_and_else_are_not_stated() {
    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"o\"\nkind = \"openai\"\napi_key = \"env:K\"\n\
         [[providers.models]]\nid = \"gpt-4o\"\nvision = false\ncontext_window = 9\nsampling = false\n\
         [[providers.models]]\nid = \"mystery\"\nreasoning = true\nmax_output = 7\n\
         [[providers.models]]\nid = \"gpt-5.5-pro\"\n\
         [[providers.models]]\nid = \"text-embedding-3-small\"\n\
         [[providers.models]]\nid = \"other\"\ntypes = [\"chat\", \"vision\"]\n",
    )
    .variable("K", "k");

    let models = provider(&workspace, "o").models;
    let capabilities = |index: usize| models[index].capabilities;

    assert_eq!(capabilities(0).vision, Some(false));
    assert_eq!(capabilities(0).tools, Some(true));
    assert_eq!(capabilities(0).context_window, Some(9));
    assert_eq!(models[0].quirks.sampling, Some(false));
    assert_eq!(models[0].types, ModelTypes::CHAT);
    let mystery = Capabilities {
        reasoning: Some(true),
        max_output: Some(7),
        ..Capabilities::default()
    };
    assert_eq!(capabilities(1), mystery);
    assert!(models[1].types.contains(ModelType::Reasoning));
    assert!(models[2].quirks.responses_only);
    assert_eq!(capabilities(2).json_schema, Some(false));
    assert_eq!(
        (capabilities(3).talk, capabilities(3).embeddings),
        (Some(false), Some(true))
    );
    assert_eq!(
        (capabilities(4).talk, capabilities(4).embeddings),
        (Some(true), Some(false))
    );
    assert_eq!(
        (capabilities(4).vision, capabilities(4).tools),
        (Some(true), None)
    );
}

#[test]
fn a_flag_that_denies_a_type_that_is_given_is_an_error() {
    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"o\"\nkind = \"openai\"\napi_key = \"env:K\"\n\
         models = [{ id = \"m\", types = [\"vision\"], vision = false, max_output = 0 }]\n",
    )
    .variable("K", "k");

    assert_snapshot!(workspace.errors(), @"
    aibal.toml:5: providers[o].models[m].max_output: 0: must be a whole number from 1 to 1000000000
    aibal.toml:5: providers[o].models[m].vision: is false, but types names vision; remove one of the two
    ");
}

#[test]
fn a_configured_timeout_outranks_the_built_in_one_of_slow_models() {
    let file = "[[providers]]\nname = \"l\"\nkind = \"ollama\"\nmodels = [{ id = \"m\" }]\n";
    let workspace = Workspace::with_file(file).variable("LOAD_BALANCER_TIMEOUT_MS", "4000");

    let model = provider(&workspace, "l").models.remove(0);

    assert_eq!(model.timeout, Duration::from_secs(4));
    assert_eq!(model.first_token_timeout, Duration::from_mins(1));
}

#[test]
fn a_setting_that_is_not_built_yet_draws_a_warning_where_it_is_set() {
    let workspace = Workspace::with_file(
        "[balancing]\nstrategy = \"least-busy\"\n\
         [probe]\nmode = \"completion\"\nusd_per_day = 1\n\
         [[providers]]\nname = \"a\"\nkind = \"ollama\"\nrequests_per_minute = 5\n",
    );

    assert_snapshot!(workspace.warnings(), @r#"
    aibal.toml:4: probe.mode: "completion": accepted, but not built yet; models is in force
    aibal.toml:5: probe.usd_per_day: accepted, but not built yet
    "#);
}

#[test]
fn a_route_may_name_a_known_model_beyond_the_short_list() {
    let route = "[[routes]]\nmodel = \"smart\"\ntargets = [\"anthropic/claude-sonnet-4-5\"]\n";
    let workspace = Workspace::with_file(route).variable("ANTHROPIC_API_KEY", "k");

    let models = provider(&workspace, "anthropic").models;

    assert!(models.iter().any(|model| model.id == "claude-sonnet-4-5"));
}

#[test]
fn a_route_to_a_vendor_whose_key_is_not_set_draws_a_warning() {
    let route = "[[routes]]\nmodel = \"smart\"\ntargets = [\"openai/gpt-4o\", \"xai/grok-4.7\"]\n";
    let workspace = Workspace::with_file(route).variable("OPENAI_API_KEY", "k");

    assert_eq!(workspace.loaded().settings.routes[0].targets.len(), 1);
    assert_snapshot!(workspace.warnings(), @r#"aibal.toml:3: routes[smart].targets: "xai/grok-4.7" is left out: xai is not configured, nor is XAI_API_KEY nor GROK_API_KEY set"#);
}

#[test]
fn without_a_usable_provider_the_reason_is_given() {
    let file = "[[providers]]\nname = \"a\"\nkind = \"openai\"\n\
                [[providers]]\nname = \"b\"\nkind = \"ollama\"\nenabled = false\n";

    let nothing = Workspace::new().loaded().no_provider();
    let off = Workspace::with_file(file).loaded().no_provider();

    assert_snapshot!(nothing.expect("a reason"), @"no provider is configured, and none of OPENAI_API_KEY, ANTHROPIC_API_KEY, XAI_API_KEY, GROK_API_KEY, GEMINI_API_KEY, GOOGLE_API_KEY, OLLAMA_HOST is set");
    assert_snapshot!(off.expect("a reason"), @"no configured provider can be used: a: the variable OPENAI_API_KEY with its key is not set; b: enabled = false");
}

#[test]
fn a_line_of_dot_env_that_cannot_be_read_is_left_out() {
    let workspace = Workspace::new().file(".env", "A=two words\nsk-secret\nOPENAI_API_KEY=k\n");

    assert_eq!(names(&workspace), ["openai https://api.openai.com/v1"]);
    assert_snapshot!(workspace.warnings(), @"
    .env:1: this line is left out: it must be NAME=value, with quotation marks closed and around white space
    .env:2: this line is left out: it must be NAME=value, with quotation marks closed and around white space
    ");
}

#[test]
fn headers_of_a_provider_are_read_as_keys_are_and_reserved_ones_are_named() {
    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"a\"\nkind = \"openai\"\napi_key_env = \"KEY\"\n\
         forward_headers = [\"Traceparent\", \"x-tenant\"]\n\
         headers = { \"X-Org\" = \"env:ORG\", \"x-plain\" = \"as it is\" }\n",
    );
    let workspace = workspace.variable("KEY", "k").variable("ORG", "secret-org");
    let loaded = workspace.loaded();
    let provider = &loaded.settings.providers[0];
    let headers: Vec<(&str, &str)> = provider
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(headers, [("x-org", "secret-org"), ("x-plain", "as it is")]);
    assert_eq!(provider.forward_headers, ["traceparent", "x-tenant"]);
    let shown = format!("{:?}", loaded.entries);
    assert!(!shown.contains("secret-org") && !shown.contains("as it is"));

    let workspace = Workspace::with_file(
        "[[providers]]\nname = \"a\"\nkind = \"ollama\"\n\
         forward_headers = [\"authorization\", \"Cookie\", \"host\", \"x-aibal-tag\", \"a b\"]\n\
         headers = { Host = \"x\", \"x-line\" = \"a\\nb\" }\n",
    );
    let errors = workspace.errors();
    for problem in [
        r#"forward_headers: "authorization": must not pass: it belongs to the client"#,
        r#"forward_headers: "Cookie": must not pass"#,
        r#"forward_headers: "host": must not be set: it belongs to a single connection"#,
        r#"forward_headers: "x-aibal-tag": must not pass: it is about this gateway only"#,
        r#"forward_headers: "a b": must be the name of a header"#,
        "headers.Host: must not be set: it belongs to a single connection",
        "headers.x-line: must be text without line breaks",
    ] {
        assert!(
            errors.contains(problem),
            "{problem}
{errors}"
        );
    }
}

#[test]
fn receivers_of_alerts_need_their_secret_and_are_shown_masked() {
    let workspace = Workspace::with_file(
        "[alerts]\nfractions = [100, 50]\nwebhook_url = \"https://hooks.example/token-1\"\n\
         [[alerts.webhooks]]\nurl = \"https://hooks.example/token-2\"\nsecret_env = \"HOOK\"\n\
         [[alerts.webhooks]]\nurl = \"https://hooks.example/token-3\"\nformat = \"slack\"\nsecret_env = \"NOT_SET\"\n",
    )
    .variable("HOOK", "secret-1");

    let alerts = workspace.loaded().settings.alerts;

    assert_eq!(alerts.rules.fractions, [0.5, 1.0]);
    let formats: Vec<&str> = alerts.webhooks.iter().map(|it| &*it.format).collect();
    assert_eq!(formats, ["json", "json"]);
    assert_eq!(
        alerts.webhooks[1]
            .secret
            .as_ref()
            .map(crate::secrets::Secret::expose),
        Some("secret-1")
    );
    assert_snapshot!(workspace.warnings(), @"aibal.toml:10: alerts.webhooks[#2].secret_env: the variable NOT_SET is not set, so nothing is sent there");
    let shown = crate::config::show(&workspace.loaded());
    assert!(!shown.contains("token-"), "{shown}");
}

#[test]
fn a_pager_without_its_key_and_wrong_fractions_are_errors() {
    let workspace = Workspace::with_file(
        "[alerts]\nfractions = [0]\n[[alerts.webhooks]]\nurl = \"https://events.example/v2\"\nformat = \"pagerduty\"\n",
    );

    assert_snapshot!(workspace.errors(), @r#"
    aibal.toml:2: alerts.fractions: [0]: must be a list of whole numbers from 1 to 1000, for example [80, 100]
    aibal.toml:5: alerts.webhooks[#1].format: "pagerduty": needs secret_env, the variable that holds the integration key
    "#);
}
