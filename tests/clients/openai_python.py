#!/usr/bin/env python3
"""Drives a running gateway with OpenAI's own Python client.

    python3 -m pip install 'openai>=3'
    aibal-tui demo --headless &
    python3 tests/clients/openai_python.py http://127.0.0.1:8080

OPENAI_API_KEY holds the token, where the gateway needs one. `checking.py` describes the output;
`matrix.py` runs all clients against vendors of every protocol.
"""

import json
import sys

try:
    import openai
except ModuleNotFoundError:
    print("The package `openai` is missing; run `python3 -m pip install 'openai>=3'`.", file=sys.stderr)
    sys.exit(2)

from checking import (
    MATERIAL, TIMEOUT_SECONDS, NotApplicable, guarded_model, near_miss, require, require_arguments,
    require_guarded, require_vectors, require_vision, run,
)
from openai_responses import PICTURE, Person, RESPONSE_CHECKS

QUESTION = [{"role": "user", "content": MATERIAL["question"]}]
TOOL_QUESTION = [{"role": "user", "content": MATERIAL["tool_question"]}]
SCHEMA_QUESTION = [{"role": "user", "content": MATERIAL["schema_question"]}]
TOOLS = [{"type": "function", "function": tool} for tool in MATERIAL["tools"]]


class Subject:
    """The client, set up for one target."""

    def __init__(self, plan, target):
        self.plan, self.target, self.model = plan, target, target.model
        self.client = client(plan.gateway, plan.token)

    def served_model(self) -> str:
        """The target's name, or a bare model id instead of `auto`."""
        for model in [self.model] + [model.id for model in self.client.models.list()]:
            if not model.startswith("auto"):
                return model
        raise AssertionError("the list holds no model id")


def client(gateway: str, token: str) -> openai.OpenAI:
    # Without retries, so that the gateway's first response is the one that is checked.
    return openai.OpenAI(
        base_url=gateway + "/v1", api_key=token, max_retries=0, timeout=TIMEOUT_SECONDS
    )


def models_are_listed(subject: Subject) -> str:
    models = subject.client.models.list().data
    require(models, "the list is empty")
    for model in models:
        require(model.object == "model", f"{model.id}: object is {model.object!r}, not 'model'")
        require(isinstance(model.created, int), f"{model.id}: created is {model.created!r}")
        require(model.owned_by, f"{model.id}: owned_by is {model.owned_by!r}")
    ids = [model.id for model in models]
    require(subject.model in ids, f"{subject.model!r} is not among {ids}")
    require(len(set(ids)) == len(ids), f"an id is listed twice: {sorted(ids)}")
    one = subject.client.models.retrieve(subject.model)
    require(one.id == subject.model, f"asked for {subject.model!r} alone, got {one.id!r}")
    return f"{len(models)} models"


def a_chat_is_answered(subject: Subject) -> str:
    raw = subject.client.chat.completions.with_raw_response.create(
        model=subject.model, messages=QUESTION
    )
    answer = raw.parse()
    require(answer.choices[0].message.content, "the answer has no content")
    require(answer.choices[0].finish_reason == "stop", f"it ends with {answer.choices[0].finish_reason!r}")
    require_usage(answer.usage)
    for name in ["x-aibal-decision", "x-aibal-provider", "x-aibal-model", "x-aibal-attempts"]:
        require(raw.headers.get(name), f"the header {name} is missing")
    return f"{raw.headers['x-aibal-provider']}/{raw.headers['x-aibal-model']}"


def an_answer_that_was_cut_short_says_so(subject: Subject) -> str:
    answer = subject.client.chat.completions.create(
        model=subject.model, messages=QUESTION, max_completion_tokens=3
    )
    reason = answer.choices[0].finish_reason
    require(reason == "length", f"finish_reason is {reason!r}")
    words = (answer.choices[0].message.content or "").split()
    require(len(words) <= 3, f"{len(words)} words were told, of 3 tokens")
    return f"{answer.usage.completion_tokens} tokens"


def a_stream_with_usage_ends_with_it(subject: Subject) -> str:
    chunks = stream(subject, stream_options={"include_usage": True})
    require(content(chunks), "the stream has no content")
    with_usage = [chunk for chunk in chunks if chunk.usage is not None]
    require(len(with_usage) == 1, f"{len(with_usage)} chunks have usage, expected 1")
    require(chunks[-1].usage is not None, "the usage is not in the last chunk")
    require(not chunks[-1].choices, "the chunk with the usage also has choices")
    require_usage(chunks[-1].usage)
    require(len({chunk.id for chunk in chunks}) == 1, "the chunks have different ids")
    return f"{len(chunks)} chunks, {chunks[-1].usage.total_tokens} tokens"


def a_stream_without_usage_has_no_chunk_of_it(subject: Subject) -> str:
    chunks = stream(subject)
    require(content(chunks), "the stream has no content")
    require(all(chunk.usage is None for chunk in chunks), "a chunk has usage although it was not requested")
    # Clients read `choices[0]` of every chunk when they did not ask for the usage.
    require(all(chunk.choices for chunk in chunks), "a chunk has no choices")
    return f"{len(chunks)} chunks"


def a_tool_is_called_and_its_result_answered(subject: Subject) -> str:
    answer = chat_until_text(subject, TOOLS[:1], tool_choice="auto")
    return f"{len(answer)} letters"


def parallel_tools_are_called_apart(subject: Subject) -> str:
    answer = chat_until_text(subject, TOOLS, calls=2, parallel_tool_calls=True)
    return f"{len(answer)} letters"


def a_forced_tool_is_the_one_that_is_called(subject: Subject) -> str:
    wanted = TOOLS[1]["function"]["name"]
    answer = subject.client.chat.completions.create(
        model=subject.model, messages=TOOL_QUESTION, tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": wanted}},
    )
    names = [call.function.name for call in answer.choices[0].message.tool_calls or []]
    require(names == [wanted], f"{names} are called, expected {wanted!r} alone")
    return wanted


def streamed_tool_calls_come_apart_by_their_index(subject: Subject) -> str:
    with subject.client.chat.completions.stream(
        model=subject.model, messages=TOOL_QUESTION, tools=TOOLS
    ) as events:
        for event in events:
            if event.type == "chunk":
                for call in [call for choice in event.chunk.choices
                             for call in choice.delta.tool_calls or []]:
                    require(isinstance(call.index, int), f"a call's index is {call.index!r}")
        choice = events.get_final_completion().choices[0]
    require_calls(choice.message.tool_calls, 2)
    require(choice.finish_reason == "tool_calls", f"finish_reason is {choice.finish_reason!r}")
    return ", ".join(call.function.name for call in choice.message.tool_calls)


def an_answer_follows_its_schema(subject: Subject) -> str:
    answer = subject.client.chat.completions.parse(
        model=subject.model, messages=SCHEMA_QUESTION, response_format=Person
    )
    person = answer.choices[0].message.parsed
    require(isinstance(person, Person), f"parsed is {person!r}")
    return repr(person)


def a_streamed_answer_follows_its_schema(subject: Subject) -> str:
    with subject.client.chat.completions.stream(
        model=subject.model, messages=SCHEMA_QUESTION, response_format=Person
    ) as events:
        events.until_done()
        person = events.get_final_completion().choices[0].message.parsed
    require(isinstance(person, Person), f"parsed is {person!r}")
    return repr(person)


def a_picture_is_looked_at(subject: Subject) -> str:
    require_vision(subject.target)
    parts = [
        {"type": "text", "text": MATERIAL["picture_question"]},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    ]
    answer = subject.client.chat.completions.create(
        model=subject.model, messages=[{"role": "user", "content": parts}]
    )
    require(answer.choices[0].message.content, "the answer has no content")
    return f"{answer.usage.prompt_tokens} tokens read"


def embeddings_are_vectors(subject: Subject) -> str:
    texts = MATERIAL["texts"]
    model = embedding_model(subject)
    # The client asks for base64 by itself and decodes it.
    answer = subject.client.embeddings.create(model=model, input=texts)
    require([item.index for item in answer.data] == [0, 1], "the vectors are out of order")
    # Some vendors count no tokens here.
    require(answer.usage.total_tokens == answer.usage.prompt_tokens, f"the usage is {answer.usage}")
    return require_vectors([item.embedding for item in answer.data], texts)


def embeddings_as_numbers_are_the_same(subject: Subject) -> str:
    texts = MATERIAL["texts"]
    model = embedding_model(subject)
    ask = lambda form: subject.client.embeddings.create(
        model=model, input=texts, encoding_format=form
    ).data
    numbers = [item.embedding for item in ask("float")]
    require(isinstance(numbers[0], list), f"the first vector is a {type(numbers[0]).__name__}")
    require(isinstance(ask("base64")[0].embedding, str), "base64 was asked for and did not come")
    return require_vectors([[float(number) for number in vector] for vector in numbers], texts)


def an_unknown_model_is_refused_with_near_names(subject: Subject) -> str:
    right = subject.served_model()
    wrong = near_miss(right)
    for call in [subject.client.chat.completions.create, responses_create(subject)]:
        error = refusal(openai.NotFoundError, lambda: call(model=wrong, messages=QUESTION))
        require(error.code == "model_not_found", f"the code is {error.code!r}")
        require(right in error.message, f"{right!r} is not offered: {error.message}")
    return f"{wrong} -> {right}"


def a_body_that_is_no_json_is_refused(subject: Subject) -> str:
    error = refusal(openai.BadRequestError, lambda: subject.client.post(
        "/chat/completions",
        cast_to=object,
        content=b'{"model": "auto", "messages": [',
        options={"headers": {"content-type": "application/json"}},
    ))
    require(error.body, "the error has no body in OpenAI's shape")
    return error.message


def a_request_without_a_model_is_refused(subject: Subject) -> str:
    error = refusal(openai.BadRequestError, lambda: subject.client.post(
        "/chat/completions", cast_to=object, body={"messages": QUESTION}
    ))
    require("model" in error.message, f"the message does not name `model`: {error.message}")
    return error.message


def a_wrong_member_is_refused(subject: Subject) -> str:
    error = refusal(openai.BadRequestError, lambda: subject.client.post(
        "/chat/completions", cast_to=object, body={"model": subject.model, "messages": "hello"}
    ))
    require(error.type == "invalid_request_error", f"the type is {error.type!r}")
    return error.message


def a_provider_that_refuses_the_gateways_key_is_the_servers_fault(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.wrong_key)
    guarded = client(subject.plan.guarded, subject.plan.token)
    error = refusal(openai.InternalServerError, lambda: guarded.chat.completions.create(
        model=model, messages=QUESTION
    ))
    require(error.status_code == 502, f"the status is {error.status_code}")
    require(error.code == "upstream_auth", f"the code is {error.code!r}")
    return error.message


def a_rate_limit_says_when_to_return(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.limited)
    guarded = client(subject.plan.guarded, subject.plan.token)
    try:
        answer = guarded.chat.completions.create(model=model, messages=QUESTION)
    except openai.RateLimitError as error:
        seconds = error.response.headers.get("retry-after", "")
        require(seconds.isdigit() and int(seconds) > 0, f"retry-after is {seconds!r}")
        return f"retry-after {seconds}: {error.message}"
    raise AssertionError(f"answered instead of RateLimitError: {answer!r}")


def a_missing_token_is_refused(subject: Subject) -> str:
    require_guarded(subject.plan)
    error = refusal(openai.AuthenticationError, lambda: client(
        subject.plan.guarded, "wrong"
    ).chat.completions.create(model="auto", messages=QUESTION))
    require(error.code == "invalid_api_key", f"the code is {error.code!r}")
    require(client(subject.plan.guarded, subject.plan.token).models.list().data, "the list is empty")
    return error.message


CHECKS = [
    models_are_listed,
    a_chat_is_answered,
    an_answer_that_was_cut_short_says_so,
    a_stream_with_usage_ends_with_it,
    a_stream_without_usage_has_no_chunk_of_it,
    a_tool_is_called_and_its_result_answered,
    parallel_tools_are_called_apart,
    a_forced_tool_is_the_one_that_is_called,
    streamed_tool_calls_come_apart_by_their_index,
    an_answer_follows_its_schema,
    a_streamed_answer_follows_its_schema,
    a_picture_is_looked_at,
    embeddings_are_vectors,
    embeddings_as_numbers_are_the_same,
    *RESPONSE_CHECKS,
    an_unknown_model_is_refused_with_near_names,
    a_body_that_is_no_json_is_refused,
    a_request_without_a_model_is_refused,
    a_wrong_member_is_refused,
    a_provider_that_refuses_the_gateways_key_is_the_servers_fault,
    a_rate_limit_says_when_to_return,
    a_missing_token_is_refused,
]


def stream(subject: Subject, **extra) -> list:
    """All chunks of one streamed answer."""
    return list(subject.client.chat.completions.create(
        model=subject.model, messages=QUESTION, stream=True, **extra
    ))


def content(chunks) -> str:
    """The text of a stream, after checking that it ended correctly."""
    choices = [choice for chunk in chunks for choice in chunk.choices]
    finished = [choice for choice in choices if choice.finish_reason]
    require(len(finished) == 1, f"{len(finished)} chunks have a finish_reason, expected 1")
    return "".join(choice.delta.content or "" for choice in choices)


def chat_until_text(subject: Subject, tools, calls: int = 1, **extra) -> str:
    """Sends a request with tools, returns each call's result, and returns the text that follows."""
    ask = lambda messages: subject.client.chat.completions.create(
        model=subject.model, messages=messages, tools=tools, **extra
    ).choices[0]
    first = ask(TOOL_QUESTION)
    require(first.finish_reason == "tool_calls", f"finish_reason is {first.finish_reason!r}")
    require_calls(first.message.tool_calls, calls)
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": MATERIAL["results"][call.function.name]}
        for call in first.message.tool_calls
    ]
    second = ask(TOOL_QUESTION + [first.message] + results)
    require(second.message.content, "the results are not answered")
    require(second.finish_reason == "stop", f"the answer ends with {second.finish_reason!r}")
    return second.message.content


def require_calls(calls, count: int) -> None:
    calls = calls or []
    require(len(calls) == count, f"{len(calls)} calls, expected {count}")
    require(len({call.id for call in calls}) == count, "the calls share an id")
    for call in calls:
        require_arguments(call.function.name, call.function.arguments)


def require_usage(usage) -> None:
    require(usage is not None, "the answer has no usage")
    require(min(usage.prompt_tokens, usage.completion_tokens) > 0, f"the usage is {usage}")
    total = usage.prompt_tokens + usage.completion_tokens
    require(total == usage.total_tokens, f"the usage does not add up: {usage}")


def embedding_model(subject: Subject) -> str:
    if subject.target.embedding is None:
        raise NotApplicable("no model of it makes vectors")
    return subject.target.embedding


def responses_create(subject: Subject):
    """The Responses API, called like the chat completions."""
    return lambda model, messages: subject.client.responses.create(model=model, input=messages)


def refusal(kind, call) -> openai.APIStatusError:
    """Returns the error of this kind, with which the call must end."""
    try:
        answer = call()
    except kind as error:
        # Without this header the client would retry without any chance of success.
        hint = error.response.headers.get("x-should-retry")
        require(hint == "false", f"x-should-retry is {hint!r}, expected 'false'")
        return error
    raise AssertionError(f"answered instead of {kind.__name__}: {answer!r}")


if __name__ == "__main__":
    sys.exit(run(f"openai {openai.__version__}", Subject, CHECKS))
