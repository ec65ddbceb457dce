"""One exchange: a request, what the server answers to it, and what the client gets."""

import asyncio
import json
import random
from dataclasses import dataclass, field

import answering
import asking
import judging
import odd_answers
from judging import Got
from servers import KINDS, provider

# The longest that a client waits; the program's own limits are shorter.
CLIENT_SECONDS = 20


@dataclass
class Exchange:
    seed: int
    number: int
    what: str
    slot: int
    kind: str
    request: asking.Request
    # Bytes of the request, or of the answer, after which the client leaves.
    leaves: tuple = ()
    asked: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    said: object = None
    got: object = None
    faults: list = field(default_factory=list)

    @staticmethod
    def made(seed: int, number: int, what: str, slot: int) -> "Exchange":
        rng = random.Random(f"{seed}/{number}/{what}")
        kind = rng.choice(list(KINDS))
        name = provider(slot, kind)
        # Anthropic has no embeddings.
        vectors = name if kind != "anthropic" else provider(slot, "openai")
        request = asking.request(rng, f"{name}/m", f"{vectors}/v", what == "requests")
        exchange = Exchange(seed, number, what, slot, kind, request)
        if rng.random() < 0.04:
            exchange.leaves = (rng.choice(["request", "answer"]), rng.random())
        return exchange

    def again(self, request: asking.Request) -> "Exchange":
        """The same exchange with another request."""
        return Exchange(self.seed, self.number, self.what, self.slot, self.kind, request, self.leaves)

    def answer_to(self, kind: str, path: str, body: bytes, asked) -> odd_answers.Sent:
        """What the server sends. The same exchange always gets the same."""
        rng = random.Random(f"{self.seed}/{self.number}/{len(self.asked)}")
        self.asked.append((kind, path, body))
        base = KINDS.get(kind, "")
        made = answering.answer(path.removeprefix(base), asked, rng)
        self.said = getattr(made, "said", None)
        if self.what == "answers" and rng.random() < 0.9:
            sent = odd_answers.odd(made, rng)
        else:
            sent = odd_answers.healthy(made, rng)
        self.sent.append(sent)
        return sent

    @property
    def is_healthy(self) -> bool:
        return not any(sent.notes for sent in self.sent)


async def play(exchange: Exchange, servers, gateway) -> None:
    """Plays an exchange and notes its faults."""
    servers.exchanges[exchange.slot] = exchange
    try:
        exchange.got = await asyncio.wait_for(ask(exchange, gateway.port), CLIENT_SECONDS)
    except asyncio.TimeoutError:
        exchange.got = Got(0, {}, b"", False, f"none within {CLIENT_SECONDS} s")
    except OSError as error:
        exchange.got = Got(0, {}, b"", False, repr(error))
    if exchange.got is not None:
        exchange.faults = faults(exchange)
    if not exchange.is_healthy:
        # Where the client left, the gateway may still read the answer.
        await asyncio.sleep(0.1 if exchange.got is None else 0)
        await reset(exchange, gateway.port)


async def ask(exchange: Exchange, port: int):
    """What a client gets; none if it leaves before."""
    request = exchange.request
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    try:
        headers = {"host": "127.0.0.1", "connection": "close", **request.headers,
                   "content-length": str(len(request.body))}
        path = "".join(sign if " " < sign < "\x7f" else "%20" for sign in request.path)
        head = f"{request.method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        data = head.encode("latin-1", "replace") + b"\r\n" + request.body
        if exchange.leaves and exchange.leaves[0] == "request":
            writer.write(data[:int(len(data) * exchange.leaves[1])])
            await writer.drain()
            return None
        writer.write(data)
        try:
            await writer.drain()
        except ConnectionError:
            pass
        if exchange.leaves:
            await reader.read(1 + int(2000 * exchange.leaves[1]))
            return None
        return await read_answer(reader)
    finally:
        writer.close()


async def read_answer(reader) -> Got:
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    except asyncio.IncompleteReadError as error:
        return Got(0, {}, b"", False, f"ends after {error.partial[:80]!r}")
    status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    body, why = b"", ""
    try:
        if headers.get("transfer-encoding") == "chunked":
            while size := int((await reader.readline()).split(b";")[0] or b"-", 16):
                body += (await reader.readexactly(size + 2))[:-2]
        elif "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        else:
            body = await reader.read()
    except (asyncio.IncompleteReadError, ValueError, ConnectionError) as error:
        body += getattr(error, "partial", b"")
        why = repr(error)[:100]
    return Got(status, headers, body, not why, why)


def faults(exchange: Exchange) -> list:
    request, got = exchange.request, exchange.got
    own = {"messages": "anthropic", "gemini": "gemini"}.get(request.front)
    is_own = not exchange.is_healthy and exchange.kind == own
    found = judging.answer_faults(request.front, is_own, got)
    if not exchange.is_healthy:
        return found
    if got.status >= 500:
        found.append(f"{got.status} with a healthy server: {got.body[:300]!r}")
    elif request.is_valid and got.status != 200:
        found.append(f"a valid request gets {got.status}: {got.body[:300]!r}")
    elif request.is_valid and request.front in judging.READERS and not found:
        found += said_otherwise(exchange)
    return found


def said_otherwise(exchange: Exchange) -> list:
    """Whether the client is told what the healthy server said."""
    said, front = exchange.said, exchange.request.front
    if said is None:
        return ["no server was asked"]
    try:
        text, calls = judging.content(front, exchange.got)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return [f"the answer cannot be read ({error!r}): {exchange.got.body[:300]!r}"]
    found = []
    if text != said.text:
        found.append(f"another text: {text!r} instead of {said.text!r}")
    if front in asking.CHATS and len(calls) != len(said.calls):
        found.append(f"{len(calls)} calls instead of {len(said.calls)}: {calls!r}")
    elif front in asking.CHATS:
        for (name, given), (_, expected) in zip(calls, said.calls):
            if name not in exchange.request.tools:
                found.append(f"a call of a tool that the client does not have: {name!r}")
            if given != expected:
                found.append(f"other arguments: {json.dumps(given)} instead of {json.dumps(expected)}")
    return found


async def reset(exchange: Exchange, port: int) -> None:
    """Ends what the gateway concluded from odd answers, so that the next exchange begins as new."""
    name = provider(exchange.slot, exchange.kind)
    body = b'{"resetBreaker":true}'
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"PATCH /api/providers/{name} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
                     f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.read()
        writer.close()
        if not answer.startswith(b"HTTP/1.1 200"):
            exchange.faults.append(f"the reset of its breaker failed: {answer[-200:]!r}")
    except OSError as error:
        exchange.faults.append(f"the reset of its breaker failed: {error!r}")
