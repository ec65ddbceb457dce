// Shared by the JavaScript client scripts; the same as `checking.py`, which describes it.

import { readFileSync } from "node:fs";

// Longer than any simulated vendor takes, and short enough to wait for.
export const TIMEOUT_MS = 30_000;
export const MATERIAL = JSON.parse(readFileSync(new URL("material.json", import.meta.url), "utf8"));

/** What a check throws where it has no meaning; its text says why. */
export class NotApplicable extends Error {}

export function require(fact, otherwise) {
  if (!fact) throw new Error(otherwise);
}

export function requireVision(target) {
  if (!target.types.includes("vision")) throw new NotApplicable("the model sees no pictures");
}

export function requireGuarded(plan) {
  if (!plan.guarded) throw new NotApplicable("no guarded gateway is in the plan");
}

/** That one of those models of the guarded gateway, where there are both. */
export function guardedModel(plan, models, number = 0) {
  requireGuarded(plan);
  if (models.length === 0) throw new NotApplicable("the target has no such provider");
  return models[number];
}

export function embeddingModel(target) {
  if (!target.embedding) throw new NotApplicable("no model of it makes vectors");
  return target.embedding;
}

/** A name that is wrong in its last letter. */
export function nearMiss(name) {
  return name.slice(0, -1) + (name.endsWith("x") ? "y" : "x");
}

/** The arguments of a call of one of the tools, as its schema wants them. */
export function requireArguments(name, given) {
  const values = typeof given === "string" ? JSON.parse(given) : given;
  const tool = MATERIAL.tools.find((tool) => tool.name === name);
  require(tool, `${name} is called, but is not there`);
  const missing = tool.parameters.required.filter((member) => !(member in values));
  require(missing.length === 0, `${name} is called without ${missing}`);
  return values;
}

export function requireVectors(vectors) {
  const texts = MATERIAL.texts;
  require(vectors.length === texts.length, `${vectors.length} vectors for ${texts.length} texts`);
  const [first, second] = vectors;
  require(first.length > 0 && first.length === second.length, "the vectors differ in size");
  require(first.every((number) => Number.isFinite(number)), "a number is none");
  require(first.some((number, place) => number !== second[place]), "two texts have the same vector");
  return `${first.length} numbers`;
}

/** The error that the call must end with; `fits` says whether it is of the right kind. */
export async function refusal(call, fits) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    if (fits(error)) return error;
    throw error;
  }
  throw new Error(`answered instead of an error: ${JSON.stringify(answer)?.slice(0, 200)}`);
}

/** Runs all checks on all targets; `subject(plan, target)` makes what a check is given. */
export async function run(client, subject, checks) {
  if (process.argv.length !== 3) {
    console.error(`usage: ${process.argv[1]} http://HOST:PORT | PLAN.json`);
    process.exit(2);
  }
  const plan = readPlan(process.argv[2]);
  const outcomes = await Promise.all(
    plan.targets.map((target) => runTarget(subject(plan, target), target, checks)),
  );
  const count = (word) => outcomes.flat().filter((outcome) => outcome === word).length;
  console.log(`${count("ok")} passed, ${count("FAILED")} failed (${client})`);
  process.exit(count("FAILED") > 0 ? 1 : 0);
}

function readPlan(argument) {
  if (argument.endsWith(".json")) return JSON.parse(readFileSync(argument, "utf8"));
  const gateway = argument.replace(/\/+$/, "").replace(/\/v1$/, "");
  const auto = { name: "auto", model: "auto", types: ["chat", "vision"], wrong_key: [], limited: [] };
  return { gateway, token: process.env.OPENAI_API_KEY || "local", targets: [auto] };
}

async function runTarget(subject, target, checks) {
  const outcomes = [];
  for (const check of checks) outcomes.push(await runCheck(check, subject, target));
  return outcomes;
}

async function runCheck(check, subject, target) {
  const started = performance.now();
  let outcome = "ok";
  let detail;
  try {
    detail = (await check(subject)) ?? "";
  } catch (error) {
    // Anything that a client's library throws is a result.
    outcome = error instanceof NotApplicable ? "n/a" : "FAILED";
    const kind = error?.constructor?.name ?? typeof error;
    detail = outcome === "n/a" ? error.message : `${kind}: ${error?.message ?? error}`;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const told = String(detail).split(/\s+/).join(" ").slice(0, 400);
  console.log(`${outcome}\t${target.name}\t${sentence(check.name)}\t${seconds} s\t${told}`);
  return outcome;
}

/** `aChatIsAnswered` as `a chat is answered`. */
function sentence(name) {
  return name.replace(/([A-Z])/g, (letter) => " " + letter.toLowerCase());
}
