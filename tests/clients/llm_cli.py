#!/usr/bin/env python3
"""Drives a running gateway with the command line tool `llm`.

    python3 -m pip install 'llm>=0.32'
    aibal-tui demo --headless &
    python3 tests/clients/llm_cli.py http://127.0.0.1:8080

`checking.py` describes the output; `matrix.py` runs all clients against vendors of every protocol.
"""

import base64
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

if importlib.util.find_spec("llm") is None:
    print("The package `llm` is missing; run `python3 -m pip install 'llm>=0.32'`.", file=sys.stderr)
    sys.exit(2)

from checking import (
    MATERIAL, TIMEOUT_SECONDS, NotApplicable, guarded_model, near_miss, require, require_guarded, require_vision, run,
)

FUNCTIONS = f"""
def read_weather(city: str, unit: str) -> str:
    "The weather in a city now."
    return {MATERIAL['results']['read_weather']!r}
"""
CLOCK = f"""
def read_clock(city: str) -> str:
    "The local time in a city."
    return {MATERIAL['results']['read_clock']!r}
"""


class Subject:
    """The tool with its own home folder, with the target as one of its models."""

    def __init__(self, plan, target):
        self.plan, self.target = plan, target
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name)
        can_see = "vision" in target.types
        models = [
            model("chat", plan.gateway, target.model, vision=can_see),
            model("responses", plan.gateway, target.model, vision=can_see, responses=True),
            model("unknown", plan.gateway, near_miss(target.model)),
            model("stranger", plan.guarded, "auto", api_key_name="wrong"),
            model("wrong-key", plan.guarded, "".join(target.wrong_key[:1])),
        ]
        # JSON is also YAML.
        self.write("extra-openai-models.yaml", json.dumps(models))
        self.write("keys.json", json.dumps({"matrix": plan.token, "wrong": "wrong"}))
        (self.home / "picture.png").write_bytes(base64.b64decode(MATERIAL["picture"]))

    def write(self, name: str, text: str) -> None:
        (self.home / name).write_text(text, encoding="utf-8")

    def prompt(self, model_id: str, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "llm", "prompt", "--no-log", "--model", model_id, *arguments]
        return subprocess.run(
            command, cwd=self.home, env={**os.environ, "LLM_USER_PATH": str(self.home)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=2 * TIMEOUT_SECONDS, check=False,
        )

    def answer(self, model_id: str, *arguments: str) -> subprocess.CompletedProcess:
        done = self.prompt(model_id, *arguments)
        require(done.returncode == 0, f"it ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        require(done.stdout.strip(), "nothing is printed")
        return done


def model(model_id: str, gateway, name, **extra) -> dict:
    """An entry of the tool's list of models."""
    return {
        "model_id": model_id, "model_name": name or "none",
        "api_base": f"{gateway}/v1", "api_key_name": "matrix",
        "supports_schema": True, "supports_tools": True, **extra,
    }


def a_prompt_is_answered_in_a_stream_with_its_usage(subject: Subject) -> str:
    return usage(subject.answer("chat", "--usage", MATERIAL["question"]))


def a_prompt_is_answered_at_once_with_its_usage(subject: Subject) -> str:
    return usage(subject.answer("chat", "--usage", "--no-stream", MATERIAL["question"]))


def a_tool_is_called_and_its_result_answered(subject: Subject) -> str:
    return tools(subject, FUNCTIONS, ["read_weather"], "chat")


def parallel_tools_are_called_apart(subject: Subject) -> str:
    return tools(subject, FUNCTIONS + CLOCK, ["read_weather", "read_clock"], "chat")


def parallel_tools_are_called_apart_without_a_stream(subject: Subject) -> str:
    return tools(subject, FUNCTIONS + CLOCK, ["read_weather", "read_clock"], "chat", "--no-stream")


def an_answer_follows_its_schema(subject: Subject) -> str:
    schema = json.dumps(MATERIAL["schema"])
    done = subject.answer("chat", "--schema", schema, MATERIAL["schema_question"])
    person = json.loads(done.stdout)
    require(set(person) == set(MATERIAL["schema"]["required"]), f"the answer is {person}")
    return str(person)


def a_picture_is_looked_at(subject: Subject) -> str:
    require_vision(subject.target)
    done = subject.answer("chat", "--attachment", "picture.png", MATERIAL["picture_question"])
    return f"{len(done.stdout)} letters"


def embeddings_are_vectors(_subject: Subject) -> str:
    raise NotApplicable("the tool knows OpenAI's own models for embeddings only, at their own address")


def a_response_is_answered_with_its_usage(subject: Subject) -> str:
    return usage(subject.answer("responses", "--usage", MATERIAL["question"]))


def a_response_calls_tools_and_takes_their_results(subject: Subject) -> str:
    return tools(subject, FUNCTIONS + CLOCK, ["read_weather", "read_clock"], "responses")


def an_unknown_model_is_refused_with_near_names(subject: Subject) -> str:
    return refusal(subject, "unknown", "404", f"did you mean {subject.target.model}")


def a_provider_that_refuses_the_gateways_key_is_the_servers_fault(subject: Subject) -> str:
    guarded_model(subject.plan, subject.target.wrong_key)
    return refusal(subject, "wrong-key", "502", "refuses the gateway's own key")


def a_rate_limit_is_told(_subject: Subject) -> str:
    raise NotApplicable("the tool waits as long as it is told to and asks again, twice")


def a_missing_token_is_refused(subject: Subject) -> str:
    require_guarded(subject.plan)
    return refusal(subject, "stranger", "401", "the token is unknown")


CHECKS = [
    a_prompt_is_answered_in_a_stream_with_its_usage,
    a_prompt_is_answered_at_once_with_its_usage,
    a_tool_is_called_and_its_result_answered,
    parallel_tools_are_called_apart,
    parallel_tools_are_called_apart_without_a_stream,
    an_answer_follows_its_schema,
    a_picture_is_looked_at,
    embeddings_are_vectors,
    a_response_is_answered_with_its_usage,
    a_response_calls_tools_and_takes_their_results,
    an_unknown_model_is_refused_with_near_names,
    a_provider_that_refuses_the_gateways_key_is_the_servers_fault,
    a_rate_limit_is_told,
    a_missing_token_is_refused,
]


def usage(done: subprocess.CompletedProcess) -> str:
    found = re.search(r"(\d+) input, (\d+) output", done.stderr)
    require(found and all(int(count) > 0 for count in found.groups()), f"no usage: {done.stderr!r}")
    return found.group(0)


def tools(subject: Subject, functions: str, names: list, model_id: str, *more: str) -> str:
    """Lets the tool call these functions and send their results; returns the called functions."""
    done = subject.answer(
        model_id, "--functions", functions, "--tools-debug", *more, MATERIAL["tool_question"]
    )
    called = re.findall(r"Tool call: (\w+)\(", done.stderr)
    require(sorted(called) == sorted(names), f"{called} are called, expected {names}: {done.stderr}")
    return ", ".join(called)


def refusal(subject: Subject, model_id: str, *expected: str) -> str:
    done = subject.prompt(model_id, MATERIAL["question"])
    said = " ".join(done.stderr.split())
    require(done.returncode == 1, f"it ended with {done.returncode}: {done.stdout}{said}")
    require("Traceback" not in said, f"it broke: {said}")
    for text in expected:
        require(text in said, f"{text!r} is not in: {said}")
    return said


if __name__ == "__main__":
    sys.exit(run(f"llm {importlib.metadata.version('llm')}", Subject, CHECKS))
