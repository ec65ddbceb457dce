#!/usr/bin/env python3
"""Drives a running gateway with OpenAI's own Python client, as users will.

    python3 -m pip install 'openai>=3'
    aibal-tui demo --headless &
    python3 tests/clients/openai_python.py http://127.0.0.1:8080/v1

Prints one line per check and a closing count; exits 1 if a check failed, 2 if the client is not
installed. A token, where the gateway asks for one, comes from OPENAI_API_KEY.
"""

import argparse
import os
import sys
import time

try:
    import openai
except ModuleNotFoundError:
    print("The package `openai` is missing; run `python3 -m pip install 'openai>=3'`.", file=sys.stderr)
    sys.exit(2)

QUESTION = [{"role": "user", "content": "Say hello in five words."}]


class Gateway:
    """The gateway under test, and the model that the checks ask for."""

    def __init__(self, base_url: str, model: str):
        # Without retries, so that the gateway's first answer is the one that is judged.
        key = os.environ.get("OPENAI_API_KEY") or "local"
        self.client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60)
        self.model = model

    def stream(self, **extra):
        """All chunks of one streamed answer."""
        return list(self.client.chat.completions.create(
            model=self.model, messages=QUESTION, stream=True, **extra
        ))

    def served_model(self) -> str:
        """A bare model id: neither `auto…` nor `provider/model`."""
        for model in self.client.models.list():
            if not model.id.startswith("auto") and "/" not in model.id:
                return model.id
        raise AssertionError("the list holds no bare model id")


def models_are_listed(gateway: Gateway) -> str:
    models = gateway.client.models.list().data
    require(models, "the list is empty")
    for model in models:
        require(model.object == "model", f"{model.id}: object is {model.object!r}, not 'model'")
        require(isinstance(model.created, int), f"{model.id}: created is {model.created!r}")
        require(model.owned_by, f"{model.id}: owned_by is {model.owned_by!r}")
    ids = [model.id for model in models]
    require("auto" in ids, f"'auto' is not among {ids}")
    require(len(set(ids)) == len(ids), f"an id is listed twice: {sorted(ids)}")
    return f"{len(models)} models"


def a_chat_is_answered(gateway: Gateway) -> str:
    raw = gateway.client.chat.completions.with_raw_response.create(
        model=gateway.model, messages=QUESTION
    )
    answer = raw.parse()
    require(answer.choices[0].message.content, "the answer has no content")
    require(answer.choices[0].finish_reason, "the answer has no finish_reason")
    usage = answer.usage
    require(usage is not None, "the answer has no usage")
    require(
        usage.prompt_tokens + usage.completion_tokens == usage.total_tokens,
        f"the usage does not add up: {usage}",
    )
    for name in ["x-aibal-decision", "x-aibal-provider", "x-aibal-model", "x-aibal-attempts"]:
        require(raw.headers.get(name), f"the header {name} is missing")
    return f"{raw.headers['x-aibal-provider']}/{raw.headers['x-aibal-model']}"


def a_stream_with_usage_ends_with_it(gateway: Gateway) -> str:
    chunks = gateway.stream(stream_options={"include_usage": True})
    text = content(chunks)
    require(text, "the stream has no content")
    with_usage = [chunk for chunk in chunks if chunk.usage is not None]
    require(len(with_usage) == 1, f"{len(with_usage)} chunks have usage, expected 1")
    require(chunks[-1].usage is not None, "the usage is not in the last chunk")
    require(not chunks[-1].choices, "the chunk with the usage also has choices")
    return f"{len(chunks)} chunks, {chunks[-1].usage.total_tokens} tokens"


def a_stream_without_usage_has_no_chunk_of_it(gateway: Gateway) -> str:
    chunks = gateway.stream()
    require(content(chunks), "the stream has no content")
    require(all(chunk.usage is None for chunk in chunks), "a chunk has usage, nobody asked for it")
    # Clients read `choices[0]` of every chunk when they did not ask for the usage.
    require(all(chunk.choices for chunk in chunks), "a chunk has no choices")
    return f"{len(chunks)} chunks"


def an_unknown_model_is_refused_with_near_names(gateway: Gateway) -> str:
    right = gateway.served_model()
    wrong = right[:-1] + ("y" if right.endswith("x") else "x")
    error = refusal(openai.NotFoundError, lambda: gateway.client.chat.completions.create(
        model=wrong, messages=QUESTION
    ))
    require(error.code == "model_not_found", f"the code is {error.code!r}")
    require(right in error.message, f"{right!r} is not offered: {error.message}")
    return f"{wrong} -> {right}"


def a_body_that_is_no_json_is_refused(gateway: Gateway) -> str:
    error = refusal(openai.BadRequestError, lambda: gateway.client.post(
        "/chat/completions",
        cast_to=object,
        content=b'{"model": "auto", "messages": [',
        options={"headers": {"content-type": "application/json"}},
    ))
    require(error.body, "the error has no body in OpenAI's shape")
    return error.message


def a_request_without_a_model_is_refused(gateway: Gateway) -> str:
    error = refusal(openai.BadRequestError, lambda: gateway.client.post(
        "/chat/completions", cast_to=object, body={"messages": QUESTION}
    ))
    require("model" in error.message, f"the message does not name `model`: {error.message}")
    return error.message


CHECKS = [
    models_are_listed,
    a_chat_is_answered,
    a_stream_with_usage_ends_with_it,
    a_stream_without_usage_has_no_chunk_of_it,
    an_unknown_model_is_refused_with_near_names,
    a_body_that_is_no_json_is_refused,
    a_request_without_a_model_is_refused,
]


def content(chunks) -> str:
    """The text of a stream, and the proof that it ended as it should."""
    choices = [choice for chunk in chunks for choice in chunk.choices]
    finished = [choice for choice in choices if choice.finish_reason]
    require(len(finished) == 1, f"{len(finished)} chunks have a finish_reason, expected 1")
    return "".join(choice.delta.content or "" for choice in choices)


def refusal(kind, call) -> openai.APIStatusError:
    """The error of this kind that the call must end with."""
    try:
        answer = call()
    except kind as error:
        # Without this header the client would ask the same again, in vain.
        hint = error.response.headers.get("x-should-retry")
        require(hint == "false", f"x-should-retry is {hint!r}, expected 'false'")
        return error
    raise AssertionError(f"answered instead of {kind.__name__}: {answer!r}")


def require(fact, otherwise: str) -> None:
    # Not `assert`, which `python3 -O` would leave out.
    if not fact:
        raise AssertionError(otherwise)


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks a running gateway with OpenAI's client.")
    parser.add_argument("base_url", help="for example http://127.0.0.1:8080/v1")
    parser.add_argument("--model", default="auto", help="the model to ask for (default: auto)")
    arguments = parser.parse_args()
    gateway = Gateway(arguments.base_url, arguments.model)

    failed = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        started = time.monotonic()
        try:
            outcome, detail = "ok    ", check(gateway)
        except (AssertionError, openai.OpenAIError) as error:
            outcome, detail = "FAILED", f"{type(error).__name__}: {error}"
            failed += 1
        print(f"{outcome} {name} ({time.monotonic() - started:.2f} s): {detail}", flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed (openai {openai.__version__})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
