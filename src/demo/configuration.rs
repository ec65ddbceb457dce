//! The vendors as a gateway's configuration, for a gateway that is started by hand.

use super::vendors::VendorEndpoint;
use std::fmt::Write;

const HEAD: &str = "\
# The simulated vendors of `aibal-tui demo --vendors`, for as long as it runs. Their keys are made
# up and open nothing else; a gateway reads them from its environment:
";

/// A complete configuration file in TOML. It names the variables of the keys, and a comment exports
/// them, one per line; a key in the file itself would cause a warning.
pub fn configuration(endpoints: &[VendorEndpoint]) -> String {
    let mut text = HEAD.to_owned();
    let _a_string_takes_all = write_all(endpoints, &mut text);
    text
}

fn write_all(endpoints: &[VendorEndpoint], text: &mut String) -> std::fmt::Result {
    for endpoint in endpoints {
        if let Some(key) = endpoint.api_key {
            writeln!(text, "# export {}={key}", variable(endpoint))?;
        }
    }
    endpoints
        .iter()
        .try_for_each(|endpoint| write_provider(endpoint, text))
}

fn write_provider(endpoint: &VendorEndpoint, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n[[providers]]")?;
    writeln!(text, "name = {:?}", endpoint.name)?;
    writeln!(text, "kind = {:?}", endpoint.kind)?;
    writeln!(text, "base_url = {:?}", endpoint.base_url)?;
    if endpoint.api_key.is_some() {
        writeln!(text, "api_key_env = {:?}", variable(endpoint))?;
    }
    writeln!(text, "max_concurrent = {}", endpoint.max_concurrent)?;
    let (input, output) = (endpoint.input_usd_per_1m, endpoint.output_usd_per_1m);
    write_model(endpoint.model, endpoint.types, input, output, text)?;
    let Some(embedder) = &endpoint.embedder else {
        return Ok(());
    };
    let price = embedder.input_usd_per_1m;
    write_model(embedder.model, &["embedding"], price, 0.0, text)
}

fn write_model(
    id: &str,
    types: &[&str],
    input: f64,
    output: f64,
    text: &mut String,
) -> std::fmt::Result {
    writeln!(text, "[[providers.models]]")?;
    writeln!(text, "id = {id:?}")?;
    writeln!(text, "types = {types:?}")?;
    writeln!(text, "input_usd_per_1m = {input:?}")?;
    writeln!(text, "output_usd_per_1m = {output:?}")
}

/// The variable of the vendor's key. Not the vendor's usual one, which may hold a real key.
fn variable(endpoint: &VendorEndpoint) -> String {
    format!("DEMO_{}_API_KEY", endpoint.name.to_uppercase())
}
