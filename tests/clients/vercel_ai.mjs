// Drives a running gateway with Vercel's AI SDK: OpenAI's provider by its default, the responses,
// and by its chat; the OpenAI-compatible one; and Anthropic's.
//
//     npm install ai@6 @ai-sdk/openai@3 @ai-sdk/openai-compatible@2 @ai-sdk/anthropic@3 zod
//     aibal-tui demo --headless &
//     node tests/clients/vercel_ai.mjs http://127.0.0.1:8080
//
// `checking.py` describes the output; `matrix.py` runs all clients against vendors of every protocol.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateObject, generateText, jsonSchema, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";
import {
  MATERIAL, NotApplicable, TIMEOUT_MS, embeddingModel, guardedModel, nearMiss, refusal, require,
  requireArguments, requireGuarded, requireVectors, requireVision, run,
} from "./checking.mjs";

const Person = z.object({ name: z.string(), age: z.number().int(), languages: z.array(z.string()) });

/** The gateway's APIs, as the SDK's providers call them. */
function apis(gateway, token) {
  const baseURL = `${gateway}/v1`;
  const openai = createOpenAI({ baseURL, apiKey: token });
  const compatible = createOpenAICompatible(
    { name: "gateway", baseURL, apiKey: token, includeUsage: true, supportsStructuredOutputs: true });
  const anthropic = createAnthropic({ baseURL, apiKey: token });
  return {
    responses: (model) => openai(model),
    chat: (model) => openai.chat(model),
    compatible: (model) => compatible(model),
    messages: (model) => anthropic(model),
    embeddings: (model) => openai.embedding(model),
  };
}

const APIS = ["responses", "chat", "compatible", "messages"];

/** A check of every API, each on its own line: `chat: a text is answered`. */
function atEveryApi(check) {
  return APIS.map((api) => {
    const one = (subject) => check(subject, subject.apis[api](subject.model), api);
    return Object.defineProperty(one, "name", { value: `${api}: ${check.name}` });
  });
}

const checks = [
  ...atEveryApi(async function aTextIsAnswered(_subject, model) {
    const answer = await generateText({ ...calm(), model, prompt: MATERIAL.question });
    require(answer.text, "the answer has no text");
    require(answer.finishReason === "stop", `it ends with ${answer.finishReason}`);
    return requireUsage(answer.usage);
  }),

  ...atEveryApi(async function aTextStreams(_subject, model) {
    let failure;
    const stream = streamText(
      { ...calm(), model, prompt: MATERIAL.question, onError: ({ error }) => { failure = error; } });
    const pieces = [];
    for await (const piece of stream.textStream) pieces.push(piece);
    if (failure) throw failure;
    require(pieces.length > 1, `the text comes in ${pieces.length} pieces`);
    require((await stream.finishReason) === "stop", `it ends with ${await stream.finishReason}`);
    return requireUsage(await stream.usage);
  }),

  ...atEveryApi(async function toolsAreCalledAndTheirResultsAnswered(_subject, model) {
    const answer = await generateText(
      { ...calm(), model, tools: tools(), stopWhen: stepCountIs(3), prompt: MATERIAL.tool_question });
    return requireSteps(answer.steps, answer.text);
  }),

  ...atEveryApi(async function streamedToolCallsComeApart(_subject, model) {
    let failure;
    const stream = streamText({
      ...calm(), model, tools: tools(), stopWhen: stepCountIs(3), prompt: MATERIAL.tool_question,
      onError: ({ error }) => { failure = error; },
    });
    await stream.consumeStream();
    if (failure) throw failure;
    return requireSteps(await stream.steps, await stream.text);
  }),

  ...atEveryApi(async function anObjectFollowsItsSchema(_subject, model) {
    const answer = await generateObject(
      { ...calm(), model, schema: Person, prompt: MATERIAL.schema_question });
    return JSON.stringify(Person.parse(answer.object));
  }),

  ...atEveryApi(async function anObjectStreams(_subject, model) {
    let failure;
    const stream = streamObject({
      ...calm(), model, schema: Person, prompt: MATERIAL.schema_question,
      onError: ({ error }) => { failure = error; },
    });
    for await (const _part of stream.partialObjectStream);
    if (failure) throw failure;
    return JSON.stringify(Person.parse(await stream.object));
  }),

  ...atEveryApi(async function aPictureIsLookedAt({ target }, model) {
    requireVision(target);
    const content = [
      { type: "text", text: MATERIAL.picture_question },
      { type: "image", image: MATERIAL.picture, mediaType: "image/png" },
    ];
    const answer = await generateText({ ...calm(), model, messages: [{ role: "user", content }] });
    require(answer.text, "the answer has no text");
    return `${answer.usage.inputTokens} tokens read`;
  }),

  async function embeddingsAreVectors({ target, apis }) {
    const model = apis.embeddings(embeddingModel(target));
    const { embeddings } = await embedMany({ ...calm(), model, values: MATERIAL.texts });
    return requireVectors(embeddings);
  },

  async function modelsAreListed() {
    throw new NotApplicable("the SDK lists no models");
  },

  ...atEveryApi(async function anUnknownModelIsRefusedWithNearNames({ model, apis }, _right, api) {
    const error = await refused(apis[api](nearMiss(model)), 404);
    require(error.message.includes(model), `${model} is not offered: ${error.message}`);
    return error.message;
  }),

  ...atEveryApi(async function aProviderThatRefusesTheGatewaysKeyIsTheServersFault(subject, _model, api) {
    const { plan, target, guardedApis } = subject;
    const model = guardedModel(plan, target.wrong_key, APIS.indexOf(api));
    return (await refused(guardedApis[api](model), 502)).message;
  }),

  ...atEveryApi(async function aRateLimitSaysWhenToReturn({ plan, target, guardedApis }, _model, api) {
    const model = guardedModel(plan, target.limited, APIS.indexOf(api));
    const error = await refused(guardedApis[api](model), 429);
    const seconds = error.responseHeaders["retry-after"];
    require(Number(seconds) > 0, `retry-after is ${seconds}`);
    require(error.isRetryable, "the error is not worth a second try");
    return `retry-after ${seconds}`;
  }),

  ...atEveryApi(async function aMissingTokenIsRefused({ plan }, _model, api) {
    requireGuarded(plan);
    return (await refused(apis(plan.guarded, "wrong")[api]("auto"), 401)).message;
  }),
];

/** Without retries, so that the gateway's first answer is the one that is judged. */
function calm() {
  return { maxRetries: 0, abortSignal: AbortSignal.timeout(TIMEOUT_MS) };
}

function tools() {
  const made = MATERIAL.tools.map(({ name, description, parameters }) => [name, tool({
    description,
    inputSchema: jsonSchema(parameters),
    execute: async (given) => {
      requireArguments(name, given);
      return MATERIAL.results[name];
    },
  })]);
  return Object.fromEntries(made);
}

/** Two calls in the first step, each with its result, and a text in the second. */
function requireSteps(steps, text) {
  const [first] = steps;
  const names = first.toolCalls.map((call) => call.toolName);
  require(names.length === 2 && names[0] !== names[1], `${names} are called, expected two`);
  require(first.toolResults.length === 2, `${first.toolResults.length} results, expected 2`);
  require(first.finishReason === "tool-calls", `the first step ends with ${first.finishReason}`);
  require(text, "the results are not answered");
  return names.join(", ");
}

function requireUsage(usage) {
  require(usage.inputTokens > 0 && usage.outputTokens > 0, `the usage is ${JSON.stringify(usage)}`);
  return `${usage.totalTokens} tokens`;
}

/** The error of this status. */
async function refused(model, status) {
  const error = await refusal(
    () => generateText({ ...calm(), model, prompt: MATERIAL.question }),
    (error) => APICallError.isInstance(error));
  require(error.statusCode === status, `the status is ${error.statusCode}: ${error.message}`);
  return error;
}

const subject = (plan, target) => ({
  plan, target, model: target.model,
  apis: apis(plan.gateway, plan.token),
  guardedApis: plan.guarded ? apis(plan.guarded, plan.token) : undefined,
});
const described = createRequire(import.meta.url).resolve("ai/package.json");
await run(`ai ${JSON.parse(readFileSync(described, "utf8")).version}`, subject, checks);
