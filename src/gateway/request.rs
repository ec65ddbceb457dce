//! A client's request, read and checked before a target is selected.

use super::error::{GatewayError, InvalidRequest};
use super::forward_target::ForwardBody;
use super::operation::Operation;
use super::request_fields::RequestFields;
use super::request_headers::{excerpt, model_type, number, preferred, timeout, truth};
use super::request_tags::stated_tag;
use super::stream_form::StreamForm;
use crate::domain::{
    Catalogue, Failure, KeyScope, ModelResolution, ModelType, ProviderIdx, RequestClass,
    RequestProfile, RequiredCapabilities, RouteOrder, SessionKey, Tag, TargetIdx, TargetScope,
    prompt_tokens, resolve,
};
use crate::protocols::{
    CallSpec, Endpoint, ForwardCall, GuardedAdapter, PendingResponse, PreparedCall, RawObject,
    StoringAdapter, TranslationError, UpstreamError,
};
use axum::http::HeaderMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Longest name of a model, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Time limit of a call that passes without translation: pictures and transcripts take minutes.
const FORWARD_TIMEOUT: Duration = Duration::from_mins(5);

/// A client's request, read and checked.
#[derive(Debug)]
pub(super) struct ParsedRequest {
    pub operation: Operation,
    /// The model's name as the client wrote it; empty where it wrote none.
    pub model: Arc<str>,
    pub fields: RequestFields,
    /// The stream of events that it wants, where it wants one.
    pub stream_form: Option<StreamForm>,
    pub resolution: ModelResolution,
    /// The type of model that it needs.
    pub model_type: ModelType,
    pub stream: bool,
    /// Whether the client wants the usage at the end of its stream.
    pub wants_usage: bool,
    pub max_tokens: Option<u64>,
    /// Number of choices, each of up to `max_tokens`.
    choices: u64,
    /// Estimated tokens of the prompt.
    pub input: u64,
    pub needs: RequiredCapabilities,
    preferred: Option<ProviderIdx>,
    max_cost: Option<f64>,
    max_latency: Option<f64>,
    /// What is stored with the response, where the client wants that.
    pub pending: Option<PendingResponse>,
    /// The call itself, where it passes without translation.
    pub forward: Option<ForwardCall>,
    /// The client's time limit, which overrides every configured one.
    pub timeout: Option<Duration>,
    /// Whether the request is refused where a part of it cannot be carried.
    pub is_strict: bool,
    /// What the client says the request is for.
    pub tag: Option<Tag>,
    /// The conversation that it continues, where prompt caches are considered.
    pub session: Option<SessionKey>,
}

impl ParsedRequest {
    /// Tokens of the prompt and of the longest response that the client allows; where it sets no bound,
    /// only those of the prompt.
    pub fn bounded_tokens(&self) -> u64 {
        let output = self.max_tokens.unwrap_or(0).saturating_mul(self.choices);
        self.input.saturating_add(output)
    }

    /// Reads a body's fields and the headers; the error names the field or header that is wrong.
    pub fn read(
        operation: Operation,
        headers: &HeaderMap,
        fields: RequestFields,
        catalogue: &Catalogue,
    ) -> Result<Self, GatewayError> {
        let object = fields.object();
        let model = required_text(&object, "model")?;
        if !operation.has_prompt(&object) {
            let field = operation.prompt_member();
            return Err(InvalidRequest::MissingPrompt { field }.into());
        }
        let stream = flag(&object, "stream", operation.streams_by_default())?;
        let stream = stream && operation.may_stream();
        let needs = operation.needs(&object);
        let stated = model_type(headers)?;
        let resolution = resolve_name(catalogue, &model)?;
        let named = match resolution {
            ModelResolution::Auto(kind) => kind,
            ModelResolution::Targets { .. } => None,
        };
        let model_type = stated
            .or(named)
            .unwrap_or_else(|| inferred(operation, needs, catalogue));
        check_path(operation, model_type)?;
        let client_api = operation.dialect().client_api();
        let output = operation.output_limits(&object);
        let output = output.map_err(InvalidRequest::Field)?;
        Ok(Self {
            operation,
            model: model.into(),
            model_type,
            stream,
            wants_usage: client_api.wants_usage(&object),
            stream_form: StreamForm::new(operation, &object).filter(|_| stream),
            max_tokens: output.max_tokens,
            choices: output.choices,
            input: prompt_tokens(fields.body()),
            needs,
            preferred: preferred(headers, catalogue)?,
            max_cost: number(headers, "x-aibal-max-cost", "USD per token")?,
            max_latency: number(headers, "x-aibal-max-latency", "milliseconds")?.map(|ms| ms / 1e3),
            timeout: timeout(headers)?,
            is_strict: truth(headers, "x-aibal-strict")?,
            tag: stated_tag(headers, &object)?,
            resolution,
            fields,
            pending: None,
            session: None,
            forward: None,
        })
    }

    /// Reads a call that passes without translation. `has_path` says which providers may serve such
    /// calls.
    pub fn forwarded(
        forward: ForwardBody,
        headers: &HeaderMap,
        catalogue: &Catalogue,
        has_path: &dyn Fn(ProviderIdx) -> bool,
    ) -> Result<Self, GatewayError> {
        let fields = RequestFields::new(forward.fields.into(), Arc::default())?;
        let object = fields.object();
        let stream = flag(&object, "stream", false)?;
        let preferred = preferred(headers, catalogue)?;
        let held_by = forward.provider.as_deref();
        let held_by = held_by.map(|name| {
            let unknown = || GatewayError::UnknownObject {
                id: name.to_owned(),
            };
            catalogue.provider(name).ok_or_else(unknown)
        });
        let held_by = held_by.transpose()?;
        let model = object.read::<String>("model").filter(|_| held_by.is_none());
        let resolved = model.as_deref().map(|model| resolve_name(catalogue, model));
        let (resolution, names_target) = match resolved {
            Some(Ok(resolution)) => (resolution, true),
            Some(Err(error)) if preferred.is_none() => return Err(error),
            // One target of each provider stands for it.
            _ => {
                let places = one_of_each(catalogue, |provider| {
                    let only = held_by.or(preferred);
                    has_path(provider) && only.is_none_or(|only| only == provider)
                });
                let pinned = held_by.is_some();
                let order = RouteOrder::Balanced;
                let resolution = ModelResolution::Targets {
                    places,
                    pinned,
                    order,
                };
                (resolution, false)
            }
        };
        let timeout = timeout(headers)?;
        Ok(Self {
            operation: Operation::Forward,
            model: model.unwrap_or_default().into(),
            model_type: forwarded_type(catalogue, &resolution),
            stream,
            wants_usage: false,
            stream_form: None,
            max_tokens: Some(0),
            choices: 1,
            input: 0,
            needs: RequiredCapabilities::default(),
            preferred,
            max_cost: number(headers, "x-aibal-max-cost", "USD per token")?,
            max_latency: None,
            timeout: timeout.or(Some(FORWARD_TIMEOUT)),
            is_strict: false,
            tag: stated_tag(headers, &object)?,
            resolution,
            fields,
            pending: None,
            session: None,
            forward: Some(ForwardCall {
                names_target,
                ..forward.call
            }),
        })
    }

    /// Leaves only the targets of the provider that holds the request's files.
    pub fn hold_to(&mut self, catalogue: &Catalogue, provider: &str) {
        let is_there = |place: &TargetIdx| &*catalogue.targets[*place].id.provider == provider;
        let places = match &self.resolution {
            ModelResolution::Targets { places, .. } => places.clone(),
            ModelResolution::Auto(_) => {
                catalogue.active_targets().map(|(index, _)| index).collect()
            }
        };
        self.resolution = ModelResolution::Targets {
            places: places.into_iter().filter(is_there).collect(),
            pinned: true,
            order: RouteOrder::Balanced,
        };
    }

    /// A failure as it counts: that a provider does not have a path says nothing about its models,
    /// and that its key may not be used for a path nothing about its other uses.
    pub fn counted(&self, mut error: UpstreamError) -> UpstreamError {
        if self.forward.is_some() && matches!(error.status, 404 | 405 | 501) {
            error.failure = Failure::Unsupported;
        }
        if self.forward.is_some() && error.failure.is_auth() {
            error.failure = Failure::Permission;
        }
        error
    }

    /// The request in the provider's protocol; its response may name the model as the client did.
    pub fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
        has_requested_name: bool,
    ) -> Result<PreparedCall, TranslationError> {
        if let Some(forward) = &self.forward {
            return endpoint.protocol.build_forward(endpoint, call, forward);
        }
        let requested = || call.object.read::<String>("model");
        let requested = has_requested_name.then(requested).flatten();
        let name = requested.as_deref();
        let mut prepared = self.operation.build_request(endpoint, call, name)?;
        prepared.adapter = GuardedAdapter::wrap(prepared.adapter);
        if let Some(pending) = &self.pending {
            let storing = StoringAdapter::new(prepared.adapter, pending.clone());
            prepared.adapter = Box::new(storing);
        }
        Ok(prepared)
    }

    /// The profile for the selection. `tried` are the targets that failed already, `context_exceeded`
    /// those of them for which the prompt was too long.
    pub fn selection_profile<'b>(
        &'b self,
        tried: &'b [TargetIdx],
        context_exceeded: &'b [TargetIdx],
    ) -> RequestProfile<'b> {
        let (scope, pinned, order) = match &self.resolution {
            ModelResolution::Auto(_) => {
                let scope = TargetScope::Type(self.model_type);
                (scope, false, &RouteOrder::Balanced)
            }
            ModelResolution::Targets {
                places,
                pinned,
                order,
            } => (TargetScope::Only(places), *pinned, order),
        };
        let max_tokens = self.max_tokens.map(|tokens| tokens as f64);
        RequestProfile {
            scope,
            order,
            class: RequestClass::new(self.model_type, self.stream)
                .with_tools(self.needs.tools)
                .with_json(self.needs.json_schema)
                .with_max_tokens(max_tokens),
            needs: self.needs,
            pinned,
            input: self.input as f64,
            max_tokens,
            choices: self.choices as f64,
            preferred: self.preferred,
            max_cost: self.max_cost,
            max_latency: self.max_latency,
            remaining: None,
            means: None,
            tried,
            is_hedge: false,
            keys: KeyScope {
                tried: &[],
                is_first_only: self
                    .forward
                    .as_ref()
                    .is_some_and(ForwardCall::names_objects),
            },
            outgrown: context_exceeded,
            cached: &[],
        }
    }
}

/// The first target of each provider that is wanted.
fn one_of_each(catalogue: &Catalogue, is_wanted: impl Fn(ProviderIdx) -> bool) -> Vec<TargetIdx> {
    let mut seen = BTreeSet::new();
    let targets = catalogue.active_targets();
    let first = targets.filter(|(_, target)| seen.insert(target.provider));
    first
        .filter(|(_, target)| is_wanted(target.provider))
        .map(|(index, _)| index)
        .collect()
}

/// The type of work that a call counts as: not chat, so that it teaches nothing about answers.
fn forwarded_type(catalogue: &Catalogue, resolution: &ModelResolution) -> ModelType {
    let ModelResolution::Targets { places, .. } = resolution else {
        return ModelType::Artifact;
    };
    let embeds = |place: &TargetIdx| catalogue.targets[*place].capabilities.talk == Some(false);
    if places.iter().any(embeds) {
        ModelType::Embedding
    } else {
        ModelType::Artifact
    }
}

/// The model type that follows from what the request needs. Where no model states that type, every
/// chat model may serve it: an unstated capability excludes no target.
fn inferred(operation: Operation, needs: RequiredCapabilities, catalogue: &Catalogue) -> ModelType {
    let inferred = operation.infer(needs);
    let is_wish = matches!(inferred, ModelType::Vision | ModelType::Reasoning);
    let mut targets = catalogue.active_targets();
    if is_wish && !targets.any(|(_, target)| target.types.contains(inferred)) {
        return ModelType::Chat;
    }
    inferred
}

/// Rejects a name that is longer than any real one.
fn check_name(field: &'static str, name: &str) -> Result<(), GatewayError> {
    if name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let problem = format!(
        "is {} bytes long ({}), but may have {MAX_NAME_BYTES} at most",
        name.len(),
        excerpt(name)
    );
    Err(InvalidRequest::Field(TranslationError::new(field, problem)).into())
}

/// Finds a model by its name, with or without the tag that some clients add, else the default one.
pub(super) fn resolve_name(
    catalogue: &Catalogue,
    name: &str,
) -> Result<ModelResolution, GatewayError> {
    check_name("model", name)?;
    let untagged = || resolve(catalogue, name.strip_suffix(":latest")?).ok();
    let default = || resolve(catalogue, catalogue.default_model.as_deref()?).ok();
    resolve(catalogue, name).or_else(|unknown| {
        let known = untagged().or_else(default);
        known.ok_or(GatewayError::UnknownModel(unknown))
    })
}

/// Rejects a model type that this path does not serve.
fn check_path(operation: Operation, model_type: ModelType) -> Result<(), GatewayError> {
    if matches!(operation, Operation::Embed(_)) == (model_type == ModelType::Embedding) {
        return Ok(());
    }
    Err(InvalidRequest::WrongPathForType {
        operation,
        model_type,
    }
    .into())
}

fn required_text(object: &RawObject<'_>, name: &'static str) -> Result<String, GatewayError> {
    let Some(value) = object.get(name) else {
        return Err(InvalidRequest::MissingText { field: name }.into());
    };
    serde_json::from_str(value.get()).map_err(|_| {
        let found = excerpt(value.get());
        InvalidRequest::NotText { field: name, found }.into()
    })
}

fn flag(object: &RawObject<'_>, name: &'static str, default: bool) -> Result<bool, GatewayError> {
    match object.get(name).map(serde_json::value::RawValue::get) {
        None | Some("null") => Ok(default),
        Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let found = excerpt(other);
            Err(InvalidRequest::NotBool { field: name, found }.into())
        }
    }
}
