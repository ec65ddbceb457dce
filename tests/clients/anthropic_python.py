#!/usr/bin/env python3
"""Drives a running gateway with Anthropic's own Python client, through the Messages API.

    python3 -m pip install 'anthropic>=2'
    aibal-tui demo --headless &
    python3 tests/clients/anthropic_python.py http://127.0.0.1:8080

`checking.py` describes the output; `matrix.py` runs all clients against vendors of every protocol.
"""

import sys

try:
    import anthropic
    import pydantic
except ModuleNotFoundError:
    print("The package `anthropic` is missing; run `python3 -m pip install 'anthropic>=2'`.",
          file=sys.stderr)
    sys.exit(2)

from checking import (
    MATERIAL, TIMEOUT_SECONDS, NotApplicable, guarded_model, near_miss, require,
    require_arguments, require_guarded, require_vision, run,
)

MAX_TOKENS = 300
THINKING = {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
# Kinds of providers whose models return their reasoning.
THINK_ALOUD = ["anthropic", "gemini", "xai"]
QUESTION = [{"role": "user", "content": MATERIAL["question"]}]
TOOL_QUESTION = [{"role": "user", "content": MATERIAL["tool_question"]}]
SCHEMA_QUESTION = [{"role": "user", "content": MATERIAL["schema_question"]}]
TOOLS = [
    {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
    for tool in MATERIAL["tools"]
]


class Person(pydantic.BaseModel):
    name: str
    age: int
    languages: list[str]


class Subject:
    """The client, set up for one target."""

    def __init__(self, plan, target):
        self.plan, self.target, self.model = plan, target, target.model
        self.client = client(plan.gateway, plan.token)

    def create(self, messages, **extra):
        extra = {"max_tokens": MAX_TOKENS, **extra}
        return self.client.messages.create(model=self.model, messages=messages, **extra)


def client(gateway: str, token: str) -> anthropic.Anthropic:
    # Without retries, so that the gateway's first response is the one that is checked.
    return anthropic.Anthropic(
        base_url=gateway, api_key=token, max_retries=0, timeout=TIMEOUT_SECONDS
    )


def models_are_listed(subject: Subject) -> str:
    page = subject.client.models.list(limit=1000)
    ids = [model.id for model in page.data]
    require(subject.model in ids, f"{subject.model!r} is not among {ids}")
    require(all(model.type == "model" for model in page.data), "an entry's type is not 'model'")
    require(not page.has_more and page.first_id == ids[0], "the page is not the only one")
    one = subject.client.models.retrieve(subject.model)
    require(one.id == subject.model, f"asked for {subject.model!r} alone, got {one.id!r}")
    return f"{len(ids)} models"


def a_message_is_answered(subject: Subject) -> str:
    raw = subject.client.messages.with_raw_response.create(
        model=subject.model, max_tokens=MAX_TOKENS, system="Be brief.", messages=QUESTION
    )
    answer = raw.parse()
    require((answer.type, answer.role) == ("message", "assistant"), f"it is a {answer.type}")
    require(text(answer), "the answer has no text")
    require(answer.stop_reason == "end_turn", f"stop_reason is {answer.stop_reason!r}")
    require_usage(answer.usage)
    for name in ["x-aibal-decision", "x-aibal-provider", "x-aibal-model", "x-aibal-attempts"]:
        require(raw.headers.get(name), f"the header {name} is missing")
    return f"{raw.headers['x-aibal-provider']}/{raw.headers['x-aibal-model']}"


def an_answer_that_was_cut_short_says_so(subject: Subject) -> str:
    answer = subject.create(QUESTION, max_tokens=3)
    require(answer.stop_reason == "max_tokens", f"stop_reason is {answer.stop_reason!r}")
    words = text(answer).split()
    require(len(words) <= 3, f"{len(words)} words were told, of 3 tokens")
    return f"{answer.usage.output_tokens} tokens"


def a_stream_tells_the_same_in_pieces(subject: Subject) -> str:
    with subject.client.messages.stream(
        model=subject.model, max_tokens=MAX_TOKENS, messages=QUESTION
    ) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    require(len(pieces) > 1, f"the text comes in {len(pieces)} pieces")
    require("".join(pieces) == text(final), "the pieces are not the text of the whole")
    require(final.stop_reason == "end_turn", f"stop_reason is {final.stop_reason!r}")
    require_usage(final.usage)
    return f"{len(pieces)} pieces, {final.usage.output_tokens} tokens"


def a_streams_events_come_in_their_order(subject: Subject) -> str:
    events = list(subject.create(QUESTION, stream=True))
    types = [event.type for event in events]
    require(types[0] == "message_start", f"the first event is {types[0]}")
    require(types[-2:] == ["message_delta", "message_stop"], f"the last events are {types[-2:]}")
    opened = []
    for event in events:
        if event.type == "content_block_start":
            require(event.index == len(opened), f"block {event.index} follows {opened}")
            opened.append(True)
        elif event.type == "content_block_delta":
            require(opened[event.index], f"block {event.index} goes on after its end")
        elif event.type == "content_block_stop":
            opened[event.index] = False
    require(opened and not any(opened), "a block has no end")
    require(events[-2].usage.output_tokens > 0, f"the usage is {events[-2].usage}")
    return f"{len(events)} events"


def a_tool_is_called_and_its_result_answered(subject: Subject) -> str:
    first = subject.create(TOOL_QUESTION, tools=TOOLS[:1])
    require(first.stop_reason == "tool_use", f"stop_reason is {first.stop_reason!r}")
    require_calls(first, 1)
    return answer_results(subject, first, TOOLS[:1])


def parallel_tools_are_called_apart(subject: Subject) -> str:
    first = subject.create(TOOL_QUESTION, tools=TOOLS)
    require(first.stop_reason == "tool_use", f"stop_reason is {first.stop_reason!r}")
    require_calls(first, 2)
    return answer_results(subject, first, TOOLS)


def a_forced_tool_is_the_one_that_is_called(subject: Subject) -> str:
    wanted = TOOLS[1]["name"]
    answer = subject.create(TOOL_QUESTION, tools=TOOLS, tool_choice={"type": "tool", "name": wanted})
    names = [call.name for call in calls(answer)]
    require(names == [wanted], f"{names} are called, expected {wanted!r} alone")
    return wanted


def streamed_tool_calls_come_apart_by_their_block(subject: Subject) -> str:
    with subject.client.messages.stream(
        model=subject.model, max_tokens=MAX_TOKENS, messages=TOOL_QUESTION, tools=TOOLS
    ) as stream:
        stream.until_done()
        final = stream.get_final_message()
    require_calls(final, 2)
    require(final.stop_reason == "tool_use", f"stop_reason is {final.stop_reason!r}")
    return answer_results(subject, final, TOOLS)


def an_answer_follows_its_schema(subject: Subject) -> str:
    answer = subject.client.messages.parse(
        model=subject.model, max_tokens=MAX_TOKENS, messages=SCHEMA_QUESTION, output_format=Person
    )
    person = answer.parsed_output
    require(isinstance(person, Person), f"parsed is {person!r}")
    return repr(person)


def a_picture_is_looked_at(subject: Subject) -> str:
    require_vision(subject.target)
    source = {"type": "base64", "media_type": "image/png", "data": MATERIAL["picture"]}
    parts = [{"type": "image", "source": source},
             {"type": "text", "text": MATERIAL["picture_question"]}]
    answer = subject.create([{"role": "user", "content": parts}])
    require(text(answer), "the answer has no text")
    return f"{answer.usage.input_tokens} tokens read"


def thoughts_come_before_the_text(subject: Subject) -> str:
    if "reasoning" not in subject.target.types:
        raise NotApplicable("the model does not think aloud")
    answer = subject.create(QUESTION, **THINKING)
    kinds = [block.type for block in answer.content]
    expected = ["thinking", "text"] if subject.target.kind in THINK_ALOUD else ["text"]
    require(subject.target.kind is None or kinds == expected, f"the blocks are {kinds}")
    require(text(answer), "the answer has no text")
    return ", ".join(kinds)


def thoughts_go_back_with_the_results_of_tools(subject: Subject) -> str:
    if "reasoning" not in subject.target.types:
        raise NotApplicable("the model does not think aloud")
    first = subject.create(TOOL_QUESTION, tools=TOOLS, **THINKING)
    require_calls(first, 2)
    return answer_results(subject, first, TOOLS, **THINKING)


def tokens_are_counted(subject: Subject) -> str:
    count = lambda content: subject.client.messages.count_tokens(
        model=subject.model, messages=[{"role": "user", "content": content}]
    ).input_tokens
    short, long = count(MATERIAL["question"]), count(MATERIAL["question"] * 20)
    require(0 < short < long, f"{short} tokens, and {long} for twenty times as much")
    return f"{short} and {long} tokens"


def an_unknown_model_is_refused_with_near_names(subject: Subject) -> str:
    right = subject.model if "/" in subject.model else subject.client.models.list().data[-1].id
    wrong = near_miss(right)
    error = refusal(anthropic.NotFoundError, lambda: subject.client.messages.create(
        model=wrong, max_tokens=MAX_TOKENS, messages=QUESTION
    ))
    require(error.body["error"]["type"] == "not_found_error", f"the error is {error.body}")
    require(right in str(error), f"{right!r} is not offered: {error}")
    return f"{wrong} -> {right}"


def a_body_that_is_no_json_is_refused(subject: Subject) -> str:
    error = refusal(anthropic.BadRequestError, lambda: subject.client.post(
        "/v1/messages",
        cast_to=object,
        content=b'{"model": "auto", "messages": [',
        options={"headers": {"content-type": "application/json"}},
    ))
    require(error.body["type"] == "error", f"the body is {error.body}")
    require(error.body["error"]["type"] == "invalid_request_error", f"the error is {error.body}")
    return error.body["error"]["message"]


def a_request_without_messages_is_refused(subject: Subject) -> str:
    error = refusal(anthropic.BadRequestError, lambda: subject.client.post(
        "/v1/messages", cast_to=object, body={"model": subject.model, "max_tokens": 5}
    ))
    require("messages" in str(error), f"the message does not name `messages`: {error}")
    return error.body["error"]["message"]


def a_provider_that_refuses_the_gateways_key_is_the_servers_fault(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.wrong_key)
    guarded = client(subject.plan.guarded, subject.plan.token)
    error = refusal(anthropic.InternalServerError, lambda: guarded.messages.create(
        model=model, max_tokens=MAX_TOKENS, messages=QUESTION
    ))
    require(error.status_code == 502, f"the status is {error.status_code}")
    require(error.body["error"]["type"] == "api_error", f"the error is {error.body}")
    return error.body["error"]["message"]


def a_rate_limit_says_when_to_return(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.limited)
    guarded = client(subject.plan.guarded, subject.plan.token)
    try:
        answer = guarded.messages.create(model=model, max_tokens=MAX_TOKENS, messages=QUESTION)
    except anthropic.RateLimitError as error:
        seconds = error.response.headers.get("retry-after", "")
        require(seconds.isdigit() and int(seconds) > 0, f"retry-after is {seconds!r}")
        require(error.body["error"]["type"] == "rate_limit_error", f"the error is {error.body}")
        return f"retry-after {seconds}"
    raise AssertionError(f"answered instead of RateLimitError: {answer!r}")


def a_missing_token_is_refused(subject: Subject) -> str:
    require_guarded(subject.plan)
    error = refusal(anthropic.AuthenticationError, lambda: client(
        subject.plan.guarded, "wrong"
    ).messages.create(model="auto", max_tokens=MAX_TOKENS, messages=QUESTION))
    require(error.body["error"]["type"] == "authentication_error", f"the error is {error.body}")
    bearer = anthropic.Anthropic(
        base_url=subject.plan.guarded, auth_token=subject.plan.token, api_key=None, max_retries=0
    )
    require(bearer.models.list().data, "the list is empty")
    require(client(subject.plan.guarded, subject.plan.token).models.list().data, "the list is empty")
    return error.body["error"]["message"]


CHECKS = [
    models_are_listed,
    a_message_is_answered,
    an_answer_that_was_cut_short_says_so,
    a_stream_tells_the_same_in_pieces,
    a_streams_events_come_in_their_order,
    a_tool_is_called_and_its_result_answered,
    parallel_tools_are_called_apart,
    a_forced_tool_is_the_one_that_is_called,
    streamed_tool_calls_come_apart_by_their_block,
    an_answer_follows_its_schema,
    a_picture_is_looked_at,
    thoughts_come_before_the_text,
    thoughts_go_back_with_the_results_of_tools,
    tokens_are_counted,
    an_unknown_model_is_refused_with_near_names,
    a_body_that_is_no_json_is_refused,
    a_request_without_messages_is_refused,
    a_provider_that_refuses_the_gateways_key_is_the_servers_fault,
    a_rate_limit_says_when_to_return,
    a_missing_token_is_refused,
]


def text(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def calls(message) -> list:
    return [block for block in message.content if block.type == "tool_use"]


def require_calls(message, count: int) -> None:
    called = calls(message)
    require(len(called) == count, f"{len(called)} calls, expected {count}")
    require(len({call.id for call in called}) == count, "the calls share an id")
    for call in called:
        require_arguments(call.name, call.input)


def answer_results(subject: Subject, first, tools, **extra) -> str:
    """Sends every call's result, and returns the called tools and the length of the text."""
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": MATERIAL["results"][call.name]}
        for call in calls(first)
    ]
    second = subject.create(
        [*TOOL_QUESTION, {"role": "assistant", "content": first.content},
         {"role": "user", "content": results}],
        tools=tools, **extra,
    )
    require(text(second), "the results are not answered")
    require(second.stop_reason == "end_turn", f"the answer ends with {second.stop_reason!r}")
    return f"{', '.join(call.name for call in calls(first))}: {len(text(second))} letters"


def require_usage(usage) -> None:
    require(min(usage.input_tokens, usage.output_tokens) > 0, f"the usage is {usage}")


def refusal(kind, call) -> anthropic.APIStatusError:
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
    sys.exit(run(f"anthropic {anthropic.__version__}", Subject, CHECKS))
