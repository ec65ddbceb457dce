//! Translates a conversation into a `generateContent` request.

use super::contents::Contents;
use super::generation::Generation;
use super::limits;
use crate::protocols::adaptation::{ToolIndex, TranslationTarget, adapt};
use crate::protocols::neutral::{
    ChatRequest, DroppedFields, ReasoningEffort, ResponseFormat, Sampling, ServerTool,
    ServerToolKind, Tool, ToolChoice, TranslationError,
};
use crate::protocols::{ModelTraits, ReasoningCache};
use serde_json::{Map, Value, json};

/// Builds the body, and indexes its tools. Model and streaming are part of the URL.
pub(super) fn request(
    mut conversation: ChatRequest,
    model: &str,
    traits: &ModelTraits,
    reasoning_cache: &ReasoningCache,
    dropped: &mut DroppedFields,
) -> Result<(Map<String, Value>, ToolIndex), TranslationError> {
    let generation = Generation::new(model);
    let target = TranslationTarget {
        limits: limits::of(generation),
        traits,
        reasoning_cache,
    };
    let index = adapt(&mut conversation, target, dropped)?;
    let mut contents = Contents::new(generation);
    for turn in conversation.turns {
        contents.add(turn, dropped)?;
    }
    let (contents, instructions) = contents.finish();
    let mut body = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    set("contents", Some(contents));
    set("systemInstruction", instructions);
    let has_tools = !conversation.tools.is_empty();
    let choice = conversation.tool_choice.filter(|_| has_tools);
    let mut all_tools: Vec<Value> = Vec::new();
    all_tools.extend(has_tools.then(|| tools(conversation.tools, dropped)));
    all_tools.extend(conversation.server_tools.iter().map(server_tool));
    set("tools", (!all_tools.is_empty()).then(|| all_tools.into()));
    set(
        "toolConfig",
        choice.map(|choice| tool_choice(choice, traits, dropped)),
    );
    dropped.add_if(
        conversation.parallel_tools == Some(false) && has_tools,
        "parallel_tool_calls",
    );
    let mut config = sampling(conversation.sampling, generation, traits, dropped);
    if let Some(tokens) = conversation.max_tokens {
        config.insert("maxOutputTokens".to_owned(), tokens.into());
    }
    format(conversation.format, &mut config);
    thinking(conversation.effort, model, &mut config, dropped);
    set(
        "generationConfig",
        (!config.is_empty()).then_some(Value::Object(config)),
    );
    Ok((body, index))
}

fn sampling(
    sampling: Sampling,
    generation: Generation,
    traits: &ModelTraits,
    dropped: &mut DroppedFields,
) -> Map<String, Value> {
    let mut config = Map::new();
    let mut set = |name: &str, field: &str, value: Option<Value>, is_taken: bool| match value {
        Some(value) if is_taken => {
            config.insert(name.to_owned(), value);
        }
        Some(_) => dropped.add(field),
        None => {}
    };
    let takes_sampling = traits.sampling;
    let temperature = sampling.temperature.map(Value::from);
    set("temperature", "temperature", temperature, takes_sampling);
    set(
        "topP",
        "top_p",
        sampling.top_p.map(Value::from),
        takes_sampling,
    );
    set(
        "topK",
        "top_k",
        sampling.top_k.map(Value::from),
        takes_sampling,
    );
    let takes_penalties = generation.takes_penalties();
    let presence = sampling.presence_penalty.map(Value::from);
    set(
        "presencePenalty",
        "presence_penalty",
        presence,
        takes_penalties,
    );
    let frequency = sampling.frequency_penalty.map(Value::from);
    set(
        "frequencyPenalty",
        "frequency_penalty",
        frequency,
        takes_penalties,
    );
    let stop = (!sampling.stop.is_empty()).then(|| sampling.stop.into());
    set("stopSequences", "stop", stop, true);
    set("seed", "seed", sampling.seed.map(Value::from), true);
    set("candidateCount", "n", sampling.n.map(Value::from), true);
    config
}

fn format(format: Option<ResponseFormat>, config: &mut Map<String, Value>) {
    let Some(format) = format else {
        return;
    };
    config.insert("responseMimeType".to_owned(), "application/json".into());
    if let ResponseFormat::Schema { mut schema, .. } = format {
        if let Some(members) = schema.as_object_mut() {
            members.remove("strict");
        }
        config.insert("responseJsonSchema".to_owned(), schema);
    }
}

fn thinking(
    effort: Option<ReasoningEffort>,
    model: &str,
    config: &mut Map<String, Value>,
    dropped: &mut DroppedFields,
) {
    let Some(effort) = effort else {
        return;
    };
    match Generation::new(model).thinking(model, effort) {
        Some(config_value) => {
            config.insert("thinkingConfig".to_owned(), config_value);
        }
        None => dropped.add_if(effort != ReasoningEffort::None, "reasoning_effort"),
    }
}

fn tools(tools: Vec<Tool>, dropped: &mut DroppedFields) -> Value {
    let declarations = tools.into_iter().map(|tool| {
        dropped.add_if(tool.strict == Some(true), "tools.strict");
        let mut declaration = json!({"name": tool.name});
        if let Some(description) = tool.description {
            declaration["description"] = description.into();
        }
        if let Some(schema) = tool.parameters {
            declaration["parametersJsonSchema"] = schema;
        }
        declaration
    });
    let declarations: Vec<Value> = declarations.collect();
    json!({"functionDeclarations": declarations})
}

/// Encodes a tool that the provider runs. The options of a search have no counterpart.
fn server_tool(tool: &ServerTool) -> Value {
    match tool.kind {
        ServerToolKind::WebSearch => json!({"googleSearch": {}}),
        ServerToolKind::WebFetch => json!({"urlContext": {}}),
        ServerToolKind::CodeExecution => json!({"codeExecution": {}}),
    }
}

fn tool_choice(choice: ToolChoice, traits: &ModelTraits, dropped: &mut DroppedFields) -> Value {
    let is_forced = matches!(choice, ToolChoice::Any | ToolChoice::Named(_));
    let config = match choice {
        _ if is_forced && !traits.forced_tools => {
            dropped.add("tool_choice");
            json!({"mode": "AUTO"})
        }
        ToolChoice::Auto
        | ToolChoice::Allowed {
            is_forced: false, ..
        } => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Any => json!({"mode": "ANY"}),
        ToolChoice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
        ToolChoice::Allowed { names, .. } => {
            json!({"mode": "ANY", "allowedFunctionNames": names})
        }
    };
    json!({"functionCallingConfig": config})
}
