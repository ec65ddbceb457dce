"""Answers of vendors in every provider protocol, whole and as streams.

What is said (thoughts, text, calls) is made once in neutral form and then written as each protocol
has it. `odd_answers` changes what is made here.
"""

import json
from dataclasses import dataclass, field

from asking import arguments
from odd import words

JSON, EVENTS, LINES = "application/json", "text/event-stream", "application/x-ndjson"


@dataclass
class Said:
    """What a model says."""

    thought: str = ""
    pieces: list = field(default_factory=list)
    # Pairs of name and arguments.
    calls: list = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass
class Answer:
    """An answer as JSON values. A stream has several, each with the name of its event or none."""

    kind: str
    values: list
    names: list = field(default_factory=list)
    end: str = ""
    status: int = 200
    headers: dict = field(default_factory=dict)


def said_by(rng, tools: list) -> Said:
    """Something to say to a request with these names of tools."""
    said = Said(pieces=[words(rng, 3) + " " for _ in range(rng.choice([1, 2, 3, 8]))])
    if rng.random() < 0.3:
        said.thought = words(rng)
    if tools and rng.random() < 0.5:
        said.calls = [(rng.choice(tools), arguments(rng)) for _ in range(rng.randint(1, 2))]
        if rng.random() < 0.5:
            said.pieces = []
    return said


def tools_of(body) -> list:
    """The names of the tools of a request in any protocol."""
    names = []
    given = body.get("tools") if isinstance(body, dict) else None
    for tool in given if isinstance(given, list) else []:
        if not isinstance(tool, dict):
            continue
        declared = tool.get("functionDeclarations") or [tool.get("function") or tool]
        for one in declared if isinstance(declared, list) else []:
            name = one.get("name") if isinstance(one, dict) else None
            if isinstance(name, str) and tool.get("type") in (None, "function"):
                names.append(name)
    return names


def answer(path: str, body, rng) -> Answer:
    """The answer to a request at this path, which is the path below the base address."""
    body = body if isinstance(body, dict) else {}
    model = body.get("model") if isinstance(body.get("model"), str) else "m"
    path, _, query = path.partition("?")
    streams = body.get("stream") is True
    if path.endswith(("/models", "/api/tags", "/api/version", "/api/show", "/api/ps")) or "/models/" in path and ":" not in path:
        return listed(path)
    if "mbed" in path:
        if body.get("input") in ([], ""):
            return Answer(JSON, [{"error": {"message": "input is empty", "type": "invalid_request_error"}}], status=400)
        return vectors(path, body)
    if path.endswith("count_tokens"):
        return Answer(JSON, [{"input_tokens": 12}])
    if path.endswith(":countTokens"):
        return Answer(JSON, [{"totalTokens": 12}])
    said = said_by(rng, tools_of(body))
    wants_usage = (body.get("stream_options") or {}).get("include_usage") is True if isinstance(
        body.get("stream_options") or {}, dict) else False
    if path.endswith("/chat/completions"):
        return keep(chat(said, model, streams, wants_usage), said)
    if path.endswith("/completions"):
        said.calls, said.thought = [], ""
        said.pieces = said.pieces or ["a "]
        return keep(completions(said, model, streams), said)
    if path.endswith("/responses"):
        return keep(responses(said, model, streams), said)
    if path.endswith("/messages"):
        return keep(messages(said, model, streams), said)
    if "enerateContent" in path:
        return keep(generate(said, "stream" in path), said)
    if path.endswith(("/api/chat", "/api/generate")):
        return keep(ollama(said, model, body.get("stream") is not False, path.endswith("generate")), said)
    return Answer(JSON, [{"error": {"message": f"no {path}", "type": "invalid_request_error"}}], status=404)


def keep(made: Answer, said: Said) -> Answer:
    made.said = said
    return made


def listed(path: str) -> Answer:
    if path.endswith("/api/tags"):
        return Answer(JSON, [{"models": []}])
    if path.endswith("/api/version"):
        return Answer(JSON, [{"version": "0.12.0"}])
    return Answer(JSON, [{"object": "list", "data": [], "models": []}])


def vectors(path: str, body: dict) -> Answer:
    given = body.get("input", body.get("requests", body.get("instances")))
    count = len(given) if isinstance(given, list) else 1
    if path.endswith(":embedContent"):
        return Answer(JSON, [{"embedding": {"values": [0.5, -0.25]}}])
    if "batchEmbed" in path:
        return Answer(JSON, [{"embeddings": [{"values": [0.5, i + 0.25]} for i in range(count)]}])
    if path.endswith("/api/embed"):
        return Answer(JSON, [{"model": "v", "embeddings": [[0.5, i + 0.25] for i in range(count)],
                              "prompt_eval_count": 3}])
    data = [{"object": "embedding", "index": i, "embedding": [0.5, i + 0.25]} for i in range(count)]
    return Answer(JSON, [{"object": "list", "data": data, "model": "v",
                          "usage": {"prompt_tokens": 3, "total_tokens": 3}}])


def halves(text: str) -> list:
    return [text[:len(text) // 2], text[len(text) // 2:]]


# ---- one writer a protocol -------------------------------------------------------------------------


def chat(said: Said, model: str, streams: bool, wants_usage: bool) -> Answer:
    base = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1790000000, "model": model}
    usage = {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48,
             "prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 2}}
    reason = "tool_calls" if said.calls else "stop"
    calls = [{"id": f"call_r{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
             for i, (name, given) in enumerate(said.calls)]
    if not streams:
        message = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.thought:
            message["reasoning_content"] = said.thought
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return Answer(JSON, [{**base, "choices": [choice], "usage": usage}])
    deltas = [{"role": "assistant", "content": ""}]
    if said.thought:
        deltas += [{"reasoning_content": half} for half in halves(said.thought)]
    deltas += [{"content": piece} for piece in said.pieces]
    for i, call in enumerate(calls):
        given = call["function"]["arguments"]
        deltas.append({"tool_calls": [{"index": i, **call, "function": {**call["function"], "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": i, "function": {"arguments": half}}]} for half in halves(given)]
    base["object"] = "chat.completion.chunk"
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}
              for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if wants_usage:
        chunks.append({**base, "choices": [], "usage": usage})
    return Answer(EVENTS, chunks, end="data: [DONE]\n\n")


def completions(said: Said, model: str, streams: bool) -> Answer:
    base = {"id": "cmpl-1", "object": "text_completion", "created": 1790000000, "model": model}
    usage = {"prompt_tokens": 4, "completion_tokens": 8, "total_tokens": 12}
    if not streams:
        choice = {"index": 0, "text": said.text, "logprobs": None, "finish_reason": "stop"}
        return Answer(JSON, [{**base, "choices": [choice], "usage": usage}])
    chunks = [{**base, "choices": [{"index": 0, "text": piece, "finish_reason": None}]} for piece in said.pieces]
    chunks.append({**base, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}], "usage": usage})
    return Answer(EVENTS, chunks, end="data: [DONE]\n\n")


def responses(said: Said, model: str, streams: bool) -> Answer:
    items = []
    if said.thought:
        items.append({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": said.thought}]})
    if said.pieces:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        items.append({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]})
    items += [{"type": "function_call", "id": f"fc_{i}", "status": "completed", "call_id": f"call_r{i}",
               "name": name, "arguments": json.dumps(given)} for i, (name, given) in enumerate(said.calls)]
    usage = {"input_tokens": 40, "output_tokens": 8, "total_tokens": 48,
             "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    base = {"id": "resp_1", "object": "response", "created_at": 1790000000, "model": model, "error": None,
            "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
    done = {**base, "status": "completed", "output": items, "usage": usage}
    if not streams:
        return Answer(JSON, [done])
    events = [{"type": "response.created", "response": {**base, "status": "in_progress", "output": []}},
              {"type": "response.in_progress", "response": {**base, "status": "in_progress", "output": []}}]
    for at, item in enumerate(items):
        events += item_events(item, {"output_index": at, "item_id": item["id"]}, said)
    events.append({"type": "response.completed", "response": done})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return Answer(EVENTS, events, [event["type"] for event in events])


def item_events(item: dict, at: dict, said: Said) -> list:
    added = {"type": "response.output_item.added", "output_index": at["output_index"]}
    done = {**added, "type": "response.output_item.done", "item": item}
    if item["type"] == "message":
        place = {**at, "content_index": 0}
        part = item["content"][0]
        return [{**added, "item": {**item, "status": "in_progress", "content": []}},
                {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
                *({"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
                  for piece in said.pieces),
                {"type": "response.output_text.done", **place, "text": said.text, "logprobs": []},
                {"type": "response.content_part.done", **place, "part": part}, done]
    if item["type"] == "function_call":
        given = item["arguments"]
        return [{**added, "item": {**item, "status": "in_progress", "arguments": ""}},
                *({"type": "response.function_call_arguments.delta", **at, "delta": half} for half in halves(given)),
                {"type": "response.function_call_arguments.done", **at, "arguments": given}, done]
    place = {**at, "summary_index": 0}
    part = item["summary"][0]
    return [{**added, "item": {**item, "summary": []}},
            {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}},
            {"type": "response.reasoning_summary_text.delta", **place, "delta": part["text"]},
            {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]},
            {"type": "response.reasoning_summary_part.done", **place, "part": part}, done]


def messages(said: Said, model: str, streams: bool) -> Answer:
    blocks, deltas = [], []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": "c2ln"})
        deltas.append([{"type": "thinking_delta", "thinking": half} for half in halves(said.thought)]
                      + [{"type": "signature_delta", "signature": "c2ln"}])
    if said.pieces:
        blocks.append({"type": "text", "text": said.text})
        deltas.append([{"type": "text_delta", "text": piece} for piece in said.pieces])
    for i, (name, given) in enumerate(said.calls):
        blocks.append({"type": "tool_use", "id": f"toolu_r{i}", "name": name, "input": given})
        deltas.append([{"type": "input_json_delta", "partial_json": half} for half in halves(json.dumps(given))])
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    usage = {"input_tokens": 40, "output_tokens": 8, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 8}
    reason = "tool_use" if said.calls else "end_turn"
    if not streams:
        return Answer(JSON, [{**base, "content": blocks, "stop_reason": reason, "usage": usage}])
    events = [{"type": "message_start", "message": {
        **base, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}}, {"type": "ping"}]
    empty = {"text": "", "thinking": "", "signature": "", "input": {}}
    for index, (block, parts) in enumerate(zip(blocks, deltas)):
        opened = {name: empty.get(name, value) for name, value in block.items()}
        events.append({"type": "content_block_start", "index": index, "content_block": opened})
        events += [{"type": "content_block_delta", "index": index, "delta": part} for part in parts]
        events.append({"type": "content_block_stop", "index": index})
    events += [{"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": 8}}, {"type": "message_stop"}]
    return Answer(EVENTS, events, [event["type"] for event in events])


def generate(said: Said, streams: bool) -> Answer:
    usage = {"promptTokenCount": 40, "candidatesTokenCount": 8, "totalTokenCount": 48}
    parts = [{"text": said.thought, "thought": True}] if said.thought else []
    parts += [{"text": piece} for piece in said.pieces]
    parts += [{"functionCall": {"name": name, "args": given}, "thoughtSignature": "c2ln"}
              for name, given in said.calls]

    def one(parts: list, **more) -> dict:
        return {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, **more}],
                "usageMetadata": usage, "modelVersion": "m", "responseId": "r1"}

    if not streams:
        return Answer(JSON, [one(parts, finishReason="STOP")])
    return Answer(EVENTS, [*(one([part]) for part in parts[:-1]), one(parts[-1:], finishReason="STOP")])


def ollama(said: Said, model: str, streams: bool, is_prompt: bool) -> Answer:
    base = {"model": model, "created_at": "2026-01-01T00:00:00.123Z"}
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 40, "eval_count": 8, "total_duration": 9,
           "load_duration": 1, "prompt_eval_duration": 3, "eval_duration": 5}
    calls = [{"function": {"name": name, "arguments": given}} for name, given in said.calls]
    place = (lambda text, **more: {"response": text, **more}) if is_prompt else (
        lambda text, **more: {"message": {"role": "assistant", "content": text, **more}})
    if not streams:
        more = {"thinking": said.thought} if said.thought else {}
        if calls:
            more["tool_calls"] = calls
        return Answer(JSON, [{**base, **place(said.text, **more), **end}])
    lines = [place("", thinking=said.thought)] if said.thought else []
    lines += [place(piece) for piece in said.pieces]
    lines += [place("", tool_calls=[call]) for call in calls]
    values = [{**base, **line, "done": False} for line in lines]
    return Answer(LINES, [*values, {**base, **place(""), **end}])
