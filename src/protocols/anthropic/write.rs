//! Translates a conversation into a Messages request.

use super::messages::MessageList;
use super::tool_names::ToolNames;
use crate::protocols::model_traits::ModelTraits;
use crate::protocols::neutral::{
    ChatRequest, DroppedFields, ReasoningEffort, ResponseFormat, Sampling, Tool, ToolChoice,
    TranslationError,
};
use crate::protocols::reasoning_cache::ReasoningCache;
use serde_json::{Map, Value, json};

/// Default of `max_tokens`, which the protocol requires.
const DEFAULT_MAX_TOKENS: u64 = 4_096;
/// Fewest thinking tokens that can be requested.
const MIN_THINKING_TOKENS: u64 = 1_024;

/// A request, and the aliases of its tools.
#[derive(Debug)]
pub(super) struct Request {
    pub body: Map<String, Value>,
    pub names: ToolNames,
}

/// The thinking mode of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thinking {
    Off,
    /// The model decides.
    Adaptive,
    /// At most this many tokens.
    Budget(u64),
}

pub(super) fn request(
    mut conversation: ChatRequest,
    model: &str,
    traits: &ModelTraits,
    reasoning_cache: &ReasoningCache,
    dropped: &mut DroppedFields,
) -> Result<Request, TranslationError> {
    let wanted = conversation.sampling.n.unwrap_or(1);
    if wanted > 1 {
        let problem = format!("is {wanted}, but this model gives one answer at a time");
        return Err(TranslationError::untranslatable("n", problem));
    }
    let mut draft = RequestDraft::of(&mut conversation, traits, reasoning_cache, dropped)?;
    if let Some(format) = conversation.format.take() {
        draft.apply_format(format, traits);
    }
    let thinking = draft.thinking_mode(&conversation, traits, dropped);
    let RequestDraft {
        mut names,
        tools,
        choice,
        messages,
        output,
    } = draft;
    let mut body = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    set("model", Some(model.into()));
    let limit = limit(&conversation, traits, thinking);
    set("max_tokens", Some(limit.into()));
    let system = messages.system.join("\n\n");
    set("system", (!system.is_empty()).then(|| system.into()));
    set("messages", Some(messages.into_value()));
    set("thinking", thinking.value());
    set("output_config", (!output.is_empty()).then(|| output.into()));
    if !tools.is_empty() {
        let parallel = conversation.parallel_tools;
        set("tool_choice", choice_value(choice, parallel, &mut names));
        set("tools", Some(tools.into()));
    }
    let user = conversation.user.as_deref();
    set("metadata", user.and_then(|user| metadata(user, dropped)));
    sampling(&mut body, conversation.sampling, traits, thinking, dropped);
    Ok(Request { body, names })
}

/// The parts of a request that depend on each other.
#[derive(Debug)]
struct RequestDraft {
    names: ToolNames,
    tools: Vec<Value>,
    choice: Option<ToolChoice>,
    messages: MessageList,
    /// Content of `output_config`: effort and format.
    output: Map<String, Value>,
}

impl RequestDraft {
    fn of(
        conversation: &mut ChatRequest,
        traits: &ModelTraits,
        reasoning_cache: &ReasoningCache,
        dropped: &mut DroppedFields,
    ) -> Result<Self, TranslationError> {
        let mut names = ToolNames::default();
        let tools = tools(std::mem::take(&mut conversation.tools), &mut names);
        let turns = std::mem::take(&mut conversation.turns);
        let messages = MessageList::of(turns, &mut names, reasoning_cache, dropped)?;
        let choice = conversation.tool_choice.take();
        Ok(Self {
            choice: self::choice(choice, tools.is_empty(), traits, dropped),
            names,
            tools,
            messages,
            output: Map::new(),
        })
    }

    fn apply_format(&mut self, format: ResponseFormat, traits: &ModelTraits) {
        match format_strategy(format, self.choice.as_ref(), traits) {
            FormatStrategy::Native(schema) => {
                let format = json!({"type": "json_schema", "schema": schema});
                self.output.insert("format".to_owned(), format);
            }
            FormatStrategy::Line(line) => self.messages.system.push(line),
            FormatStrategy::Tool(tool) => {
                let name = self.names.alias_answer(&tool.name);
                // The model may still call the client's tools if it could before.
                let is_alone = self.tools.is_empty() || self.choice == Some(ToolChoice::None);
                self.tools.push(tool_value(tool, &name));
                self.choice = Some(if is_alone {
                    ToolChoice::Named(name)
                } else {
                    ToolChoice::Any
                });
            }
        }
    }

    /// Chooses the thinking mode: none while a tool call is forced. With a token budget also none
    /// without the signed reasoning of the tools just used, and never beyond the client's limit.
    fn thinking_mode(
        &mut self,
        conversation: &ChatRequest,
        traits: &ModelTraits,
        dropped: &mut DroppedFields,
    ) -> Thinking {
        let wanted = conversation.effort;
        let Some(effort) = wanted.filter(|effort| *effort != ReasoningEffort::None) else {
            return Thinking::Off;
        };
        let is_forced = matches!(self.choice, Some(ToolChoice::Any | ToolChoice::Named(_)));
        if traits.adaptive_thinking {
            let word = effort_word(effort).into();
            self.output.insert("effort".to_owned(), word);
            return if is_forced {
                Thinking::Off
            } else {
                Thinking::Adaptive
            };
        }
        let budget = match conversation.max_tokens {
            // Leave tokens for the response.
            Some(limit) if limit <= effort.budget() => limit / 2,
            _ => effort.budget(),
        };
        let can_think = traits.reasoning && !is_forced && !self.messages.lacks_reasoning();
        if can_think && budget >= MIN_THINKING_TOKENS {
            Thinking::Budget(budget)
        } else {
            dropped.add("reasoning_effort");
            Thinking::Off
        }
    }
}

/// Sets the sampling parameters where the model takes them; a model that thinks does not.
fn sampling(
    body: &mut Map<String, Value>,
    sampling: Sampling,
    traits: &ModelTraits,
    thinking: Thinking,
    dropped: &mut DroppedFields,
) {
    let is_free = traits.sampling && thinking == Thinking::Off;
    let temperature = sampling
        .temperature
        .map(|value| Value::from(value.min(1.0)));
    let members = [
        ("temperature", temperature),
        ("top_p", sampling.top_p.map(Value::from)),
        ("top_k", sampling.top_k.map(Value::from)),
    ];
    for (name, value) in members {
        match value {
            Some(value) if is_free => {
                body.insert(name.to_owned(), value);
            }
            value => dropped.add_if(value.is_some(), name),
        }
    }
    // Line ends are valid stop sequences; spaces alone are rejected.
    let (stop, blank): (Vec<_>, Vec<_>) = sampling
        .stop
        .into_iter()
        .partition(|text| !text.trim_matches(' ').is_empty());
    dropped.add_if(!blank.is_empty(), "stop");
    if !stop.is_empty() {
        body.insert("stop_sequences".to_owned(), stop.into());
    }
    dropped.add_if(sampling.seed.is_some(), "seed");
    dropped.add_if(sampling.presence_penalty.is_some(), "presence_penalty");
    dropped.add_if(sampling.frequency_penalty.is_some(), "frequency_penalty");
}

/// Passes the user's id, unless it is an e-mail address, which the provider rejects.
fn metadata(user: &str, dropped: &mut DroppedFields) -> Option<Value> {
    let is_address = user.contains('@');
    dropped.add_if(is_address, "user");
    (!is_address).then(|| json!({"user_id": user}))
}

/// Chooses the token limit. Reasoning counts towards it, so the default grows by the thinking
/// budget.
fn limit(conversation: &ChatRequest, traits: &ModelTraits, thinking: Thinking) -> u64 {
    let extra = match thinking {
        Thinking::Budget(tokens) => tokens,
        _ => 0,
    };
    let largest = traits.max_output.unwrap_or(u64::MAX);
    conversation
        .max_tokens
        .unwrap_or_else(|| (DEFAULT_MAX_TOKENS + extra).min(largest))
}

impl Thinking {
    fn value(self) -> Option<Value> {
        match self {
            Self::Off => None,
            // Without `display` the reasoning text would be empty.
            Self::Adaptive => Some(json!({"type": "adaptive", "display": "summarized"})),
            Self::Budget(tokens) => Some(json!({"type": "enabled", "budget_tokens": tokens})),
        }
    }
}

fn effort_word(effort: ReasoningEffort) -> &'static str {
    match effort {
        ReasoningEffort::Minimal => ReasoningEffort::Low.as_str(),
        other => other.as_str(),
    }
}

/// The way in which a response is made to keep its format.
enum FormatStrategy {
    Native(Value),
    /// By a tool that the model must call with the response.
    Tool(Tool),
    /// By an instruction.
    Line(String),
}

fn format_strategy(
    format: ResponseFormat,
    choice: Option<&ToolChoice>,
    traits: &ModelTraits,
) -> FormatStrategy {
    let ResponseFormat::Schema {
        name,
        description,
        schema,
        strict,
    } = format
    else {
        let line = "Answer with one JSON object only, without any text around it.";
        return FormatStrategy::Line(line.to_owned());
    };
    let is_taken = matches!(choice, Some(ToolChoice::Any | ToolChoice::Named(_)));
    if traits.json_schema {
        FormatStrategy::Native(schema)
    } else if traits.forced_tools && !is_taken {
        FormatStrategy::Tool(Tool {
            name,
            description,
            parameters: Some(schema),
            strict,
        })
    } else {
        FormatStrategy::Line(format!(
            "Answer with JSON only, without any text around it, that keeps to this JSON Schema: {schema}"
        ))
    }
}

fn tools(tools: Vec<Tool>, names: &mut ToolNames) -> Vec<Value> {
    let tools = tools.into_iter();
    tools
        .map(|tool| {
            let name = names.alias(&tool.name);
            tool_value(tool, &name)
        })
        .collect()
}

fn tool_value(tool: Tool, name: &str) -> Value {
    let mut schema = match tool.parameters {
        Some(Value::Object(schema)) => schema,
        _ => Map::new(),
    };
    if schema.is_empty() {
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), json!({}));
    }
    schema.entry("type").or_insert_with(|| "object".into());
    let mut value = json!({"name": name, "input_schema": schema});
    if let Some(description) = tool.description {
        value["description"] = description.into();
    }
    if let Some(strict) = tool.strict {
        value["strict"] = strict.into();
    }
    value
}

/// Returns the client's choice, if there are tools and the model can be forced.
fn choice(
    choice: Option<ToolChoice>,
    no_tools: bool,
    traits: &ModelTraits,
    dropped: &mut DroppedFields,
) -> Option<ToolChoice> {
    match choice.filter(|_| !no_tools) {
        Some(ToolChoice::Any | ToolChoice::Named(_)) if !traits.forced_tools => {
            dropped.add("tool_choice");
            Some(ToolChoice::Auto)
        }
        choice => choice,
    }
}

fn choice_value(
    choice: Option<ToolChoice>,
    parallel: Option<bool>,
    names: &mut ToolNames,
) -> Option<Value> {
    let mut value = match choice {
        None if parallel.is_none() => return None,
        None | Some(ToolChoice::Auto) => json!({"type": "auto"}),
        Some(ToolChoice::None) => return Some(json!({"type": "none"})),
        Some(ToolChoice::Any) => json!({"type": "any"}),
        Some(ToolChoice::Named(name)) => {
            let name = if names.is_answer(&name) {
                name
            } else {
                names.alias(&name)
            };
            json!({"type": "tool", "name": name})
        }
    };
    if let Some(parallel) = parallel {
        value["disable_parallel_tool_use"] = (!parallel).into();
    }
    Some(value)
}
