"""What servers do wrong: in the values of an answer, in how it is written, and in how it is sent."""

from dataclasses import dataclass, field

from answering import EVENTS, JSON, LINES, Answer
from odd import NUMBERS, STRANGE, damaged, dump, mutated, strange, words

ERRORS = [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504, 529, 599, 204, 206, 301,
          302, 307, 418, 425]


@dataclass
class Sent:
    """What is written to the connection: pieces, each after a pause in seconds."""

    head: bytes
    pieces: list
    # "close" ends as HTTP wants it, "cut" without the end, "reset" with a reset, "hang" never.
    ending: str = "close"
    is_chunked: bool = True
    notes: list = field(default_factory=list)


def healthy(made: Answer, rng) -> Sent:
    """The answer as it should be, in pieces."""
    body = written(made, rng, ["usual"])
    return Sent(head(made.status, made.kind, made.headers, True), cut(body, rng, slow=False))


def written(made: Answer, rng, form: list) -> bytes:
    """The body; `form` names what is odd about how it is written."""
    if made.kind == JSON and "as events" not in form:
        return b"\n".join(encoded(value) for value in made.values)
    if made.kind == LINES and "as events" not in form:
        return b"".join(encoded(value) + b"\n" for value in made.values)
    if "as lines" in form:
        return b"".join(encoded(value) + b"\n" for value in made.values)
    end = b"\r\n" if "crlf" in form else b"\r" if "cr" in form else b"\n"
    colon = b"data:" if "no space" in form else b"data: "
    out = b": comment" + end + end if "comment" in form else b""
    for at, value in enumerate(made.values):
        name = made.names[at] if at < len(made.names) else ""
        if "no names" in form:
            name = ""
        if "wrong names" in form:
            name = rng.choice(["", "message", "error", "ping", "done", "response.completed", "message_stop"])
        if name:
            out += b"event: " + name.encode("utf-8", "surrogatepass") + end
        data = encoded(value)
        if "split data" in form and b"," in data:
            first, rest = data.split(b",", 1)
            data = first + b"," + end + colon + rest
        if "ids" in form:
            out += b"id: 7" + end + b"retry: 1" + end
        out += colon + data + end + (b"" if "one newline" in form else end)
    return out if "no end" in form else out + made.end.encode().replace(b"\n", end)


def encoded(value) -> bytes:
    return dump(value, plain=True).encode("utf-8", "surrogatepass")


def head(status: int, kind: str, more: dict, is_chunked: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} Answer", "connection: close"]
    if kind:
        lines.append(f"content-type: {kind}")
    if is_chunked:
        lines.append("transfer-encoding: chunked")
    lines += [f"{name}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def cut(body: bytes, rng, slow: bool) -> list:
    """The body in pieces, each with a pause before it."""
    size = rng.choice([1 << 30, 1 << 30, 7, 61, 1000])
    if size == 7 and len(body) > 3000 or size == 61 and len(body) > 20_000:
        size = 1000
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    return [(0.02 if slow and at < 40 else 0, piece) for at, piece in enumerate(pieces)]


def odd(made: Answer, rng) -> Sent:
    """The answer with some things wrong, mostly one."""
    notes = []
    kind, status, more = made.kind, made.status, dict(made.headers)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        pick = rng.randrange(20)
        if pick <= 8:
            at = rng.randrange(len(made.values))
            made.values[at] = mutated(made.values[at], rng, rng.choice([1, 1, 2, 4]))
            notes.append(f"value {at} changed")
        elif pick == 9:
            made.values = order(made, rng, notes)
        elif pick == 10:
            kind = rng.choice(["text/plain", "", "application/octet-stream", JSON, EVENTS, LINES, "text/html",
                               "text/event-stream;charset=latin1", "x", "application/json, text/event-stream"])
            notes.append(f"content-type {kind!r}")
        elif pick == 11:
            status = rng.choice(ERRORS)
            made, kind = Answer(JSON, [failure(rng)]), JSON
            more.update(rng.choice([{}, {"retry-after": rng.choice(["1", "0", "-5", "x", "1e9", "Wed, 21 Oct 2099"])},
                                    {"x-should-retry": "false"}, {"location": "/"},
                                    {"x-ratelimit-reset-requests": rng.choice(NUMBERS)}]))
            notes.append(f"status {status}")
        elif pick == 12:
            made.values.insert(rng.randint(0, len(made.values)), failure(rng))
            made.names = []
            notes.append("an error among the values")
    form = ["usual"]
    if rng.random() < 0.25:
        form = rng.sample(["as lines", "as events", "crlf", "cr", "no space", "comment", "no names", "wrong names",
                           "split data", "ids", "one newline", "no end"], rng.randint(1, 2))
        notes.append(" and ".join(form))
    body = written(made, rng, form)
    if rng.random() < 0.08:
        body = damaged(body, rng)
        notes.append("bytes damaged")
    return sending(body, (status, kind, more), notes, rng)


def order(made: Answer, rng, notes: list) -> list:
    """The values in another order, fewer or more of them."""
    values = list(made.values)
    at = rng.randrange(len(values))
    what = rng.choice(["one left out", "one twice", "two exchanged", "all twice", "none", "one often"])
    if what == "one left out":
        del values[at]
    elif what in ("one twice", "one often"):
        values[at:at] = [values[at]] * (1 if what == "one twice" else 400)
    elif what == "two exchanged":
        other = rng.randrange(len(values))
        values[at], values[other] = values[other], values[at]
    else:
        values = values * 2 if what == "all twice" else []
    made.names = made.names if len(values) == len(made.values) else []
    notes.append(what)
    return values or [{}]


def failure(rng):
    """An error as some server writes it."""
    text = rng.choice([words(rng, 4), "prompt is too long: 9 tokens > 8 maximum", "Rate limit reached. Please try "
                       "again in 1.2s", "maximum context length is 8 tokens", "<html>502</html>", ""])
    error = {"message": text, "type": rng.choice(["server_error", "invalid_request_error", "overloaded_error", "x"]),
             "code": rng.choice([None, "rate_limit_exceeded", 500, "429", "context_length_exceeded"])}
    return rng.choice([{"error": error}, {"error": text}, [{"error": error}], {"type": "error", "error": error},
                       {"detail": text}, {"message": text}, {"detail": [{"msg": text, "loc": ["body", 0]}]}, text,
                       {"error": {"code": 503, "message": text, "status": "UNAVAILABLE", "details": [
                           {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]}},
                       {"error": {"message": {"a": text}}}, {"error": [error]}, {"errors": [error]}, None, [],
                       {"error": {"error": {"error": text}}}, {"error": strange(rng)}])


def sending(body: bytes, start: tuple, notes: list, rng) -> Sent:
    status, kind, more = start
    pick = rng.randrange(30)
    sent = Sent(b"", cut(body, rng, slow=pick == 0), notes=notes)
    if pick == 0:
        notes.append("slowly")
    elif pick <= 3:
        at = rng.randint(0, len(body))
        sent.pieces = cut(body[:at], rng, slow=False)
        sent.ending = rng.choice(["close", "cut", "reset"])
        notes.append(f"{sent.ending} after {at} bytes")
    elif pick == 4 and rng.random() < 0.1:
        sent.pieces = cut(body[:rng.randint(0, len(body))], rng, slow=False)
        sent.ending = "hang"
        notes.append("hangs")
    elif pick == 5:
        sent.is_chunked = False
        more = {**more, "content-length": len(body) + rng.choice([0, 0, 1, -1, 1000])}
        notes.append(f"content-length {more['content-length']} of {len(body)}")
    elif pick == 6:
        sent.is_chunked = False
        notes.append("no length")
    elif pick == 7:
        more = {**more, rng.choice(["content-encoding", "x-request-id", "set-cookie", "content-type"]):
                rng.choice(["gzip", "br", "identity", "x" * 3000, *(one for one in STRANGE if one.isprintable())])}
        notes.append("an odd header")
    sent.head = head(status, kind, more, sent.is_chunked)
    if pick == 8 and rng.random() < 0.3:
        sent.head = rng.choice([b"", b"HTTP/1.1 200\r\n\r\n", b"HTTP/1.1 99 X\r\n\r\n", b"HTTP/9 200 OK\r\n\r\n",
                                b"\x16\x03\x01", b"HTTP/1.1 100 Continue\r\n\r\n" + sent.head,
                                sent.head[:20], b"x" * 9000 + sent.head])
        notes.append("an odd head")
    return sent
