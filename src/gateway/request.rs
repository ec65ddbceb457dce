//! What a client asks for, and whether it can be asked: everything that is checked before a
//! target is chosen.

use super::GatewayError;
use super::operation::Operation;
use crate::domain::{
    Catalogue, ModelResolution, ModelType, RequestClass, RequestProfile, RequiredCapabilities,
    TargetScope, prompt_tokens, resolve,
};
use crate::protocols::RawObject;
use axum::http::HeaderMap;
use std::time::Duration;

/// A request id from outside is kept up to this length.
const REQUEST_ID_LENGTH: usize = 128;

/// One client request, understood.
#[derive(Debug)]
pub(super) struct ParsedRequest<'a> {
    pub errand: Operation,
    pub object: RawObject<'a>,
    naming: ModelResolution,
    /// The type of work.
    pub model_type: ModelType,
    pub stream: bool,
    /// Whether the client wants the usage at the end of its stream.
    pub wants_usage: bool,
    pub max_tokens: Option<u64>,
    /// Estimated tokens of the prompt.
    pub input: u64,
    pub needs: RequiredCapabilities,
    preferred: Option<usize>,
    max_cost: Option<f64>,
    max_latency: Option<f64>,
    /// Overrides every configured time limit.
    pub timeout: Option<Duration>,
}

impl<'a> ParsedRequest<'a> {
    /// Reads body and headers; the error says what is wrong with which of them.
    pub fn read(
        errand: Operation,
        headers: &HeaderMap,
        body: &'a [u8],
        catalogue: &Catalogue,
    ) -> Result<Self, GatewayError> {
        let object: RawObject<'a> = serde_json::from_slice(body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            GatewayError::invalid(None, format!("the body is not a JSON object (at {place})"))
        })?;
        let model = required_text(&object, "model")?;
        let prompt = errand.prompt_member();
        if !object.has(prompt) {
            return Err(GatewayError::invalid(
                Some(prompt),
                format!("{prompt} is missing; without it there is nothing to answer"),
            ));
        }
        let stream = flag(&object, "stream")?;
        let needs = errand.needs(&object);
        let wanted = header_text(headers, "x-aibal-model-type")?;
        let wanted = wanted.map(str::parse::<ModelType>).transpose();
        let wanted = wanted
            .map_err(|error| GatewayError::invalid(None, format!("x-aibal-model-type: {error}")))?;
        let naming = resolve(catalogue, &model)
            .map_err(|unknown| GatewayError::unknown_model(&unknown.name, &unknown.near))?;
        let named = match naming {
            ModelResolution::Auto(kind) => kind,
            ModelResolution::Targets { .. } => None,
        };
        let model_type = wanted.or(named).unwrap_or_else(|| errand.infer(needs));
        errand.check(model_type)?;
        Ok(Self {
            errand,
            model_type,
            stream,
            wants_usage: errand.dialect().client_api().wants_usage(&object),
            max_tokens: errand.max_tokens(&object),
            input: prompt_tokens(body),
            needs,
            preferred: preferred(headers, catalogue)?,
            max_cost: number(headers, "x-aibal-max-cost", "USD per token")?,
            max_latency: number(headers, "x-aibal-max-latency", "milliseconds")?.map(|ms| ms / 1e3),
            timeout: number(headers, "x-aibal-timeout-ms", "milliseconds")?
                .map(|ms| Duration::from_secs_f64((ms / 1e3).min(86_400.0))),
            naming,
            object,
        })
    }

    /// The question for the balancer; `tried` are the targets that failed it already, `outgrown`
    /// those of them for which the prompt was too long.
    pub fn selection_profile<'b>(
        &'b self,
        tried: &'b [usize],
        outgrown: &'b [usize],
    ) -> RequestProfile<'b> {
        let (scope, pinned) = match &self.naming {
            ModelResolution::Auto(_) => (TargetScope::Type(self.model_type), false),
            ModelResolution::Targets { places, pinned } => (TargetScope::Only(places), *pinned),
        };
        let max_tokens = self.max_tokens.map(|tokens| tokens as f64);
        RequestProfile {
            scope,
            class: RequestClass::new(self.model_type, self.stream)
                .with_tools(self.needs.tools)
                .with_json(self.needs.json_schema)
                .with_max_tokens(max_tokens),
            needs: self.needs,
            pinned,
            input: self.input as f64,
            max_tokens,
            preferred: self.preferred,
            max_cost: self.max_cost,
            max_latency: self.max_latency,
            remaining: None,
            means: None,
            tried,
            outgrown,
        }
    }
}

/// The client's name for its request, where it gave one that can be shown.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-request-id")?.to_str().ok()?;
    let fits = !text.is_empty()
        && text.len() <= REQUEST_ID_LENGTH
        && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

fn required_text(object: &RawObject<'_>, name: &'static str) -> Result<String, GatewayError> {
    let Some(value) = object.get(name) else {
        return Err(GatewayError::invalid(
            Some(name),
            format!("{name} is missing; it must be a text"),
        ));
    };
    serde_json::from_str(value.get()).map_err(|_| {
        GatewayError::invalid(
            Some(name),
            format!("{name} is {}, but must be a text", short(value.get())),
        )
    })
}

fn flag(object: &RawObject<'_>, name: &'static str) -> Result<bool, GatewayError> {
    match object.get(name).map(serde_json::value::RawValue::get) {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(GatewayError::invalid(
            Some(name),
            format!("{name} is {}, but must be true or false", short(other)),
        )),
    }
}

fn preferred(headers: &HeaderMap, catalogue: &Catalogue) -> Result<Option<usize>, GatewayError> {
    let Some(name) = header_text(headers, "x-aibal-preferred-provider")? else {
        return Ok(None);
    };
    let Some(provider) = catalogue.provider(name) else {
        let known: Vec<&str> = catalogue
            .active_providers()
            .map(|(_, provider)| &*provider.name)
            .collect();
        let message = format!(
            "x-aibal-preferred-provider is {name:?}, but must be one of {}",
            known.join(", ")
        );
        return Err(GatewayError::invalid(None, message));
    };
    Ok(Some(provider))
}

fn number(
    headers: &HeaderMap,
    name: &'static str,
    unit: &str,
) -> Result<Option<f64>, GatewayError> {
    let Some(text) = header_text(headers, name)? else {
        return Ok(None);
    };
    let value = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite() && *value > 0.0);
    let wrong = || {
        GatewayError::invalid(
            None,
            format!("{name} is {text:?}, but must be a number above 0, in {unit}"),
        )
    };
    value.map(Some).ok_or_else(wrong)
}

fn header_text<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<Option<&'h str>, GatewayError> {
    let text = headers.get(name).map(|value| value.to_str());
    text.transpose()
        .map_err(|_| GatewayError::invalid(None, format!("{name} must be plain ASCII text")))
}

/// A value in an error, not longer than it needs to be recognised.
fn short(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    if cut.len() < text.len() {
        format!("{cut}…")
    } else {
        cut
    }
}
