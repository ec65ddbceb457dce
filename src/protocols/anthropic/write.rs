//! A conversation as a Messages request.

use super::messages::MessageList;
use super::tool_names::ToolNames;
use crate::protocols::model_traits::ModelTraits;
use crate::protocols::neutral::{
    ChatRequest, DroppedFields, ReasoningEffort, ResponseFormat, Sampling, Tool, ToolChoice,
    TranslationError,
};
use crate::protocols::reasoning_cache::ReasoningCache;
use serde_json::{Map, Value, json};

/// Tokens of the longest answer where the client names none: the protocol wants a number.
const DEFAULT_MAX_TOKENS: u64 = 4_096;
/// Tokens of the shortest thoughts that can be asked for.
const MIN_THINKING_TOKENS: u64 = 1_024;

/// A request and what its tools are called in it.
#[derive(Debug)]
pub(super) struct Request {
    pub body: Map<String, Value>,
    pub names: ToolNames,
}

/// How a model is made to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thinking {
    Off,
    /// As long as it takes.
    Adaptive,
    /// For so many tokens.
    Budget(u64),
}

pub(super) fn request(
    mut conversation: ChatRequest,
    model: &str,
    traits: &ModelTraits,
    recall: &ReasoningCache,
    losses: &mut DroppedFields,
) -> Result<Request, TranslationError> {
    let wanted = conversation.sampling.n.unwrap_or(1);
    if wanted > 1 {
        let problem = format!("is {wanted}, but this model gives one answer at a time");
        return Err(TranslationError::untranslatable("n", problem));
    }
    let mut draft = RequestDraft::of(&mut conversation, traits, recall, losses)?;
    if let Some(format) = conversation.format.take() {
        draft.keep_form(format, traits);
    }
    let thinking = draft.think(&conversation, traits, losses);
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
    set("metadata", user.and_then(|user| metadata(user, losses)));
    sampling(&mut body, conversation.sampling, traits, thinking, losses);
    Ok(Request { body, names })
}

/// What of a request hangs together.
#[derive(Debug)]
struct RequestDraft {
    names: ToolNames,
    tools: Vec<Value>,
    choice: Option<ToolChoice>,
    messages: MessageList,
    /// How hard to try, and in which form to answer.
    output: Map<String, Value>,
}

impl RequestDraft {
    fn of(
        conversation: &mut ChatRequest,
        traits: &ModelTraits,
        recall: &ReasoningCache,
        losses: &mut DroppedFields,
    ) -> Result<Self, TranslationError> {
        let mut names = ToolNames::default();
        let tools = tools(std::mem::take(&mut conversation.tools), &mut names);
        let turns = std::mem::take(&mut conversation.turns);
        let messages = MessageList::of(turns, &mut names, recall, losses)?;
        let choice = conversation.tool_choice.take();
        Ok(Self {
            choice: self::choice(choice, tools.is_empty(), traits, losses),
            names,
            tools,
            messages,
            output: Map::new(),
        })
    }

    fn keep_form(&mut self, format: ResponseFormat, traits: &ModelTraits) {
        match shaping(format, self.choice.as_ref(), traits) {
            FormatStrategy::Native(schema) => {
                let format = json!({"type": "json_schema", "schema": schema});
                self.output.insert("format".to_owned(), format);
            }
            FormatStrategy::Line(line) => self.messages.system.push(line),
            FormatStrategy::Tool(tool) => {
                let name = self.names.say_answer(&tool.name);
                // The model may still call the client's tools where it could before.
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

    /// How the model is to think: not while it is forced to call a tool, and, where it is told a
    /// number, not without the thoughts behind the tools it just used, nor beyond the client's
    /// limit.
    fn think(
        &mut self,
        conversation: &ChatRequest,
        traits: &ModelTraits,
        losses: &mut DroppedFields,
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
            // Something must be left for the answer.
            Some(limit) if limit <= effort.budget() => limit / 2,
            _ => effort.budget(),
        };
        let can_think = traits.reasoning && !is_forced && !self.messages.lack_thoughts();
        if can_think && budget >= MIN_THINKING_TOKENS {
            Thinking::Budget(budget)
        } else {
            losses.add("reasoning_effort");
            Thinking::Off
        }
    }
}

/// Numbers that steer the choice of words, where the model takes them: those that think do not.
fn sampling(
    body: &mut Map<String, Value>,
    sampling: Sampling,
    traits: &ModelTraits,
    thinking: Thinking,
    losses: &mut DroppedFields,
) {
    let is_free = traits.sampling && thinking == Thinking::Off;
    let temperature = sampling.temperature.map(|heat| Value::from(heat.min(1.0)));
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
            value => losses.add_if(value.is_some(), name),
        }
    }
    // Line ends are good to stop at; spaces alone are refused.
    let (stop, blank): (Vec<_>, Vec<_>) = sampling
        .stop
        .into_iter()
        .partition(|text| !text.trim_matches(' ').is_empty());
    losses.add_if(!blank.is_empty(), "stop");
    if !stop.is_empty() {
        body.insert("stop_sequences".to_owned(), stop.into());
    }
    losses.add_if(sampling.seed.is_some(), "seed");
    losses.add_if(sampling.presence_penalty.is_some(), "presence_penalty");
    losses.add_if(sampling.frequency_penalty.is_some(), "frequency_penalty");
}

/// Who asks, unless it is an address that says who that is.
fn metadata(user: &str, losses: &mut DroppedFields) -> Option<Value> {
    let is_address = user.contains('@');
    losses.add_if(is_address, "user");
    (!is_address).then(|| json!({"user_id": user}))
}

/// The longest answer. Thoughts are part of it, so that a limit that nobody named grows by them.
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
            // Without the word its text would be empty.
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

/// How an answer is made to keep its form.
enum FormatStrategy {
    Native(Value),
    /// By a tool that the model must call with the answer.
    Tool(Tool),
    /// By asking for it.
    Line(String),
}

fn shaping(
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
            let name = names.say(&tool.name);
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

/// The client's choice, if there is something to choose and the model can be forced.
fn choice(
    choice: Option<ToolChoice>,
    no_tools: bool,
    traits: &ModelTraits,
    losses: &mut DroppedFields,
) -> Option<ToolChoice> {
    match choice.filter(|_| !no_tools) {
        Some(ToolChoice::Any | ToolChoice::Named(_)) if !traits.forced_tools => {
            losses.add("tool_choice");
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
                names.say(&name)
            };
            json!({"type": "tool", "name": name})
        }
    };
    if let Some(parallel) = parallel {
        value["disable_parallel_tool_use"] = (!parallel).into();
    }
    Some(value)
}
