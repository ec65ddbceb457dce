"""Cuts a failing exchange down, and shows it."""

import copy

from odd import dump, places
from playing import Exchange, play

# Exchanges that one reduction may take.
MOST_TRIES = 120


async def reduced(exchange: Exchange, kind: str, kind_of, servers, gateway) -> Exchange:
    """The exchange with all members and items left out without which it fails in the same way."""

    async def fails(other: Exchange) -> bool:
        await play(other, servers, gateway)
        return any(kind_of(fault, other) == kind for fault in other.faults)

    best = exchange.again(exchange.request)
    if not gateway.is_alive() or not await fails(best):
        best.faults = [*exchange.faults, "(not again when it is repeated)"]
        best.asked, best.sent, best.got = exchange.asked, exchange.sent, exchange.got
        return best
    tries = 0
    again = best.request.value is not None
    while again and tries < MOST_TRIES and gateway.is_alive():
        again = False
        for at in range(len(places(best.request.value, []))):
            value = copy.deepcopy(best.request.value)
            found = places(value, [])
            if at >= len(found) or tries >= MOST_TRIES:
                break
            container, key = found[at]
            if key == "model":
                continue
            del container[key]
            request = copy.copy(best.request)
            request.value, request.body = value, dump(value).encode("utf-8", "surrogatepass")
            # What is left out may make it invalid.
            request.is_valid = False
            other = best.again(request)
            tries += 1
            if await fails(other):
                best, again = other, True
                break
    return best


def shown(exchange: Exchange) -> str:
    request = exchange.request
    lines = [f"exchange {exchange.number}, slot {exchange.slot}, provider of kind {exchange.kind}"
             + (f", client leaves {exchange.leaves}" if exchange.leaves else ""),
             f"> {request.method} {short(request.path)} {short(request.body)}"]
    for (_, path, body), sent in zip(exchange.asked, exchange.sent):
        lines.append(f"  > {short(path)} {short(body)}")
        lines.append(f"  < {', '.join(sent.notes) or 'healthy'}, then {sent.ending}: {short(sent.head)}")
        lines.append(f"    {short(b''.join(piece for _, piece in sent.pieces), 3000)}")
    if exchange.got:
        lines.append(f"< {exchange.got.status} {exchange.got.headers} {short(exchange.got.body, 3000)}")
    return "\n".join(lines + [f"FAULT: {fault[:600]}" for fault in exchange.faults])


def short(text, most: int = 1500) -> str:
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[:most // 2]} … {len(text)} … {text[-most // 2:]}"
