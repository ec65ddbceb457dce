//! One entry of `model_list`.

use super::vendors::{self, AZURE, COMPATIBLE, LitellmVendor, OPENAI, VERTEX};
use crate::import::document::{ModelEntry, ProviderEntry};
use crate::import::note::ImportNote;
use crate::import::yaml::YamlNode;
use std::collections::BTreeMap;

/// Values that stand where a key is required and none is needed.
const NO_KEYS: [&str; 9] = [
    "",
    "none",
    "null",
    "empty",
    "fake-key",
    "fake",
    "dummy",
    "anything",
    "not-needed",
];
/// Parameters that this file reads.
const READ: &[&str] = &[
    "model",
    "custom_llm_provider",
    "api_base",
    "base_url",
    "api_key",
    "api_version",
    "litellm_credential_name",
    "rpm",
    "tpm",
    "weight",
    "order",
    "timeout",
    "stream_timeout",
    "max_parallel_requests",
    "vertex_project",
    "vertex_location",
    "vertex_credentials",
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "drop_params",
];
/// Prices per token, and our keys for a million.
const PRICES: [(&str, &str); 4] = [
    ("input_cost_per_token", "input_usd_per_1m"),
    ("output_cost_per_token", "output_usd_per_1m"),
    ("cache_read_input_token_cost", "cached_input_usd_per_1m"),
    ("cache_creation_input_token_cost", "cache_write_usd_per_1m"),
];

/// Highest plausible price of a token in USD; more is a mistake of the file.
const MAX_USD_PER_TOKEN: f64 = 0.1;

/// Looks up a variable of the environment.
pub(super) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// A key as the file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyReference {
    /// Not named: the vendor's usual variable.
    Usual,
    Variable(String),
    /// It stands in the file; kept only to tell keys apart.
    Plain(String),
    /// The server needs none.
    NotNeeded,
}

/// One entry of `model_list` in our terms.
#[derive(Debug)]
pub(super) struct Deployment {
    pub line: usize,
    /// The name that clients send.
    pub group: String,
    pub vendor: LitellmVendor,
    pub key: KeyReference,
    /// Where its key stands.
    pub key_line: usize,
    /// Address, Vertex AI's settings and limits; without name, key and models.
    pub provider: ProviderEntry,
    pub model: ModelEntry,
    pub weight: Option<u32>,
    pub order: Option<u64>,
}

/// Reads entries and notes what they have that we do not.
pub(super) struct DeploymentReader<'a> {
    pub environment: Environment<'a>,
    /// `credential_list`, by name.
    pub credentials: BTreeMap<&'a str, &'a YamlNode>,
    pub notes: &'a mut Vec<ImportNote>,
}

impl<'a> DeploymentReader<'a> {
    /// One entry; `None`, with a note, where it has no counterpart.
    pub fn read(&mut self, entry: &YamlNode) -> Option<Deployment> {
        let group = entry.get("model_name").and_then(YamlNode::text);
        let parameters = entry.get("litellm_params");
        let (Some(group), Some(parameters)) = (group, parameters) else {
            self.note(
                entry.line,
                "model_list",
                "left out: model_name or litellm_params is missing",
            );
            return None;
        };
        let key = format!("model_list[{group}]");
        let Some(model) = parameters.get("model").and_then(YamlNode::text) else {
            self.note(
                entry.line,
                &key,
                "left out: litellm_params.model is missing",
            );
            return None;
        };
        let (vendor, id) = self.vendor(&key, parameters, model)?;
        let base_url = self.base_url(&key, parameters, &vendor)?;
        let credential = self.credential(parameters, "api_key");
        let key_node = parameters.get("api_key").or(credential);
        let mut reference = key_reference(key_node);
        if let (KeyReference::Usual, Some(variable)) = (&reference, vendor.api_key_env) {
            if base_url.is_none() || base_url.as_deref() == vendor.base_url || vendor.needs_address
            {
                reference = KeyReference::Variable(variable.to_owned());
            } else {
                let text =
                    format!("no key is sent to its api_base, where LiteLLM sends {variable}");
                self.note(parameters.line, &key, text);
            }
        }
        // Older configurations have limits beside litellm_params.
        let count = |name: &str| {
            let node = parameters.get(name).or_else(|| entry.get(name));
            node.and_then(YamlNode::number).and_then(whole)
        };
        let mut provider = ProviderEntry {
            kind: vendor.kind,
            base_url,
            requests_per_minute: count("rpm"),
            tokens_per_minute: count("tpm"),
            ..ProviderEntry::default()
        };
        if vendor.kind == OPENAI && provider.base_url.is_some() {
            provider.kind = COMPATIBLE;
        }
        if vendor.kind == VERTEX {
            let names = ["vertex_project", "vertex_location", "vertex_credentials"];
            provider.vertex = names.map(|name| self.plain(&key, name, parameters.get(name)));
        }
        let model = self.model(&key, id, parameters, entry.get("model_info"));
        self.note_unread(&key, entry, parameters);
        Some(Deployment {
            line: entry.line,
            group: group.to_owned(),
            vendor,
            key: reference,
            key_line: key_node.map_or(entry.line, |node| node.line),
            provider,
            model,
            weight: count("weight").and_then(|weight| u32::try_from(weight).ok()),
            order: count("order"),
        })
    }

    fn note(&mut self, line: usize, key: &str, text: impl Into<String>) {
        self.notes.push(ImportNote::new(line, key, text));
    }

    /// The vendor and the model's name there.
    fn vendor(
        &mut self,
        key: &str,
        parameters: &YamlNode,
        model: &str,
    ) -> Option<(LitellmVendor, String)> {
        let stated = parameters
            .get("custom_llm_provider")
            .and_then(YamlNode::text);
        let split = model.split_once('/');
        let (prefix, id) = match (stated, split) {
            (Some(prefix), Some((first, rest))) if first == prefix => (prefix, rest),
            (Some(prefix), _) => (prefix, model),
            (None, Some((prefix, rest))) => (prefix, rest),
            (None, None) => match vendors::prefix_of_bare(model) {
                Some(prefix) => (prefix, model),
                None if model == "*" => (OPENAI, model),
                None => ("", model),
            },
        };
        let has_address = ["api_base", "base_url"]
            .iter()
            .any(|name| parameters.get(name).is_some());
        let known = vendors::by_prefix(prefix);
        if let Some(vendor) = known {
            return Some((*vendor, id.to_owned()));
        }
        if has_address && !vendors::has_no_counterpart(prefix) {
            self.note(
                parameters.line,
                key,
                format!("the vendor of {model:?} is not known; taken as one that speaks OpenAI's protocol"),
            );
            let vendor = LitellmVendor {
                name: "compatible",
                kind: COMPATIBLE,
                ..*vendors::by_prefix(OPENAI)?
            };
            return Some((vendor, id.to_owned()));
        }
        self.note(
            parameters.line,
            key,
            format!(
                "left out: the vendor of {model:?} has no counterpart; where it has an address that speaks \
                 OpenAI's protocol, add it as a provider of the kind {COMPATIBLE}"
            ),
        );
        None
    }

    /// The address; the outer `None` where it cannot be told.
    #[expect(
        clippy::option_option,
        reason = "the inner one is the vendor's own address"
    )]
    fn base_url(
        &mut self,
        key: &str,
        parameters: &YamlNode,
        vendor: &LitellmVendor,
    ) -> Option<Option<String>> {
        let given = ["api_base", "base_url"];
        let given = given.iter().find_map(|name| {
            let own = parameters.get(name);
            own.or_else(|| self.credential(parameters, name))
        });
        let Some(node) = given else {
            if vendor.needs_address {
                self.note(parameters.line, key, "left out: api_base is missing");
                return None;
            }
            return Some(vendor.base_url.map(str::to_owned));
        };
        let text = self.plain(key, "api_base", Some(node))?;
        let mut url = text.trim().trim_end_matches('/').to_owned();
        let is_url = url.starts_with("http://") || url.starts_with("https://");
        if !is_url || url.contains(['?', '#', '@', ' ']) {
            self.note(
                node.line,
                key,
                "left out: api_base is no plain http or https address",
            );
            return None;
        }
        if vendor.prefix == AZURE && !url.contains("/openai") {
            url.push_str("/openai/v1");
            self.note(
                node.line,
                key,
                "uses version 1 of Azure's API, with the deployment as the model; api_version is not used",
            );
        }
        if vendor.kind == OPENAI && url.starts_with("https://api.openai.com") {
            return Some(None);
        }
        if vendor.kind == VERTEX && url.splitn(4, '/').count() == 4 {
            let text = "is not taken: the address of Vertex AI has no path here";
            self.note(node.line, &format!("{key}.api_base"), text);
            return Some(None);
        }
        Some(Some(url))
    }

    /// A value of the credential that the entry names.
    fn credential(&self, parameters: &YamlNode, name: &str) -> Option<&'a YamlNode> {
        let named = parameters.get("litellm_credential_name")?.text()?;
        let credential: &'a YamlNode = self.credentials.get(named)?;
        credential.get("credential_values")?.get(name)
    }

    /// A text that is no secret; a variable is replaced by its present value.
    fn plain(&mut self, key: &str, name: &str, node: Option<&YamlNode>) -> Option<String> {
        let node = node?;
        let text = node.text()?;
        let Some(variable) = text.strip_prefix("os.environ/") else {
            return Some(text.to_owned());
        };
        let value = (self.environment)(variable.trim());
        if value.is_none() {
            let text = format!(
                "left out: {name} is in the variable {variable}, which is not set; set it and import again"
            );
            self.note(node.line, key, text);
        }
        value
    }

    fn model(
        &mut self,
        key: &str,
        id: String,
        parameters: &YamlNode,
        info: Option<&YamlNode>,
    ) -> ModelEntry {
        let from_info = |name: &str| info.and_then(|info| info.get(name));
        let number = |name: &str| {
            let node = parameters.get(name).or_else(|| from_info(name));
            node.and_then(YamlNode::number)
        };
        let price = |(name, ours): (&str, &'static str)| {
            let usd = number(name).filter(|price| (0.0..=MAX_USD_PER_TOKEN).contains(price))?;
            Some((ours, rounded(usd * 1e6)))
        };
        let milliseconds = |name: &str| number(name).and_then(|seconds| whole(seconds * 1e3));
        let counts = [
            (
                "timeout_ms",
                milliseconds("timeout").map(|ms| ms.min(3_600_000)),
            ),
            (
                "max_concurrent",
                number("max_parallel_requests").and_then(whole),
            ),
            ("context_window", number("max_input_tokens").and_then(whole)),
            ("max_output", number("max_output_tokens").and_then(whole)),
        ];
        let flags = [
            ("vision", "supports_vision"),
            ("tools", "supports_function_calling"),
            ("reasoning", "supports_reasoning"),
        ];
        let flag = |(ours, name): (&'static str, &str)| {
            Some((ours, from_info(name).and_then(YamlNode::flag)?))
        };
        let mode = from_info("mode").and_then(YamlNode::text);
        if mode == Some("realtime") {
            let line = info.map_or(parameters.line, |info| info.line);
            self.note(line, key, "realtime sessions have no counterpart");
        }
        let mut prices: BTreeMap<&str, f64> = PRICES.into_iter().filter_map(price).collect();
        if mode == Some("embedding") && prices.contains_key("input_usd_per_1m") {
            prices.entry("output_usd_per_1m").or_insert(0.0);
        }
        // One of the two alone says nothing of the other.
        if prices.contains_key("input_usd_per_1m") != prices.contains_key("output_usd_per_1m") {
            prices.clear();
            self.note(
                parameters.line,
                key,
                "its price is left out: only one of input and output is given",
            );
        }
        ModelEntry {
            id,
            is_embedding: mode == Some("embedding"),
            prices,
            counts: counts
                .into_iter()
                .filter_map(|(key, count)| Some((key, count.filter(|it| *it > 0)?)))
                .collect(),
            flags: flags.into_iter().filter_map(flag).collect(),
        }
    }

    fn note_unread(&mut self, key: &str, entry: &YamlNode, parameters: &YamlNode) {
        let known = ["model_name", "litellm_params", "model_info", "rpm", "tpm"];
        let beside = entry.entries().iter();
        for (name, value) in beside.filter(|(name, _)| !known.contains(&name.as_str())) {
            self.note(
                value.line,
                &format!("{key}.{name}"),
                "no counterpart; left out",
            );
        }
        for (name, value) in parameters.entries() {
            let name = name.as_str();
            let path = format!("{key}.{name}");
            match name {
                "stream_timeout" => self.note(
                    value.line,
                    &path,
                    "no counterpart for one model; [balancing] idle_timeout_ms limits the time between chunks",
                ),
                "extra_headers" | "headers" | "organization" => self.note(
                    value.line,
                    &path,
                    "not copied, for it may hold a secret; add headers = { \"NAME\" = \"env:VARIABLE\" } to the provider",
                ),
                "temperature" | "max_tokens" | "top_p" | "seed" | "stop" => self.note(
                    value.line,
                    &path,
                    "no counterpart: requests keep the parameters that their clients send",
                ),
                name if READ.contains(&name) => {}
                _ => self.note(value.line, &path, "no counterpart; left out"),
            }
        }
    }
}

fn key_reference(node: Option<&YamlNode>) -> KeyReference {
    let Some(text) = node.and_then(YamlNode::text) else {
        return KeyReference::Usual;
    };
    match text.strip_prefix("os.environ/") {
        Some(name) => KeyReference::Variable(name.trim().to_owned()),
        None if NO_KEYS.contains(&text.trim().to_ascii_lowercase().as_str()) => {
            KeyReference::NotNeeded
        }
        None => KeyReference::Plain(text.to_owned()),
    }
}

/// A count up to 1,000,000,000.
fn whole(number: f64) -> Option<u64> {
    let rounded = number.round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (0.0..=1e9).contains(&rounded).then_some(rounded as u64)
}

/// Without the last digits, which come from the product of two binary fractions.
fn rounded(price: f64) -> f64 {
    format!("{price:.9}").parse().unwrap_or(price)
}
