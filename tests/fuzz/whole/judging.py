"""Whether an answer that a client got is one of its protocol.

Each check returns the faults it found, as texts. Where client and server speak the same protocol, the
server's own events pass unchanged, and only what the gateway guarantees is checked.
"""

import json
from dataclasses import dataclass

ENDS = ["response.completed", "response.incomplete", "response.failed", "error"]
# Stands for a value that is too deep to be read here.
DEEP = {"type": "error", "error": "deep", "done": True}
# What the gateway says where it panicked itself.
PANICKED = b"internal error"


@dataclass
class Got:
    """What a client got."""

    status: int
    headers: dict
    body: bytes
    # Whether the body ended as its HTTP framing says.
    is_complete: bool
    why: str = ""

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip()


def parsed(text):
    """The JSON value; one that is too deep for Python may be anything."""
    try:
        return json.loads(text)
    except RecursionError:
        return DEEP


def answer_faults(front: str, is_own: bool, got: Got) -> list:
    """Faults of the form of an answer, whatever was asked. `is_own`: it is the server's own."""
    if got.status == 0:
        return [f"no answer: {got.why}"]
    if not got.is_complete and got.status == 200 and got.kind != "text/event-stream":
        return [f"the body is cut: {got.why}"]
    if got.status == 500 and PANICKED in got.body:
        return ["the gateway panicked"]
    if got.status >= 400:
        return error_faults(front, got)
    if front == "list":
        return [] if got.kind == "text/plain" or is_json(got.body) else ["the list is no JSON"]
    if got.kind == "text/event-stream":
        return stream_faults(front, is_own, got)
    if got.kind == "application/x-ndjson":
        return line_faults(got)
    if not is_json(got.body):
        return [f"{got.status} without JSON: {got.body[:200]!r}"]
    value = parsed(got.body)
    if front == "gemini" and isinstance(value, list):
        are_objects = bool(value) and all(isinstance(item, dict) for item in value)
        return [] if is_own or are_objects else ["an odd list of responses"]
    return [] if isinstance(value, dict) else [f"the answer is no object: {got.body[:80]!r}"]


def is_json(body: bytes) -> bool:
    try:
        parsed(body)
        return True
    except ValueError:
        return False


def error_faults(front: str, got: Got) -> list:
    try:
        value = parsed(got.body)
    except ValueError as error:
        return [f"an error without JSON ({error}): {got.status} {got.body[:200]!r}"]
    if not isinstance(value, dict) or "error" not in value:
        return [f"an error without `error`: {got.body[:200]!r}"]
    error = value["error"]
    words = error if isinstance(error, str) else error.get("message") if isinstance(error, dict) else None
    faults = [] if isinstance(words, str) and words else [f"an error without words: {got.body[:200]!r}"]
    if front in ("messages", "count") and value.get("type") != "error":
        faults.append(f"an error of Messages without its type: {got.body[:200]!r}")
    if front.startswith("gemini") and isinstance(error, dict) and error.get("code") != got.status:
        faults.append(f"an error of Gemini with another code than {got.status}: {got.body[:200]!r}")
    return faults


def events(body: bytes) -> tuple:
    """The pairs of name and data of a stream, and its faults."""
    faults, found = [], []
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    if body and not body.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")):
        faults.append(f"the last event has no end: {text[-120:]!r}")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for block in text.split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
        if data:
            found.append((name, "\n".join(data)))
    return found, faults


def stream_faults(front: str, is_own: bool, got: Got) -> list:
    found, faults = events(got.body)
    if not got.is_complete:
        faults.append(f"the stream is cut: {got.why}")
    values = []
    for _, data in found:
        if data == "[DONE]":
            values.append(data)
            continue
        try:
            values.append(parsed(data))
        except ValueError as error:
            faults.append(f"an event is no JSON ({error}): {data[:200]!r}")
    if not values:
        return [*faults, "a stream without events"]
    last = values[-1]
    # The type or the name of an event says what it is.
    kinds = [last.get("type"), found[-1][0]] if isinstance(last, dict) else []
    is_error = isinstance(last, dict) and "error" in last
    if front in ("chat", "completions") and last != "[DONE]" and not is_error:
        faults.append(f"the stream ends with {found[-1][1][:120]!r}")
    if front in ("chat", "completions") and values.count("[DONE]") > 1:
        faults.append("[DONE] twice")
    if front in ("chat", "completions") and "[DONE]" in values[:-1]:
        faults.append("something after [DONE]")
    if front == "messages" and not any(kind in ("message_stop", "error") for kind in kinds):
        faults.append(f"the stream ends with {found[-1][1][:120]!r}")
    if front == "messages" and not is_own:
        faults += message_faults(values)
    if front == "responses" and not any(kind in ENDS for kind in kinds):
        faults.append(f"the stream ends with {found[-1][1][:120]!r}")
    return faults


def message_faults(values: list) -> list:
    """Faults of the order of events of the Messages API."""
    faults, open_blocks, seen = [], set(), set()
    kinds = [value.get("type") if isinstance(value, dict) else None for value in values]
    if kinds[0] not in ("message_start", "error", "ping"):
        faults.append(f"the stream begins with {kinds[0]}")
    if "message_stop" in kinds[:-1] and kinds[-1] == "message_stop":
        faults.append("something after message_stop")
    for value in values:
        if not isinstance(value, dict):
            faults.append(f"an event is {value!r}"[:120])
            continue
        kind, index = value.get("type"), value.get("index")
        index = index if isinstance(index, (int, str)) else None
        if kind == "content_block_start":
            if index in seen:
                faults.append(f"block {index} starts twice")
            open_blocks.add(index)
            seen.add(index)
        if kind == "content_block_delta" and index not in open_blocks:
            faults.append(f"a delta of block {index}, which is not open")
        if kind == "content_block_stop":
            if index not in open_blocks:
                faults.append(f"block {index} stops, but is not open")
            open_blocks.discard(index)
    if kinds[-1] == "message_stop" and open_blocks:
        faults.append(f"blocks {open_blocks} never stop")
    return faults


def line_faults(got: Got) -> list:
    faults = []
    lines = [line for line in got.body.split(b"\n") if line.strip()]
    if not got.body.endswith(b"\n"):
        faults.append(f"the last line has no end: {got.body[-120:]!r}")
    for line in lines:
        if not is_json(line):
            faults.append(f"a line is no JSON: {line[:200]!r}")
            return faults
    if not lines:
        return ["a stream without lines"]
    last = parsed(lines[-1])
    if not isinstance(last, dict) or not (last.get("done") is True or "error" in last):
        faults.append(f"the stream ends with {lines[-1][:120]!r}")
    return faults


# ---- what a healthy server said --------------------------------------------------------------------


def content(front: str, got: Got) -> tuple:
    """The text and the calls (name, arguments) of a good answer."""
    if got.kind == "text/event-stream":
        values = [parsed(data) for _, data in events(got.body)[0] if data != "[DONE]"]
    elif got.kind == "application/x-ndjson":
        values = [parsed(line) for line in got.body.split(b"\n") if line.strip()]
    else:
        values = parsed(got.body)
        values = values if isinstance(values, list) else [values]
    return READERS[front](values)


def of_chat(values: list) -> tuple:
    text, calls = "", {}
    for value in values:
        for choice in value.get("choices", []):
            part = choice.get("message") or choice.get("delta") or {}
            text += part.get("content") or ""
            for at, call in enumerate(part.get("tool_calls") or []):
                one = calls.setdefault(call.get("index", at), ["", ""])
                one[0] += call.get("function", {}).get("name") or ""
                one[1] += call.get("function", {}).get("arguments") or ""
    return text, [(name, json.loads(given)) for name, given in calls.values()]


def of_completions(values: list) -> tuple:
    return "".join(choice.get("text") or "" for value in values for choice in value.get("choices", [])), []


def of_responses(values: list) -> tuple:
    whole = values[-1].get("response") or values[-1]
    text, calls = "", []
    for item in whole["output"]:
        text += "".join(part.get("text", "") for part in item.get("content") or [] if item["type"] == "message")
        if item["type"] == "function_call":
            calls.append((item["name"], json.loads(item["arguments"])))
    if len(values) > 1:
        said = "".join(value["delta"] for value in values if value["type"] == "response.output_text.delta")
        text = text if said == text else f"{said!r} in deltas, {text!r} at the end"
    return text, calls


def of_messages(values: list) -> tuple:
    if len(values) == 1:
        blocks = values[0]["content"]
        return ("".join(block["text"] for block in blocks if block["type"] == "text"),
                [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"])
    text, calls = "", {}
    for value in values:
        if value["type"] == "content_block_start" and value["content_block"]["type"] == "tool_use":
            calls[value["index"]] = [value["content_block"]["name"], ""]
        delta = value.get("delta") or {}
        text += delta.get("text") or ""
        if "partial_json" in delta:
            calls[value["index"]][1] += delta["partial_json"]
    return text, [(name, json.loads(given or "{}")) for name, given in calls.values()]


def of_gemini(values: list) -> tuple:
    parts = [part for value in values for one in value.get("candidates", [])
             for part in (one.get("content") or {}).get("parts") or []]
    return ("".join(part.get("text", "") for part in parts if not part.get("thought")),
            [(part["functionCall"]["name"], part["functionCall"].get("args") or {})
             for part in parts if "functionCall" in part])


def of_ollama(values: list) -> tuple:
    said = [value.get("message") or {} for value in values]
    return ("".join(one.get("content") or "" for one in said),
            [(call["function"]["name"], call["function"]["arguments"])
             for one in said for call in one.get("tool_calls") or []])


def of_generate(values: list) -> tuple:
    return "".join(value.get("response") or "" for value in values), []


READERS = {"chat": of_chat, "completions": of_completions, "responses": of_responses, "messages": of_messages,
           "gemini": of_gemini, "ollama": of_ollama, "generate": of_generate}
