"""The checks of OpenAI's Python client that speak the Responses API; `openai_python.py` runs them."""

import json

import pydantic

from checking import MATERIAL, require, require_arguments, require_vision

TOOL_QUESTION = [{"role": "user", "content": MATERIAL["tool_question"]}]
RESPONSE_TOOLS = [{"type": "function", "strict": False, **tool} for tool in MATERIAL["tools"]]
PICTURE = "data:image/png;base64," + MATERIAL["picture"]


class Person(pydantic.BaseModel):
    name: str
    age: int
    languages: list[str]


def a_response_is_answered(subject) -> str:
    answer = subject.client.responses.create(
        model=subject.model, input=MATERIAL["question"], instructions="Be brief."
    )
    require(answer.status == "completed", f"the status is {answer.status!r}")
    require(answer.output_text, "the response has no text")
    require_response_usage(answer.usage)
    return f"{answer.usage.total_tokens} tokens"


def a_response_streams_from_created_to_completed(subject) -> str:
    events = list(subject.client.responses.create(
        model=subject.model, input=MATERIAL["question"], stream=True
    ))
    types = [event.type for event in events]
    require(types[0] == "response.created", f"the first event is {types[0]}")
    require(types[-1] == "response.completed", f"the last event is {types[-1]}")
    numbers = [event.sequence_number for event in events]
    require(numbers == list(range(len(events))), f"the sequence numbers are {numbers}")
    for begin, end in [
        ("response.output_item.added", "response.output_item.done"),
        ("response.content_part.added", "response.content_part.done"),
    ]:
        require(types.count(begin) == types.count(end) > 0, f"{begin} and {end} are not paired: {types}")
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    final = events[-1].response
    require(deltas == final.output_text != "", "the pieces are not the text of the whole")
    require_response_usage(final.usage)
    return f"{len(events)} events"


def a_response_calls_tools_and_takes_their_results(subject) -> str:
    first = subject.client.responses.create(
        model=subject.model, input=TOOL_QUESTION, tools=RESPONSE_TOOLS, store=False
    )
    calls = [item for item in first.output if item.type == "function_call"]
    require(len(calls) == 2, f"{len(calls)} calls, expected 2: {[item.type for item in first.output]}")
    require(len({call.call_id for call in calls}) == 2, "the calls share an id")
    results = []
    for call in calls:
        require_arguments(call.name, call.arguments)
        output = MATERIAL["results"][call.name]
        results.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    second = subject.client.responses.create(
        model=subject.model, input=TOOL_QUESTION + first.output + results, tools=RESPONSE_TOOLS,
        store=False,
    )
    require(second.output_text, "the results are not answered")
    return f"{len(second.output_text)} letters"


def streamed_response_calls_come_apart(subject) -> str:
    with subject.client.responses.stream(
        model=subject.model, input=TOOL_QUESTION, tools=RESPONSE_TOOLS
    ) as events:
        for event in events:
            if event.type == "response.function_call_arguments.done":
                json.loads(event.arguments)
        final = events.get_final_response()
    calls = [item for item in final.output if item.type == "function_call"]
    require(len(calls) == 2, f"{len(calls)} calls, expected 2")
    for call in calls:
        require_arguments(call.name, call.arguments)
    return ", ".join(call.name for call in calls)


def a_response_follows_its_schema(subject) -> str:
    answer = subject.client.responses.parse(
        model=subject.model, input=MATERIAL["schema_question"], text_format=Person
    )
    require(isinstance(answer.output_parsed, Person), f"parsed is {answer.output_parsed!r}")
    return repr(answer.output_parsed)


def a_response_to_a_picture_is_answered(subject) -> str:
    require_vision(subject.target)
    parts = [
        {"type": "input_text", "text": MATERIAL["picture_question"]},
        {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
    ]
    answer = subject.client.responses.create(
        model=subject.model, input=[{"role": "user", "content": parts}]
    )
    require(answer.output_text, "the response has no text")
    return f"{answer.usage.input_tokens} tokens read"


RESPONSE_CHECKS = [
    a_response_is_answered,
    a_response_streams_from_created_to_completed,
    a_response_calls_tools_and_takes_their_results,
    streamed_response_calls_come_apart,
    a_response_follows_its_schema,
    a_response_to_a_picture_is_answered,
]


def require_response_usage(usage) -> None:
    require(usage is not None, "the response has no usage")
    require(min(usage.input_tokens, usage.output_tokens) > 0, f"the usage is {usage}")
    total = usage.input_tokens + usage.output_tokens
    require(total == usage.total_tokens, f"the usage does not add up: {usage}")
