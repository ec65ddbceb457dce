#!/usr/bin/env python3
"""Drives a running gateway with curl, as scripts do: no library, few headers.

    aibal-tui demo --headless &
    python3 tests/clients/curl_shell.py http://127.0.0.1:8080

`checking.py` describes the output; `matrix.py` runs all clients against vendors of every protocol.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass

from checking import (
    MATERIAL, TIMEOUT_SECONDS, NotApplicable, guarded_model, near_miss, require,
    require_arguments, require_guarded, require_vectors, require_vision, run,
)

QUESTION = [{"role": "user", "content": MATERIAL["question"]}]
TOOL_QUESTION = [{"role": "user", "content": MATERIAL["tool_question"]}]
SCHEMA_QUESTION = [{"role": "user", "content": MATERIAL["schema_question"]}]
TOOLS = [{"type": "function", "function": tool} for tool in MATERIAL["tools"]]
VERSION = ("anthropic-version: 2023-06-01",)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    text: str

    def json(self) -> dict:
        kind = self.headers.get("content-type", "")
        require(kind.startswith("application/json"), f"the content-type is {kind!r}: {self.text[:80]}")
        return json.loads(self.text)

    def events(self) -> list:
        """The data of every event, as text."""
        kind = self.headers.get("content-type", "")
        require(kind.startswith("text/event-stream"), f"the content-type is {kind!r}: {self.text[:80]}")
        require("content-length" not in self.headers, "a stream states its length")
        require("content-encoding" not in self.headers, "a stream is compressed")
        return [line.removeprefix("data: ") for line in self.text.splitlines()
                if line.startswith("data: ")]


class Subject:
    """The requests to one target."""

    def __init__(self, plan, target):
        self.plan, self.target, self.model = plan, target, target.model

    def post(self, path: str, body: dict, *headers: str, gateway: str | None = None,
             token: str | None = None) -> Answer:
        url = (gateway or self.plan.gateway) + path
        headers = (*headers, "authorization: Bearer " + (token or self.plan.token))
        return curl(url, json.dumps(body), *headers)

    def chat(self, messages, **extra) -> Answer:
        return self.post("/v1/chat/completions", {"model": self.model, "messages": messages, **extra})


def curl(url: str, body: str | None = None, *headers: str) -> Answer:
    """One call. A body has the content-type of a form, as with curl when no header is given."""
    command = ["curl", "--silent", "--show-error", "--no-buffer", "--include", "--max-time",
               str(TIMEOUT_SECONDS), "--header", "expect:", url]
    for header in headers:
        command += ["--header", header]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(
        command, input=body, capture_output=True, text=True, timeout=TIMEOUT_SECONDS + 5, check=False
    )
    require(done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr.strip()}")
    head, _, text = done.stdout.partition("\n\n")
    first, *rest = head.splitlines()
    named = (line.partition(":") for line in rest)
    return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, _, value in named}, text)


def models_are_listed_in_either_shape(subject: Subject) -> str:
    plain = curl(subject.plan.gateway + "/v1/models").json()
    require(plain["object"] == "list", f"the list is {list(plain)}")
    other = curl(subject.plan.gateway + "/v1/models", None, *VERSION).json()
    require(other["has_more"] is False and other["first_id"], f"the list is {list(other)}")
    names = [[model["id"] for model in models["data"]] for models in (plain, other)]
    require(names[0] == names[1] and subject.model in names[0], f"the names are {names}")
    return f"{len(names[0])} models"


def a_chat_is_answered_without_a_content_type(subject: Subject) -> str:
    answer = subject.chat(QUESTION)
    body = answer.json()
    require(answer.status == 200, f"the status is {answer.status}: {body}")
    require(body["choices"][0]["message"]["content"], "the answer has no content")
    usage = body["usage"]
    total = usage["prompt_tokens"] + usage["completion_tokens"]
    require(total == usage["total_tokens"] > 0, f"the usage does not add up: {usage}")
    for name in ["x-aibal-decision", "x-aibal-provider", "x-aibal-model", "x-aibal-attempts",
                 "x-request-id"]:
        require(answer.headers.get(name), f"the header {name} is missing")
    return f"{answer.headers['x-aibal-provider']}/{answer.headers['x-aibal-model']}"


def a_stream_ends_in_done(subject: Subject) -> str:
    answer = subject.chat(QUESTION, stream=True)
    *chunks, done = answer.events()
    require(done == "[DONE]", f"the last event is {done[:80]}")
    chunks = [json.loads(chunk) for chunk in chunks]
    text = "".join(choice["delta"].get("content") or ""
                   for chunk in chunks for choice in chunk["choices"])
    require(text, "the stream has no content")
    require(all("usage" not in chunk or chunk["usage"] is None for chunk in chunks), "usage came unasked")
    return f"{len(chunks)} chunks"


def a_stream_with_usage_ends_with_it(subject: Subject) -> str:
    answer = subject.chat(QUESTION, stream=True, stream_options={"include_usage": True})
    *chunks, last, done = answer.events()
    last = json.loads(last)
    require(done == "[DONE]" and last["choices"] == [], f"it ends with {last} and {done}")
    require(last["usage"]["total_tokens"] > 0, f"the usage is {last['usage']}")
    return f"{len(chunks) + 1} chunks, {last['usage']['total_tokens']} tokens"


def paths_are_found_where_people_err(subject: Subject) -> str:
    paths = ["/chat/completions", "/v1/v1/chat/completions", "//v1/chat/completions",
             "/v1/chat/completions/"]
    for path in paths:
        body = {"model": subject.model, "messages": QUESTION, "max_tokens": 3}
        answer = subject.post(path, body)
        require(answer.status == 200, f"{path} answers {answer.status}")
    return ", ".join(paths)


def tools_are_called_and_their_results_answered(subject: Subject) -> str:
    first = subject.chat(TOOL_QUESTION, tools=TOOLS).json()["choices"][0]
    require(first["finish_reason"] == "tool_calls", f"finish_reason is {first['finish_reason']!r}")
    calls = first["message"]["tool_calls"]
    require(len(calls) == 2, f"{len(calls)} calls, expected 2")
    results = []
    for call in calls:
        name = call["function"]["name"]
        require_arguments(name, call["function"]["arguments"])
        results.append({"role": "tool", "tool_call_id": call["id"], "content": MATERIAL["results"][name]})
    second = subject.chat([*TOOL_QUESTION, first["message"], *results], tools=TOOLS).json()
    require(second["choices"][0]["message"]["content"], "the results are not answered")
    return ", ".join(call["function"]["name"] for call in calls)


def streamed_tool_calls_have_their_index(subject: Subject) -> str:
    *chunks, _done = subject.chat(TOOL_QUESTION, tools=TOOLS, stream=True).events()
    texts = {}
    for choice in (choice for chunk in chunks for choice in json.loads(chunk)["choices"]):
        for call in choice["delta"].get("tool_calls") or []:
            name, text = texts.get(call["index"], ("", ""))
            function = call.get("function", {})
            texts[call["index"]] = (name + (function.get("name") or ""),
                                    text + (function.get("arguments") or ""))
    require(sorted(texts) == [0, 1], f"the indexes are {sorted(texts)}")
    for name, arguments in texts.values():
        require_arguments(name, arguments)
    return ", ".join(name for name, _ in texts.values())


def an_answer_follows_its_schema(subject: Subject) -> str:
    schema = {"name": "person", "strict": True, "schema": MATERIAL["schema"]}
    answer = subject.chat(
        SCHEMA_QUESTION, response_format={"type": "json_schema", "json_schema": schema}
    ).json()
    person = json.loads(answer["choices"][0]["message"]["content"])
    require(set(person) == set(MATERIAL["schema"]["required"]), f"the answer is {person}")
    return str(person)


def a_picture_is_looked_at(subject: Subject) -> str:
    require_vision(subject.target)
    picture = {"url": "data:image/png;base64," + MATERIAL["picture"]}
    parts = [{"type": "text", "text": MATERIAL["picture_question"]},
             {"type": "image_url", "image_url": picture}]
    answer = subject.chat([{"role": "user", "content": parts}])
    require(answer.status == 200, f"the status is {answer.status}: {answer.text[:200]}")
    return f"{answer.json()['usage']['prompt_tokens']} tokens read"


def embeddings_are_numbers_unless_base64_is_asked_for(subject: Subject) -> str:
    if subject.target.embedding is None:
        raise NotApplicable("no model of it makes vectors")
    body = {"model": subject.target.embedding, "input": MATERIAL["texts"]}
    numbers = [item["embedding"] for item in subject.post("/v1/embeddings", body).json()["data"]]
    encoded = subject.post("/v1/embeddings", {**body, "encoding_format": "base64"}).json()
    require(isinstance(encoded["data"][0]["embedding"], str), "base64 was asked for and did not come")
    return require_vectors(numbers, MATERIAL["texts"])


def a_message_streams_by_named_events(subject: Subject) -> str:
    body = {"model": subject.model, "max_tokens": 50, "messages": QUESTION, "stream": True}
    answer = subject.post("/v1/messages", body, *VERSION)
    kinds = [json.loads(event)["type"] for event in answer.events()]
    names = [line.removeprefix("event: ") for line in answer.text.splitlines()
             if line.startswith("event: ")]
    require(names == kinds, "the events' names are not their types")
    require((kinds[0], kinds[-1]) == ("message_start", "message_stop"), f"the events are {kinds}")
    return f"{len(kinds)} events"


def a_response_streams_by_named_events(subject: Subject) -> str:
    body = {"model": subject.model, "input": MATERIAL["question"], "stream": True}
    kinds = [json.loads(event)["type"] for event in subject.post("/v1/responses", body).events()]
    require(kinds[0] == "response.created", f"the first event is {kinds[0]}")
    require(kinds[-1] == "response.completed", f"the last event is {kinds[-1]}")
    return f"{len(kinds)} events"


def an_unknown_model_is_refused_in_the_apis_own_shape(subject: Subject) -> str:
    wrong = near_miss(subject.model)
    chat = subject.post("/v1/chat/completions", {"model": wrong, "messages": QUESTION})
    require((chat.status, chat.json()["error"]["code"]) == (404, "model_not_found"), chat.text)
    require(chat.headers.get("x-should-retry") == "false", "x-should-retry is missing")
    message = subject.post(
        "/v1/messages", {"model": wrong, "max_tokens": 5, "messages": QUESTION}, *VERSION)
    require((message.status, message.json()["error"]["type"]) == (404, "not_found_error"), message.text)
    return chat.json()["error"]["message"]


def a_body_that_is_no_json_is_refused(subject: Subject) -> str:
    answer = curl(subject.plan.gateway + "/v1/chat/completions", '{"model": "auto", "messages": [')
    require(answer.status == 400, f"the status is {answer.status}")
    return answer.json()["error"]["message"]


def a_provider_that_refuses_the_gateways_key_is_the_servers_fault(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.wrong_key)
    answer = subject.post("/v1/chat/completions", {"model": model, "messages": QUESTION},
                          gateway=subject.plan.guarded)
    require((answer.status, answer.json()["error"]["code"]) == (502, "upstream_auth"), answer.text)
    return answer.json()["error"]["message"]


def a_rate_limit_says_when_to_return(subject: Subject) -> str:
    model = guarded_model(subject.plan, subject.target.limited)
    answer = subject.post("/v1/chat/completions", {"model": model, "messages": QUESTION},
                          gateway=subject.plan.guarded)
    seconds = answer.headers.get("retry-after", "")
    require(answer.status == 429 and seconds.isdigit(), f"{answer.status}, retry-after {seconds!r}")
    return f"retry-after {seconds}: {answer.json()['error']['message']}"


def a_token_is_taken_from_every_usual_header(subject: Subject) -> str:
    require_guarded(subject.plan)
    url, token = subject.plan.guarded + "/v1/models", subject.plan.token
    headers = ["authorization: Bearer ", "x-api-key: ", "x-goog-api-key: "]
    for header in headers:
        require(curl(url, None, header + token).status == 200, f"{header!r} does not open")
        refused = curl(url, None, header + "wrong")
        require(refused.status == 401, f"{header!r} answers {refused.status} to a wrong token")
    require(curl(url).status == 401, "no token is needed")
    return "".join(headers)


CHECKS = [
    models_are_listed_in_either_shape,
    a_chat_is_answered_without_a_content_type,
    a_stream_ends_in_done,
    a_stream_with_usage_ends_with_it,
    paths_are_found_where_people_err,
    tools_are_called_and_their_results_answered,
    streamed_tool_calls_have_their_index,
    an_answer_follows_its_schema,
    a_picture_is_looked_at,
    embeddings_are_numbers_unless_base64_is_asked_for,
    a_message_streams_by_named_events,
    a_response_streams_by_named_events,
    an_unknown_model_is_refused_in_the_apis_own_shape,
    a_body_that_is_no_json_is_refused,
    a_provider_that_refuses_the_gateways_key_is_the_servers_fault,
    a_rate_limit_says_when_to_return,
    a_token_is_taken_from_every_usual_header,
]


def version() -> str:
    if shutil.which("curl") is None:
        print("curl is missing; install it (Debian: apt-get install curl).", file=sys.stderr)
        sys.exit(2)
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    return " ".join(told.stdout.split()[:2])


if __name__ == "__main__":
    sys.exit(run(version(), Subject, CHECKS))
