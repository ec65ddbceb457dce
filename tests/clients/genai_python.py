#!/usr/bin/env python3
"""Drives a running gateway with Google's own Python client, through Gemini's API.

    python3 -m pip install 'google-genai>=3'
    aibal-tui demo --headless &
    python3 tests/clients/genai_python.py http://127.0.0.1:8080

`checking.py` describes the output; `matrix.py` runs all clients against vendors of every protocol.
"""

import base64
import sys

try:
    import google.genai
    import pydantic
    from google.genai import errors, types
except ModuleNotFoundError:
    print("The package `google-genai` is missing; run `python3 -m pip install 'google-genai>=3'`.",
          file=sys.stderr)
    sys.exit(2)

from checking import (
    MATERIAL, TIMEOUT_SECONDS, NotApplicable, guarded_model, near_miss, require,
    require_arguments, require_guarded, require_vectors, require_vision, run,
)

QUESTION = MATERIAL["question"]
TOOL_QUESTION = MATERIAL["tool_question"]
# The form that the libraries before 3.0 ask for.
OLDER_VERSION = "v1beta"


class Person(pydantic.BaseModel):
    name: str
    age: int
    languages: list[str]


def tools(count: int) -> list:
    declarations = [
        types.FunctionDeclaration(name=tool["name"], description=tool["description"],
                                  parameters_json_schema=tool["parameters"])
        for tool in MATERIAL["tools"][:count]
    ]
    return [types.Tool(function_declarations=declarations)]


class Subject:
    """The client, set up for one target."""

    def __init__(self, plan, target):
        self.plan, self.target, self.model = plan, target, target.model
        self.client = client(plan.gateway, plan.token)

    def generate(self, contents, **config):
        return self.client.models.generate_content(
            model=self.model, contents=contents, config=types.GenerateContentConfig(**config)
        )

    def stream(self, contents, **config):
        return list(self.client.models.generate_content_stream(
            model=self.model, contents=contents, config=types.GenerateContentConfig(**config)
        ))


def client(gateway: str, token: str, version: str | None = None) -> google.genai.Client:
    options = types.HttpOptions(base_url=gateway, timeout=TIMEOUT_SECONDS * 1000, api_version=version)
    return google.genai.Client(api_key=token, http_options=options)


def models_are_listed(subject: Subject) -> str:
    names = [model.name for model in subject.client.models.list()]
    require(f"models/{subject.model}" in names, f"{subject.model!r} is not among {names}")
    one = subject.client.models.get(model=subject.model)
    require(one.name == f"models/{subject.model}", f"the model alone is {one.name!r}")
    return f"{len(names)} models"


def a_question_is_answered(subject: Subject) -> str:
    answer = subject.generate(QUESTION, system_instruction="Be brief.", temperature=0.5)
    require(answer.text, "the answer has no text")
    require_end(answer, "STOP")
    require_usage(answer.usage_metadata)
    return answer.model_version


def the_older_version_of_the_paths_is_served(subject: Subject) -> str:
    older = client(subject.plan.gateway, subject.plan.token, OLDER_VERSION)
    answer = older.models.generate_content(model=subject.model, contents=QUESTION)
    require(answer.text, "the answer has no text")
    return answer.model_version


def an_answer_that_was_cut_short_says_so(subject: Subject) -> str:
    answer = subject.generate(QUESTION, max_output_tokens=3)
    require_end(answer, "MAX_TOKENS")
    return f"{answer.usage_metadata.candidates_token_count} tokens"


def a_stream_comes_in_pieces(subject: Subject) -> str:
    pieces = subject.stream(QUESTION)
    texts = [piece.text for piece in pieces if piece.text]
    require(len(texts) > 1, f"the text comes in {len(texts)} pieces")
    require_end(pieces[-1], "STOP")
    require_usage(pieces[-1].usage_metadata)
    return f"{len(texts)} pieces"


def a_chat_goes_on(subject: Subject) -> str:
    chat = subject.client.chats.create(model=subject.model)
    list(chat.send_message_stream(QUESTION))
    answer = chat.send_message(QUESTION)
    require(answer.text, "the second answer has no text")
    # The library keeps every piece of a stream as a turn of its own, and drops what it finds invalid.
    turns, kept = len(chat.get_history()), len(chat.get_history(curated=True))
    require(turns >= 4 and kept == turns, f"the library accepts {kept} of {turns} turns")
    return f"{turns} turns"


def a_tool_is_called_and_its_result_answered(subject: Subject) -> str:
    first = subject.generate(TOOL_QUESTION, tools=tools(1))
    require_calls(first.function_calls, 1)
    return answer_results(subject, first.candidates[0].content, tools(1))


def parallel_tools_are_called_apart(subject: Subject) -> str:
    pieces = subject.stream(TOOL_QUESTION, tools=tools(2))
    parts = [part for piece in pieces for part in piece.candidates[0].content.parts or []]
    content = types.Content(role="model", parts=[part for part in parts if part.function_call])
    require_calls([part.function_call for part in content.parts], 2)
    return answer_results(subject, content, tools(2))


def a_python_function_is_called_by_the_library(subject: Subject) -> str:
    called = []

    def read_clock(city: str) -> str:
        """The local time in a city.

        Args:
            city: The city's name.
        """
        called.append(city)
        return "14:05"

    answer = subject.generate(TOOL_QUESTION, tools=[read_clock])
    require(called, "the function is not called")
    require(answer.text, "the result is not answered")
    return f"called {len(called)} times"


def a_forced_tool_is_the_one_that_is_called(subject: Subject) -> str:
    wanted = MATERIAL["tools"][1]["name"]
    calling = types.FunctionCallingConfig(mode="ANY", allowed_function_names=[wanted])
    answer = subject.generate(TOOL_QUESTION, tools=tools(2),
                              tool_config=types.ToolConfig(function_calling_config=calling))
    names = [call.name for call in answer.function_calls or []]
    require(names == [wanted], f"{names} are called, expected {wanted!r} alone")
    return wanted


def an_answer_follows_its_schema(subject: Subject) -> str:
    answer = subject.generate(MATERIAL["schema_question"], response_schema=Person,
                              response_mime_type="application/json")
    require(isinstance(answer.parsed, Person), f"parsed is {answer.parsed!r}")
    return repr(answer.parsed)


def a_picture_is_looked_at(subject: Subject) -> str:
    require_vision(subject.target)
    picture = base64.b64decode(MATERIAL["picture"])
    parts = [types.Part.from_bytes(data=picture, mime_type="image/png"),
             MATERIAL["picture_question"]]
    answer = subject.generate(parts)
    require(answer.text, "the answer has no text")
    return f"{answer.usage_metadata.prompt_token_count} tokens read"


def thoughts_go_back_with_the_results_of_tools(subject: Subject) -> str:
    if "reasoning" not in subject.target.types:
        raise NotApplicable("the model does not think aloud")
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    extra = {"thinking_config": thinking, "max_output_tokens": 2000}
    first = subject.generate(TOOL_QUESTION, tools=tools(2), **extra)
    require_calls(first.function_calls, 2)
    return answer_results(subject, first.candidates[0].content, tools(2), **extra)


def texts_become_vectors(subject: Subject) -> str:
    if subject.target.embedding is None:
        raise NotApplicable("the provider has no embeddings")
    texts = MATERIAL["texts"]
    answer = subject.client.models.embed_content(model=subject.target.embedding, contents=texts)
    return require_vectors([one.values for one in answer.embeddings], texts)


def tokens_are_counted(subject: Subject) -> str:
    count = lambda text: subject.client.models.count_tokens(
        model=subject.model, contents=text
    ).total_tokens
    short, long = count(QUESTION), count(QUESTION * 20)
    require(0 < short < long, f"{short} tokens, and {long} for twenty times as much")
    return f"{short} and {long} tokens"


def an_unknown_model_is_refused_with_near_names(subject: Subject) -> str:
    names = [model.name.removeprefix("models/") for model in subject.client.models.list()]
    right = subject.model if "/" in subject.model else names[-1]
    error = refusal(404, lambda: subject.client.models.generate_content(
        model=near_miss(right), contents=QUESTION
    ))
    require(error.status == "NOT_FOUND", f"the status is {error.status!r}")
    require(right in error.message, f"{right!r} is not offered: {error}")
    return right


def a_rate_limit_is_told(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.limited)
    guarded = client(subject.plan.guarded, subject.plan.token)
    error = refusal(429, lambda: guarded.models.generate_content(model=model, contents=QUESTION))
    require(error.status == "RESOURCE_EXHAUSTED", f"the status is {error.status!r}")
    return error.message


def a_missing_token_is_refused(subject: Subject) -> str:
    require_guarded(subject.plan)
    wrong = client(subject.plan.guarded, "wrong")
    error = refusal(401, lambda: wrong.models.generate_content(model="auto", contents=QUESTION))
    require(error.status == "UNAUTHENTICATED", f"the status is {error.status!r}")
    guarded = client(subject.plan.guarded, subject.plan.token)
    require(list(guarded.models.list()), "no models are listed")
    return error.message


CHECKS = [
    models_are_listed,
    a_question_is_answered,
    the_older_version_of_the_paths_is_served,
    an_answer_that_was_cut_short_says_so,
    a_stream_comes_in_pieces,
    a_chat_goes_on,
    a_tool_is_called_and_its_result_answered,
    parallel_tools_are_called_apart,
    a_python_function_is_called_by_the_library,
    a_forced_tool_is_the_one_that_is_called,
    an_answer_follows_its_schema,
    a_picture_is_looked_at,
    thoughts_go_back_with_the_results_of_tools,
    texts_become_vectors,
    tokens_are_counted,
    an_unknown_model_is_refused_with_near_names,
    a_rate_limit_is_told,
    a_missing_token_is_refused,
]


def require_end(answer, expected: str) -> None:
    reason = answer.candidates[0].finish_reason
    require(reason == expected, f"the answer ends with {reason!r}, expected {expected}")


def require_usage(usage) -> None:
    least = min(usage.prompt_token_count, usage.candidates_token_count)
    require(least > 0, f"the usage is {usage}")


def require_calls(calls, count: int) -> None:
    calls = calls or []
    require(len(calls) == count, f"{len(calls)} calls, expected {count}")
    for call in calls:
        require_arguments(call.name, call.args)


def answer_results(subject: Subject, content, tools, **config) -> str:
    """Sends every call's result, and returns the called tools and the length of the text."""
    calls = [part.function_call for part in content.parts if part.function_call]
    results = [
        types.Part(function_response=types.FunctionResponse(
            id=call.id, name=call.name, response={"output": MATERIAL["results"][call.name]}
        ))
        for call in calls
    ]
    question = types.Content(role="user", parts=[types.Part(text=TOOL_QUESTION)])
    answers = types.Content(role="user", parts=results)
    second = subject.generate([question, content, answers], tools=tools, **config)
    require(second.text, "the results are not answered")
    return f"{', '.join(call.name for call in calls)}: {len(second.text)} letters"


def refusal(code: int, call) -> errors.APIError:
    """Returns the error with this code, with which the call must end."""
    try:
        answer = call()
    except errors.APIError as error:
        require(error.code == code, f"the code is {error.code}, expected {code}: {error}")
        return error
    raise AssertionError(f"answered instead of {code}: {answer!r}")


if __name__ == "__main__":
    sys.exit(run(f"google-genai {google.genai.__version__}", Subject, CHECKS))
