#!/usr/bin/env python3
"""Drives a running gateway with Ollama's own Python client.

    python3 -m pip install 'ollama>=0.6'
    aibal-tui demo --headless &
    python3 tests/clients/ollama_python.py http://127.0.0.1:8080

`checking.py` describes the output; `matrix.py` runs all clients against vendors of every protocol.
"""

import importlib.metadata
import json
import sys

try:
    import ollama
except ModuleNotFoundError:
    print("The package `ollama` is missing; run `python3 -m pip install 'ollama>=0.6'`.",
          file=sys.stderr)
    sys.exit(2)

from checking import (
    MATERIAL, TIMEOUT_SECONDS, NotApplicable, guarded_model, near_miss, require,
    require_arguments, require_guarded, require_vectors, require_vision, run,
)

QUESTION = [{"role": "user", "content": MATERIAL["question"]}]
TOOL_QUESTION = [{"role": "user", "content": MATERIAL["tool_question"]}]
TOOLS = [{"type": "function", "function": tool} for tool in MATERIAL["tools"]]


class Subject:
    """The client, set up for one target."""

    def __init__(self, plan, target):
        self.plan, self.target, self.model = plan, target, target.model
        self.client = client(plan.gateway, plan.token)

    def chat(self, messages, **extra):
        return self.client.chat(model=self.model, messages=messages, **extra)


def client(gateway: str, token: str) -> ollama.Client:
    return ollama.Client(host=gateway, timeout=TIMEOUT_SECONDS,
                         headers={"authorization": f"Bearer {token}"})


def models_are_listed_and_described(subject: Subject) -> str:
    names = [model.model for model in subject.client.list().models]
    require(subject.model in names, f"{subject.model!r} is not among {names}")
    shown = subject.client.show(subject.model)
    require("completion" in shown.capabilities, f"the capabilities are {shown.capabilities}")
    return f"{len(names)} models, {', '.join(shown.capabilities)}"


def a_question_is_answered(subject: Subject) -> str:
    answer = subject.chat(QUESTION, options={"temperature": 0.5, "num_ctx": 4096}, keep_alive="1m")
    require(answer.message.content, "the answer has no text")
    require(answer.done and answer.done_reason == "stop", f"it ends with {answer.done_reason!r}")
    require_usage(answer)
    return answer.model


def an_answer_that_was_cut_short_says_so(subject: Subject) -> str:
    answer = subject.chat(QUESTION, options={"num_predict": 3})
    require(answer.done_reason == "length", f"it ends with {answer.done_reason!r}")
    return f"{answer.eval_count} tokens"


def a_stream_comes_in_pieces(subject: Subject) -> str:
    pieces = list(subject.chat(QUESTION, stream=True))
    texts = [piece.message.content for piece in pieces if piece.message.content]
    require(len(texts) > 1, f"the text comes in {len(texts)} pieces")
    require([piece.done for piece in pieces].count(True) == 1, "there is not one end")
    require(pieces[-1].done, "the last piece is not the end")
    require_usage(pieces[-1])
    return f"{len(texts)} pieces"


def a_prompt_is_completed(subject: Subject) -> str:
    answer = subject.client.generate(model=subject.model, prompt=MATERIAL["question"])
    require(answer.response, "the answer has no text")
    pieces = list(subject.client.generate(
        model=subject.model, prompt=MATERIAL["question"], stream=True
    ))
    require(any(piece.response for piece in pieces) and pieces[-1].done, "the stream has no text")
    return f"{len(pieces)} pieces"


def a_model_is_loaded(subject: Subject) -> str:
    answer = subject.client.generate(model=subject.model)
    require(answer.done_reason == "load", f"it ends with {answer.done_reason!r}")
    return answer.done_reason


def a_tool_is_called_and_its_result_answered(subject: Subject) -> str:
    first = subject.chat(TOOL_QUESTION, tools=TOOLS[:1])
    require_calls(first.message, 1)
    return answer_results(subject, first.message, TOOLS[:1])


def parallel_tools_are_called_apart(subject: Subject) -> str:
    pieces = list(subject.chat(TOOL_QUESTION, tools=TOOLS, stream=True))
    calls = [call for piece in pieces for call in piece.message.tool_calls or []]
    message = ollama.Message(role="assistant", content="", tool_calls=calls)
    require_calls(message, 2)
    return answer_results(subject, message, TOOLS)


def an_answer_follows_its_schema(subject: Subject) -> str:
    answer = subject.chat([{"role": "user", "content": MATERIAL["schema_question"]}],
                          format=MATERIAL["schema"])
    person = json.loads(answer.message.content)
    missing = set(MATERIAL["schema"]["required"]) - set(person)
    require(not missing, f"{sorted(missing)} are missing in {person}")
    return answer.message.content


def a_picture_is_looked_at(subject: Subject) -> str:
    require_vision(subject.target)
    message = {"role": "user", "content": MATERIAL["picture_question"],
               "images": [MATERIAL["picture"]]}
    answer = subject.chat([message])
    require(answer.message.content, "the answer has no text")
    return f"{answer.prompt_eval_count} tokens read"


def thinking_stands_apart(subject: Subject) -> str:
    if "reasoning" not in subject.target.types:
        raise NotApplicable("the model does not think aloud")
    answer = subject.chat(QUESTION, think=True)
    require(answer.message.content, "the answer has no text")
    return f"{len(answer.message.thinking or '')} letters of thinking"


def texts_become_vectors(subject: Subject) -> str:
    if subject.target.embedding is None:
        raise NotApplicable("the provider has no embeddings")
    texts = MATERIAL["texts"]
    answer = subject.client.embed(model=subject.target.embedding, input=texts)
    return require_vectors(answer.embeddings, texts)


def an_unknown_model_is_refused_with_near_names(subject: Subject) -> str:
    names = [model.model for model in subject.client.list().models]
    right = subject.model if "/" in subject.model else names[-1]
    error = refusal(404, lambda: subject.client.chat(model=near_miss(right), messages=QUESTION))
    require(right in error.error, f"{right!r} is not offered: {error}")
    return right


def a_rate_limit_is_told(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.limited)
    guarded = client(subject.plan.guarded, subject.plan.token)
    return refusal(429, lambda: guarded.chat(model=model, messages=QUESTION)).error


def a_missing_token_is_refused(subject: Subject) -> str:
    require_guarded(subject.plan)
    wrong = client(subject.plan.guarded, "wrong")
    error = refusal(401, lambda: wrong.chat(model="auto", messages=QUESTION))
    require(client(subject.plan.guarded, subject.plan.token).list().models, "no models")
    return error.error


CHECKS = [
    models_are_listed_and_described,
    a_question_is_answered,
    an_answer_that_was_cut_short_says_so,
    a_stream_comes_in_pieces,
    a_prompt_is_completed,
    a_model_is_loaded,
    a_tool_is_called_and_its_result_answered,
    parallel_tools_are_called_apart,
    an_answer_follows_its_schema,
    a_picture_is_looked_at,
    thinking_stands_apart,
    texts_become_vectors,
    an_unknown_model_is_refused_with_near_names,
    a_rate_limit_is_told,
    a_missing_token_is_refused,
]


def require_usage(answer) -> None:
    least = min(answer.prompt_eval_count, answer.eval_count, answer.total_duration)
    require(least > 0, f"the usage is {answer}")


def require_calls(message, count: int) -> None:
    calls = message.tool_calls or []
    require(len(calls) == count, f"{len(calls)} calls, expected {count}")
    for call in calls:
        require_arguments(call.function.name, dict(call.function.arguments))


def answer_results(subject: Subject, message, tools) -> str:
    """Sends every call's result, and returns the called tools and the length of the text."""
    names = [call.function.name for call in message.tool_calls]
    results = [{"role": "tool", "tool_name": name, "content": MATERIAL["results"][name]}
               for name in names]
    second = subject.chat([*TOOL_QUESTION, message, *results], tools=tools)
    require(second.message.content, "the results are not answered")
    return f"{', '.join(names)}: {len(second.message.content)} letters"


def refusal(code: int, call) -> ollama.ResponseError:
    """Returns the error with this code, with which the call must end."""
    try:
        answer = call()
    except ollama.ResponseError as error:
        require(error.status_code == code, f"the code is {error.status_code}, expected {code}")
        return error
    raise AssertionError(f"answered instead of {code}: {answer!r}")


if __name__ == "__main__":
    sys.exit(run(f"ollama {importlib.metadata.version('ollama')}", Subject, CHECKS))
