//! The pass over a request before it is written for its target.

use super::limits::{ProtocolLimits, SchemaRule, UserRule, hash};
use super::tool_index::ToolIndex;
use super::{caps, free_text, history, media, pairs, reasoning, schema};
use crate::protocols::model_traits::ModelTraits;
use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ContentPart, DroppedFields, ReasoningEffort, ResponseFormat, Tool,
    ToolChoice, ToolForm, TranslationError,
};
use crate::protocols::reasoning_cache::ReasoningCache;
use std::collections::HashSet;

/// The target of a request.
#[derive(Debug, Clone, Copy)]
pub struct TranslationTarget<'a> {
    /// Limits of its protocol or vendor.
    pub limits: &'a ProtocolLimits,
    /// Facts about the model.
    pub traits: &'a ModelTraits,
    /// Reasoning of the provider's models.
    pub reasoning_cache: &'a ReasoningCache,
}

/// Changes a request to what its target accepts. Returns the tools under the names that the target
/// knows; `dropped` gets the names of what is left out. Fails where the request has more parts than any
/// model reads.
pub fn adapt(
    request: &mut ChatRequest,
    target: TranslationTarget<'_>,
    dropped: &mut DroppedFields,
) -> Result<ToolIndex, TranslationError> {
    caps::check(request)?;
    let limits = target.limits;
    // The cache knows calls by the client's ids, so it comes before they change.
    reasoning::adapt(
        &mut request.turns,
        limits.reasoning,
        target.reasoning_cache,
        dropped,
    );
    server_tools(request, limits, dropped);
    limit_tools(request, limits, dropped);
    let mut index = ToolIndex::new(&request.tools, limits);
    tool_choice(request, limits, &index, dropped);
    for tool in &mut request.tools {
        self::tool(tool, limits, &mut index, dropped);
    }
    history::adapt(&mut request.turns, &mut index, limits.call_ids);
    pairs::adapt(&mut request.turns);
    media::adapt(&mut request.turns, limits);
    if !limits.cache_marks {
        for turn in &mut request.turns {
            drop_marks(turn, dropped);
        }
    }
    if let Some(ResponseFormat::Schema { schema, .. }) = &mut request.format {
        schema::apply(limits.response_schema, schema);
    }
    request.user = request
        .user
        .take()
        .and_then(|id| shorten_user(id, limits.user, dropped));
    wishes(request, target.traits, limits, dropped);
    Ok(index)
}

/// Leaves out what is a wish and not possible: reasoning of a model without it, a limit above the
/// model's, and stop sequences beyond the accepted number.
fn wishes(
    request: &mut ChatRequest,
    traits: &ModelTraits,
    limits: &ProtocolLimits,
    dropped: &mut DroppedFields,
) {
    if traits.reasoning == Some(false)
        && let Some(effort) = request.effort.take()
    {
        dropped.add_if(effort != ReasoningEffort::None, "reasoning_effort");
    }
    if let (Some(limit), Some(largest)) = (&mut request.max_tokens, traits.max_output) {
        *limit = largest.min(*limit);
    }
    if let Some(most) = limits.max_stop
        && request.sampling.stop.len() > most
    {
        request.sampling.stop.truncate(most);
        dropped.add(format!("stop[{most}]"));
    }
}

/// Keeps the provider's own tools that the target has.
fn server_tools(request: &mut ChatRequest, limits: &ProtocolLimits, dropped: &mut DroppedFields) {
    let has_functions = !request.tools.is_empty();
    request.server_tools.retain(|tool| {
        let goes_together = limits.mixes_server_tools || !has_functions;
        let is_kept = goes_together && limits.server_tools.contains(&tool.kind);
        dropped.add_if(!is_kept, &tool.path);
        is_kept
    });
}

/// Keeps as many tools as the target accepts, and those that the client allows.
fn limit_tools(request: &mut ChatRequest, limits: &ProtocolLimits, dropped: &mut DroppedFields) {
    if !limits.allowed_tools
        && let Some(ToolChoice::Allowed { names, is_forced }) = &request.tool_choice
    {
        let allowed: HashSet<&str> = names.iter().map(String::as_str).collect();
        request
            .tools
            .retain(|tool| allowed.contains(tool.name.as_str()));
        let choice = match (&request.tools[..], is_forced) {
            ([], _) => ToolChoice::None,
            ([only], true) => ToolChoice::Named(only.name.clone()),
            (_, true) => ToolChoice::Any,
            (_, false) => ToolChoice::Auto,
        };
        request.tool_choice = Some(choice);
    }
    if let Some(most) = limits.max_tools
        && request.tools.len() > most
    {
        for index in most..request.tools.len() {
            dropped.add(format!("tools[{index}]"));
        }
        request.tools.truncate(most);
    }
}

/// Names the chosen tools as the target does. A choice of a tool that was dropped is dropped.
fn tool_choice(
    request: &mut ChatRequest,
    limits: &ProtocolLimits,
    index: &ToolIndex,
    dropped: &mut DroppedFields,
) {
    request.tool_choice = match request.tool_choice.take() {
        Some(ToolChoice::Named(name)) => {
            let alias = index.chosen(&name);
            dropped.add_if(alias.is_none(), "tool_choice");
            alias.map(|alias| ToolChoice::Named(alias.to_owned()))
        }
        Some(ToolChoice::Allowed { names, is_forced }) if limits.allowed_tools => {
            let names = names.iter().filter_map(|name| index.chosen(name));
            Some(ToolChoice::Allowed {
                names: names.map(str::to_owned).collect(),
                is_forced,
            })
        }
        other => other,
    };
}

fn tool(
    tool: &mut Tool,
    limits: &ProtocolLimits,
    index: &mut ToolIndex,
    dropped: &mut DroppedFields,
) {
    tool.name = index.alias(tool.namespace.take().as_deref(), &tool.name, tool.form);
    if tool.form != ToolForm::FreeText || !limits.free_text_tools {
        if tool.form == ToolForm::FreeText {
            wrap_free_text(tool);
        }
        tool.form = ToolForm::Function;
        arguments(tool, limits, dropped);
    }
    if !limits.cache_marks
        && let Some(mark) = tool.cache.take()
    {
        dropped.add(mark.path);
    }
}

fn arguments(tool: &mut Tool, limits: &ProtocolLimits, dropped: &mut DroppedFields) {
    let mut rule = limits.tool_schema;
    if tool.strict == Some(true) {
        // A strict function keeps to the rules of a response.
        rule = SchemaRule {
            plain_root: rule.plain_root,
            needs_items: rule.needs_items || limits.response_schema.needs_items,
            refused_values: rule.refused_values,
            ..limits.response_schema
        };
    }
    tool.parameters = schema::arguments(rule, tool.parameters.take());
    let is_too_open = limits.strict_requires_all
        && tool.strict == Some(true)
        && !tool.parameters.as_ref().is_none_or(schema::is_strict);
    if is_too_open {
        tool.strict = Some(false);
        dropped.add("tools.strict");
    }
}

/// Turns a tool with free text into a function with one text argument. The grammar of the text goes
/// into the description, where the model reads it.
fn wrap_free_text(tool: &mut Tool) {
    tool.parameters = Some(free_text::parameters());
    let grammar = tool.format.take().and_then(|format| {
        let definition = format["definition"].as_str()?;
        let syntax = format["syntax"].as_str().unwrap_or_default();
        Some(format!(
            "The input must keep to this {syntax} grammar:\n{definition}"
        ))
    });
    if let Some(grammar) = grammar {
        let description = tool.description.take();
        let texts = description.into_iter().chain([grammar]);
        tool.description = Some(texts.collect::<Vec<_>>().join("\n\n"));
    }
}

fn drop_marks(turn: &mut ChatMessage, dropped: &mut DroppedFields) {
    fn without(parts: &mut Vec<ContentPart>, dropped: &mut DroppedFields) {
        parts.retain_mut(|part| match part {
            ContentPart::CacheMark(mark) => {
                dropped.add(std::mem::take(&mut mark.path));
                false
            }
            ContentPart::ToolResult { content, .. } => {
                without(content, dropped);
                true
            }
            _ => true,
        });
    }
    without(&mut turn.parts, dropped);
}

/// Shortens the id of a user: a long one becomes a hash of it, which is always the same.
pub fn shorten_user(id: String, rule: UserRule, dropped: &mut DroppedFields) -> Option<String> {
    if rule.max == 0 || (rule.refuses_addresses && id.contains('@')) {
        dropped.add("user");
        return None;
    }
    if id.len() <= rule.max || id.chars().count() <= rule.max {
        return Some(id);
    }
    let reversed: String = id.chars().rev().collect();
    Some(format!("user_{:016x}{:016x}", hash(&id), hash(&reversed)))
}
