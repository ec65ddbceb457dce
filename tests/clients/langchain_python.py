#!/usr/bin/env python3
"""Drives a running gateway with LangChain's ChatOpenAI and OpenAIEmbeddings.

    python3 -m pip install 'langchain-openai>=1.7'
    aibal-tui demo --headless &
    python3 tests/clients/langchain_python.py http://127.0.0.1:8080

`checking.py` describes the output; `matrix.py` runs all clients against vendors of every protocol.
"""

import importlib.metadata
import sys

try:
    import openai
    import pydantic
    from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings
except ModuleNotFoundError:
    print("The package `langchain-openai` is missing; run "
          "`python3 -m pip install 'langchain-openai>=1.7'`.", file=sys.stderr)
    sys.exit(2)

from checking import (
    MATERIAL, TIMEOUT_SECONDS, NotApplicable, guarded_model, near_miss, require,
    require_arguments, require_guarded, require_vectors, require_vision, run,
)

QUESTION = MATERIAL["question"]
TOOL_QUESTION = HumanMessage(MATERIAL["tool_question"])
TOOLS = [{"type": "function", "function": tool} for tool in MATERIAL["tools"]]


class Person(pydantic.BaseModel):
    """A person."""

    name: str
    age: int
    languages: list[str]


class Subject:
    """The client, set up for one target."""

    def __init__(self, plan, target):
        self.plan, self.target = plan, target

    def chat(self, **extra) -> ChatOpenAI:
        return chat(self.plan.gateway, self.target.model, self.plan.token, **extra)


def chat(gateway: str, model: str, token: str, **extra) -> ChatOpenAI:
    # Without retries, so that the gateway's first response is the one that is checked.
    return ChatOpenAI(
        base_url=gateway + "/v1", model=model, api_key=token, max_retries=0,
        timeout=TIMEOUT_SECONDS, **extra,
    )


def a_chat_is_answered(subject: Subject) -> str:
    answer = subject.chat().invoke(QUESTION)
    require(answer.content, "the answer has no content")
    reason = answer.response_metadata["finish_reason"]
    require(reason == "stop", f"finish_reason is {reason!r}")
    require_usage(answer.usage_metadata)
    return answer.response_metadata["model_name"]


def a_stream_without_usage_is_told_in_pieces(subject: Subject) -> str:
    # With another base URL the client does not ask for the usage.
    pieces = list(subject.chat().stream(QUESTION))
    whole = merged(pieces)
    require(len(pieces) > 1 and whole.content, f"{len(pieces)} pieces with {whole.content!r}")
    require(whole.usage_metadata is None, "there is usage although it was not requested")
    return f"{len(pieces)} pieces"


def a_stream_with_usage_ends_with_it(subject: Subject) -> str:
    whole = merged(subject.chat(stream_usage=True).stream(QUESTION))
    require(whole.content, "the stream has no content")
    require_usage(whole.usage_metadata)
    return f"{whole.usage_metadata['total_tokens']} tokens"


def a_tool_is_called_and_its_result_answered(subject: Subject) -> str:
    return answered(subject.chat().bind_tools(TOOLS[:1]), 1)


def parallel_tools_are_called_apart(subject: Subject) -> str:
    return answered(subject.chat().bind_tools(TOOLS), 2)


def streamed_tool_calls_come_apart_by_their_index(subject: Subject) -> str:
    whole = merged(subject.chat().bind_tools(TOOLS).stream([TOOL_QUESTION]))
    require(not whole.invalid_tool_calls, f"calls are broken: {whole.invalid_tool_calls}")
    require_calls(whole.tool_calls, 2)
    return ", ".join(call["name"] for call in whole.tool_calls)


def an_answer_follows_its_schema(subject: Subject) -> str:
    model = subject.chat().with_structured_output(Person, method="json_schema")
    person = model.invoke(MATERIAL["schema_question"])
    require(isinstance(person, Person), f"the answer is {person!r}")
    return repr(person)


def an_answer_by_a_forced_tool_follows_its_schema(subject: Subject) -> str:
    model = subject.chat().with_structured_output(Person, method="function_calling")
    person = model.invoke(MATERIAL["schema_question"])
    require(isinstance(person, Person), f"the answer is {person!r}")
    return repr(person)


def a_picture_is_looked_at(subject: Subject) -> str:
    require_vision(subject.target)
    answer = subject.chat().invoke([HumanMessage([
        {"type": "text", "text": MATERIAL["picture_question"]},
        {"type": "image", "base64": MATERIAL["picture"], "mime_type": "image/png"},
    ])])
    require(answer.content, "the answer has no content")
    return f"{answer.usage_metadata['input_tokens']} tokens read"


def embeddings_are_vectors(subject: Subject) -> str:
    if subject.target.embedding is None:
        raise NotApplicable("no model of it makes vectors")
    model = OpenAIEmbeddings(
        base_url=subject.plan.gateway + "/v1", model=subject.target.embedding,
        api_key=subject.plan.token, max_retries=0,
        # Otherwise the client sends OpenAI's own token numbers instead of texts.
        check_embedding_ctx_length=False,
    )
    return require_vectors(model.embed_documents(MATERIAL["texts"]), MATERIAL["texts"])


def a_response_is_answered(subject: Subject) -> str:
    answer = subject.chat(use_responses_api=True).invoke(QUESTION)
    require(answer.text, "the response has no text")
    require_usage(answer.usage_metadata)
    return f"{answer.usage_metadata['total_tokens']} tokens"


def a_response_streams(subject: Subject) -> str:
    whole = merged(subject.chat(use_responses_api=True).stream(QUESTION))
    require(whole.text, "the response has no text")
    require_usage(whole.usage_metadata)
    return f"{whole.usage_metadata['total_tokens']} tokens"


def a_response_calls_tools_and_takes_their_results(subject: Subject) -> str:
    return answered(subject.chat(use_responses_api=True).bind_tools(TOOLS), 2)


def an_unknown_model_is_refused_with_near_names(subject: Subject) -> str:
    right = subject.target.model
    if "/" not in right:
        raise NotApplicable("the client lists no models, so `auto` has no name that is near")
    wrong = near_miss(right)
    error = refusal(openai.NotFoundError, subject.plan.gateway, wrong, subject.plan.token)
    require(right in error.message, f"{right!r} is not offered: {error.message}")
    return f"{wrong} -> {right}"


def a_wrong_parameter_is_refused(subject: Subject) -> str:
    error = refusal(openai.BadRequestError, subject.plan.gateway, subject.target.model,
                    subject.plan.token, extra_body={"stream": "perhaps"})
    return error.message


def a_provider_that_refuses_the_gateways_key_is_the_servers_fault(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.wrong_key)
    error = refusal(openai.InternalServerError, subject.plan.guarded, model, subject.plan.token)
    require(error.code == "upstream_auth", f"the code is {error.code!r}")
    return error.message


def a_rate_limit_says_when_to_return(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.limited)
    error = refusal(openai.RateLimitError, subject.plan.guarded, model, subject.plan.token)
    seconds = error.response.headers.get("retry-after", "")
    require(seconds.isdigit() and int(seconds) > 0, f"retry-after is {seconds!r}")
    return f"retry-after {seconds}"


def a_missing_token_is_refused(subject: Subject) -> str:
    require_guarded(subject.plan)
    return refusal(openai.AuthenticationError, subject.plan.guarded, "auto", "wrong").message


CHECKS = [
    a_chat_is_answered,
    a_stream_without_usage_is_told_in_pieces,
    a_stream_with_usage_ends_with_it,
    a_tool_is_called_and_its_result_answered,
    parallel_tools_are_called_apart,
    streamed_tool_calls_come_apart_by_their_index,
    an_answer_follows_its_schema,
    an_answer_by_a_forced_tool_follows_its_schema,
    a_picture_is_looked_at,
    embeddings_are_vectors,
    a_response_is_answered,
    a_response_streams,
    a_response_calls_tools_and_takes_their_results,
    an_unknown_model_is_refused_with_near_names,
    a_wrong_parameter_is_refused,
    a_provider_that_refuses_the_gateways_key_is_the_servers_fault,
    a_rate_limit_says_when_to_return,
    a_missing_token_is_refused,
]


def merged(pieces) -> AIMessageChunk:
    """All pieces of a stream in one message."""
    whole = None
    for piece in pieces:
        whole = piece if whole is None else whole + piece
    require(whole is not None, "the stream is empty")
    return whole


def answered(model, count: int) -> str:
    """Sends a request, returns the result of each of `count` calls, and returns the called tools."""
    first = model.invoke([TOOL_QUESTION])
    require_calls(first.tool_calls, count)
    results = [
        ToolMessage(MATERIAL["results"][call["name"]], tool_call_id=call["id"])
        for call in first.tool_calls
    ]
    second = model.invoke([TOOL_QUESTION, first, *results])
    require(second.text, "the results are not answered")
    require(not second.tool_calls, "tools are called again")
    return ", ".join(call["name"] for call in first.tool_calls)


def require_calls(calls, count: int) -> None:
    require(len(calls) == count, f"{len(calls)} calls, expected {count}")
    require(len({call["id"] for call in calls}) == count, "the calls share an id")
    for call in calls:
        require_arguments(call["name"], call["args"])


def require_usage(usage) -> None:
    require(usage is not None, "the answer has no usage")
    require(min(usage["input_tokens"], usage["output_tokens"]) > 0, f"the usage is {usage}")
    total = usage["input_tokens"] + usage["output_tokens"]
    require(total == usage["total_tokens"], f"the usage does not add up: {usage}")


def refusal(kind, gateway: str, model: str, token: str, **extra) -> openai.APIStatusError:
    """Returns the error of this kind, with which a chat must end."""
    try:
        answer = chat(gateway, model, token, **extra).invoke(QUESTION)
    except kind as error:
        return error
    raise AssertionError(f"answered instead of {kind.__name__}: {answer!r}")


if __name__ == "__main__":
    sys.exit(run(f"langchain-openai {importlib.metadata.version('langchain-openai')}", Subject, CHECKS))
