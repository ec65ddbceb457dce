//! Translates a conversation into a Messages request.

use super::limits::LIMITS;
use super::messages::MessageList;
use crate::protocols::adaptation::{ToolIndex, TranslationTarget, adapt};
use crate::protocols::model_traits::ModelTraits;
use crate::protocols::neutral::{
    ChatRequest, DroppedFields, ReasoningEffort, ResponseFormat, Sampling, ServerTool, Tool,
    ToolChoice, TranslationError,
};
use crate::protocols::reasoning_cache::ReasoningCache;
use serde_json::{Map, Value, json};

/// Default of `max_tokens`, which the protocol requires.
const DEFAULT_MAX_TOKENS: u64 = 4_096;
/// Fewest thinking tokens that can be requested.
const MIN_THINKING_TOKENS: u64 = 1_024;

/// A request, and its tools.
#[derive(Debug)]
pub(super) struct Request {
    pub body: Map<String, Value>,
    pub index: ToolIndex,
    /// Name of the gateway's own tool, whose input is the response's text.
    pub answer: Option<String>,
}

/// The thinking mode of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thinking {
    Off,
    /// The model decides.
    Adaptive,
    /// Thinking with at most this many tokens.
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
        let problem = format!("is {wanted}, but this model returns one choice for each request");
        return Err(TranslationError::untranslatable("n", problem));
    }
    let target = TranslationTarget {
        limits: &LIMITS,
        traits,
        reasoning_cache,
    };
    let index = adapt(&mut conversation, target, dropped)?;
    let mut draft = RequestDraft::new(&mut conversation, traits, dropped)?;
    if let Some(format) = conversation.format.take() {
        draft.apply_format(format, traits, &index);
    }
    let thinking = draft.thinking_mode(&conversation, traits, dropped);
    let RequestDraft {
        answer,
        tools,
        choice,
        mut messages,
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
    set("system", messages.take_system());
    set("messages", Some(messages.into_value()));
    set("thinking", thinking.value());
    set("output_config", (!output.is_empty()).then(|| output.into()));
    if !tools.is_empty() {
        let parallel = conversation.parallel_tools;
        set("tool_choice", choice_value(choice, parallel));
        set("tools", Some(tools.into()));
    }
    let user = conversation.user.as_deref();
    set("metadata", user.map(|user| json!({"user_id": user})));
    sampling(&mut body, conversation.sampling, traits, thinking, dropped);
    Ok(Request {
        body,
        index,
        answer,
    })
}

/// The parts of a request that depend on each other.
#[derive(Debug)]
struct RequestDraft {
    /// Name of the tool whose input is the response's text.
    answer: Option<String>,
    tools: Vec<Value>,
    choice: Option<ToolChoice>,
    messages: MessageList,
    /// Content of `output_config`: effort and format.
    output: Map<String, Value>,
}

impl RequestDraft {
    fn new(
        conversation: &mut ChatRequest,
        traits: &ModelTraits,
        dropped: &mut DroppedFields,
    ) -> Result<Self, TranslationError> {
        let tools = std::mem::take(&mut conversation.tools).into_iter();
        let mut tools: Vec<Value> = tools.map(tool_value).collect();
        tools.extend(conversation.server_tools.iter().map(server_tool));
        let turns = std::mem::take(&mut conversation.turns);
        let messages = MessageList::new(turns, dropped)?;
        let choice = conversation.tool_choice.take();
        Ok(Self {
            choice: self::choice(choice, tools.is_empty(), traits, dropped),
            answer: None,
            tools,
            messages,
            output: Map::new(),
        })
    }

    fn apply_format(&mut self, format: ResponseFormat, traits: &ModelTraits, index: &ToolIndex) {
        match format_strategy(format, self.choice.as_ref(), traits) {
            FormatStrategy::Native(schema) => {
                let format = json!({"type": "json_schema", "schema": schema});
                self.output.insert("format".to_owned(), format);
            }
            FormatStrategy::Instruction(instruction) => self.messages.add_instruction(instruction),
            FormatStrategy::Tool(mut tool) => {
                let name = index.free_name(&tool.name);
                tool.name.clone_from(&name);
                self.answer = Some(name.clone());
                // The model may still call the client's tools if it could before.
                let is_alone = self.tools.is_empty() || self.choice == Some(ToolChoice::None);
                self.tools.push(tool_value(*tool));
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
        let can_think =
            traits.reasoning == Some(true) && !is_forced && !self.messages.lacks_reasoning();
        if can_think && budget >= MIN_THINKING_TOKENS {
            Thinking::Budget(budget)
        } else {
            dropped.add("reasoning_effort");
            Thinking::Off
        }
    }
}

/// Parts of the names of models that take both `temperature` and `top_p`.
const EARLIER_MODELS: [&str; 7] = [
    "claude-instant",
    "claude-2",
    "claude-3",
    "claude-opus-4-0",
    "claude-opus-4-2",
    "claude-sonnet-4-0",
    "claude-sonnet-4-2",
];

/// Checks whether a model refuses `temperature` beside `top_p`, as Claude's do since Opus 4.1.
fn takes_temperature_or_top_p(model: &str) -> bool {
    let is_earlier = EARLIER_MODELS.iter().any(|part| model.contains(part));
    model.contains("claude-") && !is_earlier
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
    let model = body.get("model").and_then(Value::as_str);
    let takes_one = model.is_some_and(takes_temperature_or_top_p);
    let temperature = sampling
        .temperature
        .map(|value| Value::from(value.min(1.0)));
    let members = [
        ("temperature", temperature),
        ("top_p", sampling.top_p.map(Value::from)),
        ("top_k", sampling.top_k.map(Value::from)),
    ];
    for (name, value) in members {
        let is_second = takes_one && name == "top_p" && body.contains_key("temperature");
        match value {
            Some(value) if is_free && !is_second => {
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
    /// A tool that the model must call with the response.
    Tool(Box<Tool>),
    /// An instruction in the prompt.
    Instruction(String),
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
        let instruction = "Answer with one JSON object only, without any text around it.";
        return FormatStrategy::Instruction(instruction.to_owned());
    };
    let is_taken = matches!(choice, Some(ToolChoice::Any | ToolChoice::Named(_)));
    if traits.json_schema {
        FormatStrategy::Native(schema)
    } else if traits.forced_tools && !is_taken {
        FormatStrategy::Tool(Box::new(Tool {
            name,
            description,
            parameters: Some(schema),
            strict,
            ..Tool::default()
        }))
    } else {
        FormatStrategy::Instruction(format!(
            "Answer with JSON only, without any text around it, that keeps to this JSON Schema: {schema}"
        ))
    }
}

fn tool_value(tool: Tool) -> Value {
    let schema = tool
        .parameters
        .unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    let mut value = json!({"name": tool.name, "input_schema": schema});
    if let Some(description) = tool.description {
        value["description"] = description.into();
    }
    if let Some(strict) = tool.strict {
        value["strict"] = strict.into();
    }
    if let Some(mark) = tool.cache {
        value["cache_control"] = mark.to_value();
    }
    value
}

/// Encodes the search that the provider runs, in the version that needs no beta.
fn server_tool(tool: &ServerTool) -> Value {
    let mut value = json!({"type": "web_search_20250305", "name": "web_search"});
    // The provider accepts one of the two lists.
    if !tool.allowed_domains.is_empty() {
        value["allowed_domains"] = tool.allowed_domains.clone().into();
    } else if !tool.blocked_domains.is_empty() {
        value["blocked_domains"] = tool.blocked_domains.clone().into();
    }
    if let Some(uses) = tool.max_uses {
        value["max_uses"] = uses.into();
    }
    if let Some(Value::Object(location)) = &tool.location {
        let mut location = location.clone();
        location.insert("type".to_owned(), "approximate".into());
        value["user_location"] = location.into();
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

fn choice_value(choice: Option<ToolChoice>, parallel: Option<bool>) -> Option<Value> {
    let mut value = match choice {
        None if parallel.is_none() => return None,
        None
        | Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                is_forced: false, ..
            },
        ) => json!({"type": "auto"}),
        Some(ToolChoice::None) => return Some(json!({"type": "none"})),
        Some(ToolChoice::Any | ToolChoice::Allowed { .. }) => json!({"type": "any"}),
        Some(ToolChoice::Named(name)) => json!({"type": "tool", "name": name}),
    };
    if let Some(parallel) = parallel {
        value["disable_parallel_tool_use"] = (!parallel).into();
    }
    Some(value)
}
