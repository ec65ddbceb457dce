"""Requests of every client protocol: valid ones, and valid ones with something changed.

A conversation is made once in neutral form and then written as each protocol has it.
"""

import base64
import json
import struct
import zlib
from dataclasses import dataclass, field

from odd import damaged, dump, mutated, words


def picture() -> str:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")).decode()


PNG = picture()
TOOL_NAMES = ["look", "read_file", "mcp__server__find", "Write", "get-weather", "a" * 64]
SCHEMAS = [
    {"type": "object", "properties": {"at": {"type": "string", "description": "where"}}, "required": ["at"]},
    {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}, "on": {"type": "boolean"}}},
    {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string"}},
                                      "kind": {"type": "string", "enum": ["a", "b"]}},
     "additionalProperties": False, "required": ["list", "kind"]},
    {"type": "object", "properties": {}},
]


@dataclass
class Talk:
    """A conversation in neutral form. Turns are ("user", text, has a picture), ("model", text, calls) and
    ("results", pairs of call and text)."""

    system: str = ""
    turns: list = field(default_factory=list)
    tools: list = field(default_factory=list)
    choice: str = ""
    limits: dict = field(default_factory=dict)


def arguments(rng) -> dict:
    return rng.choice([{}, {"at": words(rng, 3)}, {"n": 7, "on": True}, {"list": ["a", words(rng, 2)], "kind": "a"},
                       {"deep": {"er": [1, {"x": None}]}, "f": 0.5}])


def talk(rng) -> Talk:
    said = Talk()
    if rng.random() < 0.6:
        said.system = words(rng)
    if rng.random() < 0.5:
        names = rng.sample(TOOL_NAMES, rng.randint(1, 3))
        said.tools = [(name, words(rng, 4), rng.choice(SCHEMAS)) for name in names]
        said.choice = rng.choice(["", "", "auto", "none", "any", names[0]])
    number = 0
    for _ in range(rng.choice([0, 0, 1, 2, 5])):
        said.turns.append(("user", words(rng), rng.random() < 0.15))
        if said.tools and rng.random() < 0.6:
            calls = []
            for _ in range(rng.randint(1, 2)):
                number += 1
                calls.append((f"call_{number}", rng.choice(said.tools)[0], arguments(rng)))
            said.turns.append(("model", rng.choice(["", words(rng)]), calls))
            said.turns.append(("results", [(call, words(rng)) for call in calls]))
        said.turns.append(("model", words(rng), []))
    said.turns.append(("user", words(rng), rng.random() < 0.15))
    for name, value in [("temperature", 0.5), ("top_p", 0.9), ("stop", ["\n\nHuman:"]), ("max", 64)]:
        if rng.random() < 0.3:
            said.limits[name] = value
    return said


# ---- one writer a protocol -------------------------------------------------------------------------


def chat(said: Talk, rng) -> dict:
    messages = [{"role": rng.choice(["system", "developer"]), "content": said.system}] if said.system else []
    for kind, *turn in said.turns:
        if kind == "user":
            text, seen = turn
            parts = [{"type": "text", "text": text}]
            if seen:
                parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})
            messages.append({"role": "user", "content": parts if seen or rng.random() < 0.3 else text})
        elif kind == "model":
            text, calls = turn
            message = {"role": "assistant", "content": text or None}
            if calls:
                message["tool_calls"] = [
                    {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
                    for id, name, given in calls]
            messages.append(message)
        else:
            messages += [{"role": "tool", "tool_call_id": call[0], "content": text} for call, text in turn[0]]
    body = {"messages": messages}
    if said.tools:
        body["tools"] = [{"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
                         for name, about, schema in said.tools]
    if said.choice:
        named = {"type": "function", "function": {"name": said.choice}}
        body["tool_choice"] = {"auto": "auto", "none": "none", "any": "required"}.get(said.choice, named)
    limits = dict(said.limits)
    if "max" in limits:
        body[rng.choice(["max_tokens", "max_completion_tokens"])] = limits.pop("max")
    return {**body, **limits}


def responses(said: Talk, rng) -> dict:
    items = []
    for kind, *turn in said.turns:
        if kind == "user":
            parts = [{"type": "input_text", "text": turn[0]}]
            if turn[1]:
                parts.append({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"})
            items.append({"role": "user", "content": parts if turn[1] or rng.random() < 0.5 else turn[0]})
        elif kind == "model":
            if turn[0]:
                items.append({"type": "message", "role": "assistant",
                              "content": [{"type": "output_text", "text": turn[0], "annotations": []}]})
            items += [{"type": "function_call", "call_id": id, "name": name, "arguments": json.dumps(given)}
                      for id, name, given in turn[1]]
        else:
            items += [{"type": "function_call_output", "call_id": call[0], "output": text} for call, text in turn[0]]
    is_short = len(items) == 1 and isinstance(items[0]["content"], str)
    body = {"input": items[0]["content"] if is_short else items, "store": False}
    if said.system:
        body["instructions"] = said.system
    if said.tools:
        body["tools"] = [{"type": "function", "name": name, "description": about, "parameters": schema}
                         for name, about, schema in said.tools]
    if said.choice:
        named = {"type": "function", "name": said.choice}
        body["tool_choice"] = {"auto": "auto", "none": "none", "any": "required"}.get(said.choice, named)
    limits = {name: value for name, value in said.limits.items() if name != "stop"}
    if "max" in limits:
        body["max_output_tokens"] = limits.pop("max")
    return {**body, **limits}


def messages(said: Talk, rng) -> dict:
    turns = []
    for kind, *turn in said.turns:
        if kind == "user":
            blocks = [{"type": "text", "text": turn[0]}]
            if turn[1]:
                source = {"type": "base64", "media_type": "image/png", "data": PNG}
                blocks.append({"type": "image", "source": source})
            turns.append({"role": "user", "content": blocks if turn[1] or rng.random() < 0.5 else turn[0]})
        elif kind == "model":
            blocks = [{"type": "text", "text": turn[0]}] if turn[0] else []
            blocks += [{"type": "tool_use", "id": id, "name": name, "input": given} for id, name, given in turn[1]]
            turns.append({"role": "assistant", "content": blocks})
        else:
            turns.append({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": call[0], "content": text} for call, text in turn[0]]})
    limits = dict(said.limits)
    body = {"max_tokens": limits.pop("max", 1024), "messages": turns}
    if "stop" in limits:
        body["stop_sequences"] = limits.pop("stop")
    if said.system:
        body["system"] = said.system if rng.random() < 0.5 else [{"type": "text", "text": said.system}]
    if said.tools:
        body["tools"] = [{"name": name, "description": about, "input_schema": schema}
                         for name, about, schema in said.tools]
    if said.choice:
        named = {"type": "tool", "name": said.choice}
        body["tool_choice"] = {"type": said.choice} if said.choice in ("auto", "none", "any") else named
    if rng.random() < 0.2:
        body["metadata"] = {"user_id": "u" * 150}
    return {**body, **limits}


def contents(said: Talk, rng) -> dict:
    turns = []
    for kind, *turn in said.turns:
        if kind == "user":
            parts = [{"text": turn[0]}]
            if turn[1]:
                parts.append({"inlineData": {"mimeType": "image/png", "data": PNG}})
            turns.append({"role": "user", "parts": parts})
        elif kind == "model":
            parts = [{"text": turn[0]}] if turn[0] else []
            parts += [{"functionCall": {"name": name, "args": given, "id": id}} for id, name, given in turn[1]]
            turns.append({"role": "model", "parts": parts})
        else:
            turns.append({"role": "user", "parts": [
                {"functionResponse": {"name": call[1], "id": call[0], "response": {"result": text}}}
                for call, text in turn[0]]})
    body = {"contents": turns}
    if said.system:
        body["systemInstruction"] = {"parts": [{"text": said.system}]}
    if said.tools:
        body["tools"] = [{"functionDeclarations": [
            {"name": name, "description": about, "parametersJsonSchema": schema}
            for name, about, schema in said.tools]}]
    if said.choice:
        mode = {"auto": "AUTO", "none": "NONE", "any": "ANY"}.get(said.choice)
        config = {"mode": mode} if mode else {"mode": "ANY", "allowedFunctionNames": [said.choice]}
        body["toolConfig"] = {"functionCallingConfig": config}
    names = {"temperature": "temperature", "top_p": "topP", "stop": "stopSequences", "max": "maxOutputTokens"}
    if said.limits:
        body["generationConfig"] = {names[name]: value for name, value in said.limits.items()}
    return body


def ollama(said: Talk, rng) -> dict:
    turns = [{"role": "system", "content": said.system}] if said.system else []
    for kind, *turn in said.turns:
        if kind == "user":
            turns.append({"role": "user", "content": turn[0], **({"images": [PNG]} if turn[1] else {})})
        elif kind == "model":
            calls = [{"function": {"name": name, "arguments": given}} for _, name, given in turn[1]]
            turns.append({"role": "assistant", "content": turn[0], **({"tool_calls": calls} if calls else {})})
        else:
            turns += [{"role": "tool", "tool_name": call[1], "content": text} for call, text in turn[0]]
    body = {"messages": turns}
    if said.tools:
        body["tools"] = [{"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
                         for name, about, schema in said.tools]
    limits = dict(said.limits)
    if "max" in limits:
        limits["num_predict"] = limits.pop("max")
    if limits:
        body["options"] = limits
    return body


# ---- fronts ----------------------------------------------------------------------------------------


@dataclass
class Request:
    """One request of a client, and what is known of it."""

    front: str
    path: str
    headers: dict
    body: bytes
    streams: bool
    is_valid: bool
    tools: list
    value: object = None
    method: str = "POST"


CHATS = {"chat": chat, "responses": responses, "messages": messages, "gemini": contents, "ollama": ollama}
PATHS = {
    "chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages",
    "count": "/v1/messages/count_tokens", "completions": "/v1/completions", "embeddings": "/v1/embeddings",
    "ollama": "/api/chat", "generate": "/api/generate", "embed": "/api/embed", "embed_prompt": "/api/embeddings",
    "show": "/api/show",
}
LISTS = ["/v1/models", "/models", "/api/tags", "/api/ps", "/api/version", "/v1beta/models", "/health",
         "/v1/model/info", "/", "/v1/models/{model}", "/v1beta/models/{model}"]
# How often each front is asked.
SHARES = {"chat": 22, "responses": 20, "messages": 20, "gemini": 14, "ollama": 10, "completions": 4,
          "generate": 4, "count": 3, "embeddings": 3, "gemini_count": 2, "gemini_embed": 2, "embed": 2,
          "embed_prompt": 1, "show": 1, "list": 2}


def request(rng, model: str, vectors: str, mutates: bool) -> Request:
    """A request for `model`, or for `vectors` where it asks for embeddings."""
    front = rng.choices(list(SHARES), list(SHARES.values()))[0]
    streams = rng.random() < 0.5
    headers = {"content-type": "application/json", "authorization": "Bearer client"}
    tools = []
    if front == "list":
        path = rng.choice(LISTS).replace("{model}", model)
        return Request(front, path, headers, b"", False, True, [], method="GET")
    if front in CHATS or front in ("count", "gemini_count"):
        said = talk(rng)
        tools = [name for name, _, _ in said.tools]
        writer = {"count": messages, "gemini_count": contents}.get(front) or CHATS[front]
        value = writer(said, rng)
    else:
        value, streams = simple(front, rng, streams)
    if front == "count":
        value.pop("max_tokens", None)
        streams = False
    path = place(front, value, streams, model, vectors, rng)
    if front in ("chat", "completions") and streams and rng.random() < 0.5:
        value["stream_options"] = {"include_usage": True}
    if front == "messages":
        headers["anthropic-version"] = "2023-06-01"
    is_valid = not (mutates and rng.random() < 0.85)
    if not is_valid:
        value = mutated(value, rng, rng.choice([1, 1, 1, 2, 3, 6]))
        if rng.random() < 0.05:
            path = path.replace(model, rng.choice(["", "none", "%ff", "a/b/c", "x" * 3000, "..", "é"]))
    body = dump(value, rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if not is_valid and rng.random() < 0.08:
        body = damaged(body, rng)
        value = None
    if not is_valid and rng.random() < 0.05:
        headers["content-type"] = rng.choice(["text/plain", "", "application/json; charset=latin1",
                                              "multipart/form-data; boundary=x", "application/xml"])
    return Request(front, path, headers, body, streams, is_valid, tools, value)


def simple(front: str, rng, streams: bool) -> tuple:
    """The body of a front without a conversation, and whether it streams."""
    many = [words(rng) for _ in range(rng.randint(1, 4))]
    text = rng.choice([many, many[0]])
    if front == "completions":
        return {"prompt": many[0], "max_tokens": 32}, streams
    if front == "generate":
        return {"prompt": many[0], "system": words(rng)}, streams
    if front == "embeddings":
        return {"input": text}, False
    if front == "embed":
        return {"input": text}, False
    if front == "embed_prompt":
        return {"prompt": many[0]}, False
    if front == "gemini_embed":
        return {"requests": [{"content": {"parts": [{"text": one}]}} for one in many]}, False
    return {}, False


def place(front: str, value: dict, streams: bool, model: str, vectors: str, rng) -> str:
    """The path of the request; names the model there or in the body."""
    if front == "gemini":
        verb = "streamGenerateContent" if streams else "generateContent"
        form = "?alt=sse" if streams and rng.random() < 0.7 else ""
        return f"/v1beta/models/{model}:{verb}{form}"
    if front == "gemini_count":
        return f"/v1beta/models/{model}:countTokens"
    if front == "gemini_embed":
        for one in value["requests"]:
            one["model"] = f"models/{vectors}"
        return f"/v1beta/models/{vectors}:batchEmbedContents"
    value["model"] = vectors if front.startswith("embed") else model
    if front in ("ollama", "generate"):
        value["stream"] = streams
    elif streams or rng.random() < 0.3:
        value["stream"] = streams
    if front in ("count", "show", "embeddings", "embed", "embed_prompt"):
        value.pop("stream", None)
    return PATHS[front]
