// Drives a running gateway with OpenAI's own client for Node.
//
//     npm install openai@6 zod
//     aibal-tui demo --headless &
//     node tests/clients/openai_node.mjs http://127.0.0.1:8080
//
// `checking.py` describes the output; `matrix.py` runs all clients against vendors of every protocol.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { VERSION } from "openai/version";
import { z } from "zod";
import {
  MATERIAL, TIMEOUT_MS, embeddingModel, guardedModel, nearMiss, refusal, require, requireArguments, requireGuarded,
  requireVectors, requireVision, run,
} from "./checking.mjs";

const question = [{ role: "user", content: MATERIAL.question }];
const toolQuestion = [{ role: "user", content: MATERIAL.tool_question }];
const schemaQuestion = [{ role: "user", content: MATERIAL.schema_question }];
const tools = MATERIAL.tools.map((tool) => ({ type: "function", function: tool }));
const responseTools = MATERIAL.tools.map((tool) => ({ type: "function", strict: false, ...tool }));
const picture = "data:image/png;base64," + MATERIAL.picture;
const Person = z.object({ name: z.string(), age: z.number().int(), languages: z.array(z.string()) });

function clientOf(gateway, token) {
  // Without retries, so that the gateway's first response is the one that is checked.
  return new OpenAI({ baseURL: `${gateway}/v1`, apiKey: token, maxRetries: 0, timeout: TIMEOUT_MS });
}

const checks = [
  async function modelsAreListed({ client, model }) {
    const ids = [];
    for await (const entry of client.models.list()) {
      require(entry.object === "model" && entry.owned_by, `an entry is ${JSON.stringify(entry)}`);
      ids.push(entry.id);
    }
    require(ids.includes(model), `${model} is not among ${ids}`);
    const one = await client.models.retrieve(model);
    require(one.id === model, `asked for ${model} alone, got ${one.id}`);
    return `${ids.length} models`;
  },

  async function aChatIsAnswered({ client, model }) {
    const { data, response } = await client.chat.completions
      .create({ model, messages: question })
      .withResponse();
    require(data.choices[0].message.content, "the answer has no content");
    requireUsage(data.usage);
    return `${response.headers.get("x-aibal-provider")}/${response.headers.get("x-aibal-model")}`;
  },

  async function aStreamWithUsageEndsWithIt({ client, model }) {
    const options = { include_usage: true };
    const chunks = await collected(await client.chat.completions.create(
      { model, messages: question, stream: true, stream_options: options }));
    const last = chunks.at(-1);
    require(text(chunks), "the stream has no content");
    require(last.choices.length === 0, "the chunk with the usage also has choices");
    requireUsage(last.usage);
    return `${chunks.length} chunks`;
  },

  async function aStreamWithoutUsageHasNoChunkOfIt({ client, model }) {
    const chunks = await collected(
      await client.chat.completions.create({ model, messages: question, stream: true }));
    require(text(chunks), "the stream has no content");
    require(chunks.every((chunk) => !chunk.usage), "a chunk has usage although it was not requested");
    require(chunks.every((chunk) => chunk.choices.length > 0), "a chunk has no choices");
    return `${chunks.length} chunks`;
  },

  async function aToolIsCalledAndItsResultAnswered({ client, model }) {
    return toolsAnswered(client, model, tools.slice(0, 1), 1);
  },

  async function parallelToolsAreCalledApart({ client, model }) {
    return toolsAnswered(client, model, tools, 2);
  },

  async function streamedToolCallsComeApartByTheirIndex({ client, model }) {
    const stream = client.chat.completions.stream({ model, messages: toolQuestion, tools });
    const { choices } = await stream.finalChatCompletion();
    requireCalls(choices[0].message.tool_calls, 2);
    require(choices[0].finish_reason === "tool_calls", `it ends with ${choices[0].finish_reason}`);
    return choices[0].message.tool_calls.map((call) => call.function.name).join(", ");
  },

  async function anAnswerFollowsItsSchema({ client, model }) {
    const answer = await client.chat.completions.parse(
      { model, messages: schemaQuestion, response_format: zodResponseFormat(Person, "person") });
    return JSON.stringify(Person.parse(answer.choices[0].message.parsed));
  },

  async function aPictureIsLookedAt({ client, model, target }) {
    requireVision(target);
    const content = [
      { type: "text", text: MATERIAL.picture_question },
      { type: "image_url", image_url: { url: picture } },
    ];
    const answer = await client.chat.completions.create({ model, messages: [{ role: "user", content }] });
    require(answer.choices[0].message.content, "the answer has no content");
    return `${answer.usage.prompt_tokens} tokens read`;
  },

  async function embeddingsAreVectors({ client, target }) {
    // The client asks for base64 by itself and decodes it.
    const answer = await client.embeddings.create(
      { model: embeddingModel(target), input: MATERIAL.texts });
    return requireVectors(answer.data.map((item) => item.embedding));
  },

  async function aResponseIsAnswered({ client, model }) {
    const answer = await client.responses.create({ model, input: MATERIAL.question });
    require(answer.status === "completed" && answer.output_text, `it is ${answer.status}`);
    require(answer.usage.output_tokens > 0, `the usage is ${JSON.stringify(answer.usage)}`);
    return `${answer.usage.total_tokens} tokens`;
  },

  async function aResponseStreamsFromCreatedToCompleted({ client, model }) {
    const events = await collected(
      await client.responses.create({ model, input: MATERIAL.question, stream: true }));
    const types = events.map((event) => event.type);
    require(types[0] === "response.created", `the first event is ${types[0]}`);
    require(types.at(-1) === "response.completed", `the last event is ${types.at(-1)}`);
    return `${events.length} events`;
  },

  async function aResponseCallsToolsAndTakesTheirResults({ client, model }) {
    const ask = (input) =>
      client.responses.create({ model, input, tools: responseTools, store: false });
    const first = await ask(toolQuestion);
    const calls = first.output.filter((item) => item.type === "function_call");
    require(calls.length === 2, `${calls.length} calls, expected 2`);
    const results = calls.map(({ name, arguments: given, call_id }) => {
      requireArguments(name, given);
      return { type: "function_call_output", call_id, output: MATERIAL.results[name] };
    });
    const second = await ask([...toolQuestion, ...first.output, ...results]);
    require(second.output_text, "the results are not answered");
    return calls.map((call) => call.name).join(", ");
  },

  async function aStreamedResponseFollowsItsSchema({ client, model }) {
    const stream = client.responses.stream(
      { model, input: MATERIAL.schema_question, text: { format: zodTextFormat(Person, "person") } });
    const final = await stream.finalResponse();
    return JSON.stringify(Person.parse(final.output_parsed));
  },

  async function anUnknownModelIsRefusedWithNearNames({ client, model }) {
    const wrong = nearMiss(model);
    const error = await refused(OpenAI.NotFoundError, () =>
      client.chat.completions.create({ model: wrong, messages: question }));
    require(error.code === "model_not_found", `the code is ${error.code}`);
    require(error.message.includes(model), `${model} is not offered: ${error.message}`);
    return error.message;
  },

  async function aWrongMemberIsRefused({ client, model }) {
    const error = await refused(OpenAI.BadRequestError, () =>
      client.chat.completions.create({ model, messages: "hello" }));
    require(error.type === "invalid_request_error", `the type is ${error.type}`);
    return error.message;
  },

  async function aProviderThatRefusesTheGatewaysKeyIsTheServersFault({ plan, target }) {
    const model = guardedModel(plan, target.wrong_key);
    const error = await refused(OpenAI.InternalServerError, () =>
      clientOf(plan.guarded, plan.token).chat.completions.create({ model, messages: question }));
    require(error.code === "upstream_auth", `the code is ${error.code}`);
    return error.message;
  },

  async function aRateLimitSaysWhenToReturn({ plan, target }) {
    const model = guardedModel(plan, target.limited);
    const error = await refusal(
      () => clientOf(plan.guarded, plan.token).chat.completions.create({ model, messages: question }),
      (error) => error instanceof OpenAI.RateLimitError);
    const seconds = error.headers.get("retry-after");
    require(Number(seconds) > 0, `retry-after is ${seconds}`);
    return `retry-after ${seconds}`;
  },

  async function aMissingTokenIsRefused({ plan }) {
    requireGuarded(plan);
    const error = await refused(OpenAI.AuthenticationError, () =>
      clientOf(plan.guarded, "wrong").chat.completions.create({ model: "auto", messages: question }));
    require(error.code === "invalid_api_key", `the code is ${error.code}`);
    return error.message;
  },
];

async function collected(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The text of a stream, and the proof that it ended as it should. */
function text(chunks) {
  const choices = chunks.flatMap((chunk) => chunk.choices);
  const finished = choices.filter((choice) => choice.finish_reason);
  require(finished.length === 1, `${finished.length} chunks have a finish_reason, expected 1`);
  return choices.map((choice) => choice.delta.content ?? "").join("");
}

/** Asks with tools, gives each call its result, and says who was called. */
async function toolsAnswered(client, model, offered, count) {
  const ask = async (messages) =>
    (await client.chat.completions.create({ model, messages, tools: offered })).choices[0];
  const first = await ask(toolQuestion);
  const calls = first.message.tool_calls;
  requireCalls(calls, count);
  const results = calls.map((call) => ({
    role: "tool", tool_call_id: call.id, content: MATERIAL.results[call.function.name],
  }));
  const second = await ask([...toolQuestion, first.message, ...results]);
  require(second.message.content, "the results are not answered");
  return calls.map((call) => call.function.name).join(", ");
}

function requireCalls(calls, count) {
  require(calls?.length === count, `${calls?.length} calls, expected ${count}`);
  require(new Set(calls.map((call) => call.id)).size === count, "the calls share an id");
  for (const call of calls) requireArguments(call.function.name, call.function.arguments);
}

function requireUsage(usage) {
  require(usage, "there is no usage");
  const total = usage.prompt_tokens + usage.completion_tokens;
  require(total === usage.total_tokens && usage.completion_tokens > 0,
    `the usage does not add up: ${JSON.stringify(usage)}`);
}

/** The error of this kind, which tells the client not to ask again. */
async function refused(kind, call) {
  const error = await refusal(call, (error) => error instanceof kind);
  const hint = error.headers.get("x-should-retry");
  require(hint === "false", `x-should-retry is ${hint}, expected 'false'`);
  return error;
}

const subject = (plan, target) => ({
  plan, target, model: target.model, client: clientOf(plan.gateway, plan.token),
});
await run(`openai ${VERSION}`, subject, checks);
