"""Vendors of every kind for `agents.py`: each asks for the file in the prompt, then ends with a text.

The first answer to a request with a tool that writes files is a call of that tool, with the argument
names of its schema. The answer to a request with that call's result is `FINAL`. A request without
such a tool, such as one for a title, gets a short text. Like the vendors themselves they refuse a
result without its call, a Gemini call that lost its signature, and a Claude call that lost its
thinking.
"""

import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import answers

FINAL = "The greeting is written."
ASIDE = "A greeting"
TEXT = "hello through the gateway"
FILE = "greeting.txt"
PATH = re.compile(r"(/[^\s\"'`\\<>]+)/" + re.escape(FILE))
SIGNATURE = "c2lnbmVkIGJ5IHRoZSB2ZW5kb3I="
THOUGHT = "The file does not exist yet."


class Refused(Exception):
    """What the vendor answers 400 with."""


class Asked:
    """What a request says, whatever its protocol: its tools, calls and results."""

    def __init__(self, tools: list, calls: list, results: list):
        self.tools, self.calls, self.results = tools, calls, results


def chat(body: dict) -> Asked:
    tools = [function_tool(tool) for tool in body.get("tools") or []]
    calls, results = [], []
    for message in body["messages"]:
        calls += [call["id"] for call in message.get("tool_calls") or []]
        if message["role"] == "tool":
            known(message["tool_call_id"], calls, "messages with role 'tool' must be a response to a "
                                                  "preceding message with 'tool_calls'")
            results.append(text_of(message["content"]))
    return Asked(tools, calls, results)


def responses(body: dict) -> Asked:
    tools = [function_tool(tool) for tool in body.get("tools") or []]
    calls, results = [], []
    items = body["input"] if isinstance(body["input"], list) else []
    for item in items:
        if item.get("type") in ("function_call", "custom_tool_call"):
            calls.append(item["call_id"])
        if item.get("type") in ("function_call_output", "custom_tool_call_output"):
            known(item["call_id"], calls, "No tool call found for function call output with call_id")
            results.append(text_of(item["output"]))
    return Asked(tools, calls, results)


def messages(body: dict) -> Asked:
    tools = [(tool["name"], properties(tool.get("input_schema")), False)
             for tool in body.get("tools") or []]
    # An adaptive model may call tools without a thought.
    thinks = (body.get("thinking") or {}).get("type") == "enabled"
    edits = (body.get("context_management") or {}).get("edits") or []
    if "thinking" not in body and any(edit["type"].startswith("clear_thinking") for edit in edits):
        raise Refused("`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive")
    calls, results = [], []
    for message in body["messages"]:
        blocks = message["content"] if isinstance(message["content"], list) else []
        used = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if used and thinks and blocks[0].get("signature") != SIGNATURE:
            raise Refused(f"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but "
                          f"found `{blocks[0]['type']}`. When `thinking` is enabled, a final `assistant` "
                          "message must start with a thinking block (preceeding the lastmost set of "
                          "`tool_use` and `tool_result` blocks).")
        calls += used
        for block in blocks:
            if block["type"] == "tool_result":
                known(block["tool_use_id"], calls, "unexpected `tool_use_id` in `tool_result`")
                results.append(text_of(block.get("content")))
    return Asked(tools, calls, results)


def generate(body: dict) -> Asked:
    # Google reads both spellings of a name, and google-genai sends this one with underscores.
    schema_keys = ("parameters", "parametersJsonSchema", "parameters_json_schema")
    declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]
    tools = [(one["name"], properties(next((one[key] for key in schema_keys if key in one), None)), False)
             for one in declared]
    calls, results = [], []
    for content in body["contents"]:
        for part in content["parts"]:
            if call := part.get("functionCall"):
                if part.get("thoughtSignature") != SIGNATURE:
                    raise Refused("Function call is missing a thought_signature in functionCall parts")
                calls.append(call["name"])
            if result := part.get("functionResponse"):
                known(result["name"], calls, "function response without its function call")
                results.append(json.dumps(result["response"]))
    return Asked(tools, calls, results)


def ollama(body: dict) -> Asked:
    tools = [function_tool(tool) for tool in body.get("tools") or []]
    calls, results = [], []
    for message in body["messages"]:
        for call in message.get("tool_calls") or []:
            if not isinstance(call["function"]["arguments"], dict):
                raise Refused("json: cannot unmarshal arguments into Go struct field")
            calls.append(call["function"]["name"])
        if message["role"] == "tool":
            if not calls:
                raise Refused("a tool message without a call")
            results.append(text_of(message["content"]))
    return Asked(tools, calls, results)


def function_tool(tool: dict) -> tuple:
    """Name, properties, and whether its input is text instead of an object."""
    if tool["type"] == "custom":
        return tool.get("custom", tool).get("name"), {}, True
    body = tool.get("function", tool)
    return body.get("name", tool["type"]), properties(body.get("parameters")), False


def properties(schema) -> dict:
    return (schema or {}).get("properties") or {}


def known(call: str, calls: list, complaint: str) -> None:
    if call not in calls:
        raise Refused(f"{complaint}: {call!r} is not among {calls}")


def text_of(content) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return content if isinstance(content, str) else json.dumps(content)


def wanted_call(tools: list, folder: str):
    """The call that writes the file: the tool's name, and its arguments or its text."""
    path = f"{folder}/{FILE}"
    patch = f"*** Begin Patch\n*** Add File: {FILE}\n+{TEXT}\n*** End Patch\n"
    shell = f"printf '%s\\n' '{TEXT}' > {path}"
    for name, known_as, is_text in tools:
        if name == "apply_patch":
            return (name, patch) if is_text else (name, {next(iter(known_as), "input"): patch})
        for argument in ("file_path", "filePath", "path"):
            if argument in known_as and "content" in known_as:
                return name, {argument: path, "content": TEXT + "\n"}
    for name, known_as, _ in tools:
        if name in ("exec_command", "shell_command", "shell"):
            argument = "cmd" if "cmd" in known_as else "command"
            is_list = str((known_as.get(argument) or {}).get("type", "")).lower() == "array"
            return name, {argument: ["bash", "-lc", shell] if is_list else shell}
    return None


# The end of a path, how its requests are read, and how its answers are written.
PROTOCOLS = [
    ("/chat/completions", chat, answers.chat),
    ("/responses", responses, answers.responses),
    ("/messages", messages, answers.messages),
    (":generateContent", generate, answers.generate),
    (":streamGenerateContent", generate, answers.generate),
    ("/api/chat", ollama, answers.ollama),
]


class Vendors:
    """The server: `/KIND/…` is the vendor of that kind. `seen` has the exchanges of each folder."""

    def __init__(self):
        self.seen, self.lock = {}, threading.Lock()
        vendors = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(200, "application/json", b'{"data": [], "models": []}')

            def do_POST(self):
                sent = self.rfile.read(int(self.headers.get("content-length", 0)))
                self.reply(*vendors.answer(self.path, sent))

            def reply(self, status, kind, body):
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, target: str, sent: bytes) -> tuple:
        path = target.split("?")[0]
        found = [(read, write) for end, read, write in PROTOCOLS if path.endswith(end)]
        folder = PATH.search(sent.decode(errors="replace"))
        exchange = {"path": target, "request": json.loads(sent or b"{}")}
        with self.lock:
            self.seen.setdefault(folder and folder[1], []).append(exchange)
        try:
            if not found:
                raise Refused(f"there is no {path}")
            read, write = found[0]
            body = exchange["request"]
            asked = read(body)
            what = {"text": ASIDE}
            if asked.results:
                exchange["results"] = asked.results
                what = {"text": FINAL}
            elif folder and (call := wanted_call(asked.tools, folder[1])):
                what = {"name": call[0], "input": call[1], "id": uuid.uuid4().hex[:20],
                        "thought": THOUGHT, "signature": SIGNATURE}
            exchange["answer"] = what
            streams = body.get("stream", "/api/" in path) or ":stream" in path
            return write(body, what, streams)
        except (Refused, KeyError, TypeError, AttributeError) as error:
            exchange["refused"] = f"{type(error).__name__}: {error}"
            complaint = {"message": str(error), "type": "invalid_request_error", "code": 400,
                         "status": "INVALID_ARGUMENT"}
            return 400, "application/json", json.dumps({"type": "error", "error": complaint}).encode()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
