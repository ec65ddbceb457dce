//! Providers: from the file, from the environment alone, and those that cannot be used.

use super::Desk;
use crate::config::{ModelCapabilities, ModelType, ProviderSettings};
use insta::assert_snapshot;
use std::time::Duration;

fn names(desk: &Desk) -> Vec<String> {
    let providers = desk.loaded().settings.providers;
    providers
        .iter()
        .map(|provider| format!("{} {}", provider.name, provider.base_url))
        .collect()
}

fn provider(desk: &Desk, name: &str) -> ProviderSettings {
    let mut providers = desk.loaded().settings.providers.into_iter();
    providers
        .find(|provider| provider.name == name)
        .expect("a known provider")
}

#[test]
fn a_key_in_the_environment_alone_brings_its_provider() {
    let desk = Desk::new()
        .variable("OPENAI_API_KEY", "k1")
        .variable("GROK_API_KEY", "k2")
        .variable("GOOGLE_API_KEY", "k3")
        .variable("OLLAMA_HOST", "0.0.0.0")
        .file(".env", "ANTHROPIC_API_KEY=k4\n");

    let found = names(&desk);

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
    assert_eq!(provider(&desk, "xai").key.expect("a key").expose(), "k2");
    assert!(
        provider(&desk, "openai")
            .models
            .iter()
            .any(|model| model.id == "gpt-4o")
    );
    assert!(provider(&desk, "ollama").models.is_empty());
    assert_eq!(desk.warnings(), "");
}

#[test]
fn a_configured_provider_of_that_name_or_kind_is_not_doubled() {
    let file = "[[providers]]\nname = \"work\"\nkind = \"openai\"\n\
                [[providers]]\nname = \"xai\"\nkind = \"openai-compatible\"\nbase_url = \"http://x\"\n";
    let desk = Desk::with_file(file)
        .variable("OPENAI_API_KEY", "k")
        .variable("XAI_API_KEY", "k");

    assert_eq!(
        names(&desk),
        ["work https://api.openai.com/v1", "xai http://x/v1"]
    );
}

#[test]
fn nothing_in_the_environment_brings_nothing() {
    let loaded = Desk::new().loaded();

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
    let desk = Desk::with_file(file)
        .variable("K", "k")
        .variable("XAI_API_KEY", "k")
        .variable("AI_GATEWAY_API_KEY", "local");

    assert_eq!(
        names(&desk),
        [
            "work https://api.openai.com/v1",
            "ollama http://127.0.0.1:11434"
        ]
    );
    assert!(!provider(&desk, "work").is_usable());
    assert!(provider(&desk, "ollama").is_usable());
    assert_snapshot!(desk.warnings(), @"aibal.toml:3: providers[work].kind: AI_GATEWAY_API_KEY=local allows Ollama only (env AI_GATEWAY_API_KEY); the provider is off");
}

#[test]
fn vertex_is_brought_by_the_gateway_key() {
    let desk = Desk::new()
        .variable("AI_GATEWAY_API_KEY", "vertex")
        .variable("GOOGLE_CLOUD_PROJECT", "p1")
        .variable("GOOGLE_CLOUD_LOCATION", "europe-west4");

    let vertex = provider(&desk, "vertex");

    assert_eq!(
        vertex.base_url,
        "https://europe-west4-aiplatform.googleapis.com"
    );
    assert_eq!(vertex.vertex.expect("its settings").project, "p1");
}

#[test]
fn the_usual_variable_names_the_file_of_credentials() {
    let desk = Desk::new()
        .file("key.json", r#"{"type":"service_account"}"#)
        .variable("AI_GATEWAY_API_KEY", "vertex")
        .variable("GOOGLE_CLOUD_PROJECT", "p1")
        .variable("GOOGLE_APPLICATION_CREDENTIALS", "key.json");

    let vertex = provider(&desk, "vertex");

    assert!(vertex.is_usable());
    let file = vertex.vertex.expect("its settings").credentials;
    assert!(file.expect("a file").ends_with("desk/key.json"));
    assert_eq!(desk.warnings(), "");
}

#[test]
fn a_file_that_holds_no_credentials_turns_its_provider_off() {
    let warning = |content: Option<&str>| {
        let file = "[[providers]]\nname = \"v\"\nkind = \"vertex\"\nproject = \"p\"\n\
                    credentials = \"key.json\"\n";
        let mut desk = Desk::with_file(file);
        if let Some(content) = content {
            desk = desk.file("key.json", content);
        }
        assert!(!provider(&desk, "v").is_usable());
        let folder = desk.sources.cwd.display().to_string();
        desk.warnings().replace(&folder, "DESK")
    };

    assert_snapshot!(warning(None), @"aibal.toml:5: providers[v].credentials: the file DESK/key.json cannot be read: No such file or directory (os error 2); the provider is off");
    assert_snapshot!(warning(Some("private")), @"aibal.toml:5: providers[v].credentials: the file DESK/key.json is not JSON; the provider is off");
    assert_snapshot!(warning(Some("[]")), @"aibal.toml:5: providers[v].credentials: the file DESK/key.json has no `type`, so it is no key of Google's; the provider is off");
}

#[test]
fn any_other_gateway_key_is_what_clients_must_send() {
    let loaded = Desk::new()
        .variable("AI_GATEWAY_API_KEY", "team-token")
        .loaded();

    assert_eq!(
        loaded.settings.client_token.expect("a token").expose(),
        "team-token"
    );
}

#[test]
fn a_provider_that_cannot_be_used_is_kept_as_off_with_a_warning() {
    let mut desk = Desk::with_file(
        "[[providers]]\nname = \"a\"\nkind = \"openai\"\napi_key_env = \"A_KEY\"\n\
         [[providers]]\nname = \"b\"\nkind = \"openai\"\napi_key = \"keystore:b\"\n\
         [[providers]]\nname = \"c\"\nkind = \"openai\"\napi_key = \"sk-secret\"\n\
         [[providers]]\nname = \"d\"\nkind = \"openai\"\nenabled = false\napi_key_env = \"D_KEY\"\n\
         [[providers]]\nname = \"e\"\nkind = \"openai\"\napi_key = \"file:missing.key\"\n\
         [[providers]]\nname = \"f\"\nkind = \"anthropic\"\n",
    );
    desk.sources.built_kinds = vec!["openai"];

    let providers = desk.loaded().settings.providers;

    let usable: Vec<&str> = providers
        .iter()
        .filter(|provider| provider.is_usable())
        .map(|provider| provider.name.as_str())
        .collect();
    assert_eq!(usable, ["c"]);
    let warnings = desk
        .warnings()
        .replace(&desk.folder.path().display().to_string(), "");
    assert_snapshot!(warnings, @r#"
    aibal.toml:4: providers[a].api_key_env: the variable A_KEY with its key is not set; the provider is off
    aibal.toml:8: providers[b].api_key: keystore:b cannot be opened: the key store is not built yet; the provider is off
    aibal.toml:12: providers[c].api_key: a key stands in the file as it is; put it into a variable and name that in api_key_env
    aibal.toml:21: providers[e].api_key: the file /desk/missing.key with its key: No such file or directory (os error 2); the provider is off
    aibal.toml:24: providers[f].kind: the kind "anthropic" is accepted, but not built yet; the provider is off
    "#);
}

#[test]
fn a_key_can_be_read_from_a_file() {
    let file = "[[providers]]\nname = \"a\"\nkind = \"openai\"\napi_key = \"file:a.key\"\n";
    let desk = Desk::with_file(file).file("a.key", "k1\n");

    assert_eq!(provider(&desk, "a").key.expect("a key").expose(), "k1");
    assert_eq!(desk.warnings(), "");
}

#[test]
fn models_know_their_price_types_and_patience() {
    let desk = Desk::with_file(
        "[[providers]]\nname = \"o\"\nkind = \"openai\"\napi_key = \"env:K\"\n\
         [[providers.models]]\nid = \"gpt-4o-2024-08-06\"\n\
         [[providers.models]]\nid = \"o3\"\ntimeout_ms = 7000\n\
         [[providers.models]]\nid = \"mystery\"\n\
         [[providers.models]]\nid = \"gpt-4o-mini\"\ntypes = [\"chat\"]\noutput_usd_per_1m = 9\n\
         [[providers.models]]\nid = \"half\"\ninput_usd_per_1m = 1\n\
         [[providers]]\nname = \"l\"\nkind = \"ollama\"\nmodels = [{ id = \"nomic-embed-text\" }]\n",
    )
    .variable("K", "k");

    let models = provider(&desk, "o").models;
    let price = |index: usize| models[index].price.map(|price| (price.input, price.output));
    assert_eq!(price(0), Some((2.5, 10.0)));
    assert_eq!(price(2), None);
    assert_eq!(price(3), Some((0.15, 9.0)));
    assert_eq!(price(4), None);
    assert_eq!(models[0].abilities.context_window, Some(128_000));
    assert_eq!(
        models[0].types,
        [ModelType::Chat, ModelType::Vision, ModelType::Artifact].into()
    );
    assert_eq!(
        models[2].types,
        [ModelType::Chat, ModelType::Artifact].into()
    );
    assert_eq!(models[3].types, [ModelType::Chat].into());

    let patience = |index: usize| (models[index].timeout, models[index].first_token_timeout);
    assert_eq!(
        patience(0),
        (Duration::from_secs(30), Duration::from_secs(10))
    );
    assert_eq!(
        patience(1),
        (Duration::from_secs(7), Duration::from_secs(20))
    );

    let local = provider(&desk, "l").models.remove(0);
    assert_eq!(local.price.map(|price| price.input), Some(0.0));
    assert_eq!(local.types, [ModelType::Embedding].into());
    assert_eq!(local.timeout, Duration::from_secs(90));
    assert_eq!(local.first_token_timeout, Duration::from_mins(1));
    assert_snapshot!(desk.warnings(), @"aibal.toml:18: providers[o].models[half].input_usd_per_1m: the other price is unknown, so what this model costs stays unknown");
}

#[test]
fn what_models_can_do_comes_from_the_file_then_from_the_table_and_else_is_not_stated() {
    let desk = Desk::with_file(
        "[[providers]]\nname = \"o\"\nkind = \"openai\"\napi_key = \"env:K\"\n\
         [[providers.models]]\nid = \"gpt-4o\"\nvision = false\ncontext_window = 9\nsampling = false\n\
         [[providers.models]]\nid = \"mystery\"\nreasoning = true\nmax_output = 7\n\
         [[providers.models]]\nid = \"gpt-5.5-pro\"\n\
         [[providers.models]]\nid = \"text-embedding-3-small\"\n\
         [[providers.models]]\nid = \"other\"\ntypes = [\"chat\", \"vision\"]\n",
    )
    .variable("K", "k");

    let models = provider(&desk, "o").models;
    let able = |index: usize| models[index].abilities;

    assert_eq!(able(0).vision, Some(false));
    assert_eq!(able(0).tools, Some(true));
    assert_eq!(able(0).context_window, Some(9));
    assert_eq!(models[0].peculiarities.sampling, Some(false));
    assert_eq!(
        models[0].types,
        [ModelType::Chat, ModelType::Artifact].into()
    );
    let mystery = ModelCapabilities {
        reasoning: Some(true),
        max_output: Some(7),
        ..ModelCapabilities::default()
    };
    assert_eq!(able(1), mystery);
    assert!(models[1].types.contains(&ModelType::Reasoning));
    assert!(models[2].peculiarities.responses_only);
    assert_eq!(able(2).json_schema, Some(false));
    assert_eq!(
        (able(3).talk, able(3).embeddings),
        (Some(false), Some(true))
    );
    assert_eq!(
        (able(4).talk, able(4).embeddings),
        (Some(true), Some(false))
    );
    assert_eq!((able(4).vision, able(4).tools), (Some(true), None));
}

#[test]
fn a_flag_that_denies_a_type_that_is_given_is_a_mistake() {
    let desk = Desk::with_file(
        "[[providers]]\nname = \"o\"\nkind = \"openai\"\napi_key = \"env:K\"\n\
         models = [{ id = \"m\", types = [\"vision\"], vision = false, max_output = 0 }]\n",
    )
    .variable("K", "k");

    assert_snapshot!(desk.mistakes(), @"
    aibal.toml:5: providers[o].models[m].max_output: 0: must be a whole number from 1 to 1000000000
    aibal.toml:5: providers[o].models[m].vision: is false, but types names vision; one of the two must go
    ");
}

#[test]
fn a_timeout_that_somebody_set_outranks_what_is_built_in_for_slow_models() {
    let file = "[[providers]]\nname = \"l\"\nkind = \"ollama\"\nmodels = [{ id = \"m\" }]\n";
    let desk = Desk::with_file(file).variable("LOAD_BALANCER_TIMEOUT_MS", "4000");

    let model = provider(&desk, "l").models.remove(0);

    assert_eq!(model.timeout, Duration::from_secs(4));
    assert_eq!(model.first_token_timeout, Duration::from_mins(1));
}

#[test]
fn what_is_not_built_yet_draws_a_warning_where_it_is_set() {
    let desk = Desk::with_file(
        "[balancing]\nstrategy = \"least-busy\"\n\
         [probe]\nmode = \"completion\"\nusd_per_day = 1\n[alerts]\nlatency_ms = 5\n\
         [[providers]]\nname = \"a\"\nkind = \"ollama\"\nrequests_per_minute = 5\n",
    );

    assert_snapshot!(desk.warnings(), @r#"
    aibal.toml:4: probe.mode: "completion": accepted, but not built yet; models is in force
    aibal.toml:5: probe.usd_per_day: accepted, but not built yet
    aibal.toml:7: alerts.latency_ms: accepted, but not built yet
    "#);
}

#[test]
fn a_route_may_name_a_known_model_beyond_the_short_list() {
    let route = "[[routes]]\nmodel = \"smart\"\ntargets = [\"anthropic/claude-sonnet-4-5\"]\n";
    let desk = Desk::with_file(route).variable("ANTHROPIC_API_KEY", "k");

    let models = provider(&desk, "anthropic").models;

    assert!(models.iter().any(|model| model.id == "claude-sonnet-4-5"));
}

#[test]
fn a_route_to_a_vendor_whose_key_is_not_set_draws_a_warning() {
    let route = "[[routes]]\nmodel = \"smart\"\ntargets = [\"openai/gpt-4o\", \"xai/grok-4.7\"]\n";
    let desk = Desk::with_file(route).variable("OPENAI_API_KEY", "k");

    assert_eq!(desk.loaded().settings.routes[0].targets.len(), 1);
    assert_snapshot!(desk.warnings(), @r#"aibal.toml:3: routes[smart].targets: "xai/grok-4.7" is left out: xai is not configured, nor is XAI_API_KEY nor GROK_API_KEY set"#);
}

#[test]
fn without_a_usable_provider_the_reason_is_told() {
    let file = "[[providers]]\nname = \"a\"\nkind = \"openai\"\n\
                [[providers]]\nname = \"b\"\nkind = \"ollama\"\nenabled = false\n";

    let nothing = Desk::new().loaded().no_provider();
    let off = Desk::with_file(file).loaded().no_provider();

    assert_snapshot!(nothing.expect("a reason"), @"no provider is configured, and none of OPENAI_API_KEY, ANTHROPIC_API_KEY, XAI_API_KEY, GROK_API_KEY, GEMINI_API_KEY, GOOGLE_API_KEY, OLLAMA_HOST is set");
    assert_snapshot!(off.expect("a reason"), @"no configured provider can be used: a: the variable OPENAI_API_KEY with its key is not set; b: enabled = false");
}

#[test]
fn a_line_of_dot_env_that_cannot_be_read_is_left_out() {
    let desk = Desk::new().file(".env", "A=two words\nsk-secret\nOPENAI_API_KEY=k\n");

    assert_eq!(names(&desk), ["openai https://api.openai.com/v1"]);
    assert_snapshot!(desk.warnings(), @"
    .env:1: this line is left out: it must be NAME=value, with quotation marks closed and around white space
    .env:2: this line is left out: it must be NAME=value, with quotation marks closed and around white space
    ");
}
