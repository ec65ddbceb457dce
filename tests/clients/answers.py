"""How the vendors of `scripted.py` write an answer: a tool call or a text, as a stream or whole.

Each function takes the request, what is answered (`text`, or `name`, `input`, `id`, `thought` and
`signature`), and whether it is a stream. It returns the status, the content type and the body.
"""

import json
import time

JSON, EVENTS = "application/json", "text/event-stream"


def whole(value: dict) -> tuple:
    return 200, JSON, json.dumps(value).encode()


def events(values: list, named: bool = False, end: str = "") -> tuple:
    head = lambda value: f"event: {value['type']}\n" if named else ""
    return 200, EVENTS, ("".join(f"{head(value)}data: {json.dumps(value)}\n\n" for value in values)
                         + end).encode()


def halves(text: str) -> list:
    return [text[:len(text) // 2], text[len(text) // 2:]]


def chat(body: dict, what: dict, streams: bool) -> tuple:
    usage = {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48}
    base = {"id": "chatcmpl-1", "created": int(time.time()), "model": body["model"]}
    reason = "stop" if "text" in what else "tool_calls"
    if "text" in what:
        message, deltas = {"content": what["text"]}, [{"content": half} for half in halves(what["text"])]
    else:
        is_text = isinstance(what["input"], str)
        field, key, kind = ("custom", "input", "custom") if is_text else ("function", "arguments", "function")
        said = what["input"] if is_text else json.dumps(what["input"])
        one = {"id": "call_" + what["id"], "type": kind, field: {"name": what["name"], key: said}}
        message = {"content": None, "tool_calls": [one]}
        first = {"index": 0, **one, field: {"name": what["name"], key: ""}}
        deltas = [{"tool_calls": [first]}]
        deltas += [{"tool_calls": [{"index": 0, field: {key: half}}]} for half in halves(said)]
    if not streams:
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
        return whole({**base, "object": "chat.completion", "choices": [choice], "usage": usage})
    deltas[0] = {"role": "assistant", "content": None, **deltas[0]}
    base["object"] = "chat.completion.chunk"
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**base, "choices": [], "usage": usage})
    return events(chunks, end="data: [DONE]\n\n")


def responses(body: dict, what: dict, streams: bool) -> tuple:
    if "text" in what:
        part = {"type": "output_text", "text": what["text"], "annotations": []}
        item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    elif isinstance(what["input"], str):
        item = {"type": "custom_tool_call", "id": "ctc_1", "status": "completed",
                "call_id": "call_" + what["id"], "name": what["name"], "input": what["input"]}
    else:
        item = {"type": "function_call", "id": "fc_1", "status": "completed",
                "call_id": "call_" + what["id"], "name": what["name"], "arguments": json.dumps(what["input"])}
    usage = {"input_tokens": 40, "output_tokens": 8, "total_tokens": 48,
             "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    base = {"id": "resp_1", "object": "response", "created_at": int(time.time()), "model": body["model"]}
    done = {**base, "status": "completed", "output": [item], "usage": usage}
    if not streams:
        return whole(done)
    at = {"output_index": 0, "item_id": item["id"]}
    if "text" in what:
        place = {**at, "content_index": 0}
        opened = {**item, "status": "in_progress", "content": []}
        middle = [{"type": "response.content_part.added", **place, "part": {**part, "text": ""}}]
        middle += [{"type": "response.output_text.delta", **place, "delta": half} for half in halves(what["text"])]
        middle += [{"type": "response.output_text.done", **place, "text": what["text"]},
                   {"type": "response.content_part.done", **place, "part": part}]
    else:
        key = "input" if item["type"] == "custom_tool_call" else "arguments"
        name = "custom_tool_call_input" if key == "input" else "function_call_arguments"
        opened = {**item, "status": "in_progress", key: ""}
        middle = [{"type": f"response.{name}.delta", **at, "delta": half} for half in halves(item[key])]
        middle.append({"type": f"response.{name}.done", **at, key: item[key]})
    started = {**base, "status": "in_progress", "output": []}
    stream = [{"type": "response.created", "response": started},
              {"type": "response.output_item.added", "output_index": 0, "item": opened}, *middle,
              {"type": "response.output_item.done", "output_index": 0, "item": item},
              {"type": "response.completed", "response": done}]
    return events([{**event, "sequence_number": number} for number, event in enumerate(stream)], named=True)


def messages(body: dict, what: dict, streams: bool) -> tuple:
    usage = {"input_tokens": 40, "output_tokens": 8}
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
            "stop_sequence": None}
    thinks = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    blocks, deltas, reason = [], [], "end_turn"
    if "text" in what:
        blocks.append({"type": "text", "text": what["text"]})
        deltas.append([{"type": "text_delta", "text": half} for half in halves(what["text"])])
    else:
        reason = "tool_use"
        if thinks:
            blocks.append({"type": "thinking", "thinking": what["thought"], "signature": what["signature"]})
            deltas.append([{"type": "thinking_delta", "thinking": what["thought"]},
                           {"type": "signature_delta", "signature": what["signature"]}])
        blocks.append({"type": "tool_use", "id": "toolu_" + what["id"], "name": what["name"],
                       "input": what["input"]})
        deltas.append([{"type": "input_json_delta", "partial_json": half}
                       for half in halves(json.dumps(what["input"]))])
    if not streams:
        return whole({**base, "content": blocks, "stop_reason": reason, "usage": usage})
    empty = {"text": "", "thinking": "", "signature": "", "input": {}}
    started = {**base, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    stream = [{"type": "message_start", "message": started}]
    for index, (block, parts) in enumerate(zip(blocks, deltas)):
        opened = {key: empty.get(key, value) for key, value in block.items()}
        stream.append({"type": "content_block_start", "index": index, "content_block": opened})
        stream += [{"type": "content_block_delta", "index": index, "delta": part} for part in parts]
        stream.append({"type": "content_block_stop", "index": index})
    stream += [{"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": 8}}, {"type": "message_stop"}]
    return events(stream, named=True)


def generate(body: dict, what: dict, streams: bool) -> tuple:
    usage = {"promptTokenCount": 40, "candidatesTokenCount": 8, "totalTokenCount": 48}
    if "text" in what:
        parts = [{"text": half} for half in halves(what["text"])]
    else:
        parts = [{"functionCall": {"name": what["name"], "args": what["input"]},
                  "thoughtSignature": what["signature"]}]
    answer = lambda parts, **more: {
        "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, **more}],
        "usageMetadata": usage, "modelVersion": "scripted", "responseId": "r1"}
    if not streams:
        return whole(answer(parts, finishReason="STOP"))
    return events([*(answer([part]) for part in parts[:-1]), answer(parts[-1:], finishReason="STOP")])


def ollama(body: dict, what: dict, streams: bool) -> tuple:
    base = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z"}
    if "text" in what:
        said = [{"content": half} for half in halves(what["text"])]
    else:
        said = [{"content": "", "tool_calls": [
            {"function": {"name": what["name"], "arguments": what["input"]}}]}]
    done = {"done": True, "done_reason": "stop", "prompt_eval_count": 40, "eval_count": 8,
            "total_duration": 9, "eval_duration": 9}
    if not streams:
        whole_one = {**said[0], "content": "".join(one["content"] for one in said)}
        return whole({**base, "message": {"role": "assistant", **whole_one}, **done})
    lines = [{**base, "message": {"role": "assistant", **one}, "done": False} for one in said]
    lines.append({**base, "message": {"role": "assistant", "content": ""}, **done})
    return 200, "application/x-ndjson", "".join(json.dumps(line) + "\n" for line in lines).encode()
