"""JSON that is not what anyone expects: values, texts and whole bodies with something wrong in them.

Everything is made by a given random generator, so that a seed always makes the same.
"""

import copy
import json

# A value with more members and items than these is odd enough.
MOST_PLACES = 3_000


class Raw(str):
    """JSON text that is written as it is."""


class Members(list):
    """The members of an object, as pairs: a name may stand there twice."""


WORDS = ["tide", "harbor", "pier", "Vell", "swell", "ferry", "buoy", "1.4 m", "≈", "🌊", "naïve", "\n",
         "\"quoted\"", "back\\slash", "日本", "عربي", "</script>", "e\u0301", "data: x", "[DONE]", "{}"]
STRANGE = ["", " ", "\ud83d", "\udc4b", "\ud83d\ud83d", "a\ud83dz", "\u0000", "\ufeff", "\u2028",
           "\u202e", "\r\n", "\r", "data: [DONE]\n\n", "event: error\ndata: {}\n\n", "\x7f", "null",
           "assistant", "system", "user", "tool", "stop", "error", "object", "x" * 300, "ü" * 5000,
           "-1", "1e9", "true", "../../etc", "%00", "%ff", "\U0010ffff", "\ufffe", "{\"a\":", "```json"]
NUMBERS = ["0", "-0", "-1", "1", "0.5", "1e3", "1e400", "-1e400", "2147483648", "4294967296",
           "9007199254740993", "18446744073709551615", "18446744073709551616", "9223372036854775808",
           "-9223372036854775809", "123456789012345678901234567890", "1E-400", "0.1e-2", "3.0"]
NAMES = ["x", "", "type", "role", "content", "text", "id", "index", "name", "model", "stream", "error",
         "usage", "tool_calls", "arguments", "input", "choices", "delta", "message", "parts", "__proto__",
         "toString", "\ud83d", "n", "max_tokens", "tools", "thinking", "reasoning", "refusal", "done"]


def words(rng, most: int = 12) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, most)))


def nested(rng, depth: int) -> Raw:
    """A value that is `depth` levels deep."""
    if rng.random() < 0.5:
        return Raw("[" * depth + "]" * depth)
    return Raw('{"a":' * depth + "1" + "}" * depth)


def strange(rng):
    """Any value, mostly one of another type than the one that belongs there."""
    pick = rng.randrange(14)
    if pick == 0:
        return None
    if pick == 1:
        return rng.random() < 0.5
    if pick <= 3:
        return Raw(rng.choice(NUMBERS))
    if pick <= 6:
        return rng.choice(STRANGE)
    if pick == 7:
        return []
    if pick == 8:
        return {}
    if pick == 9:
        return [rng.choice(STRANGE)]
    if pick == 10:
        return {rng.choice(NAMES): rng.choice(STRANGE)}
    if pick == 11:
        return [{"type": "text", "text": rng.choice(STRANGE)}]
    if pick == 12:
        return Members([("type", "text"), ("type", Raw(rng.choice(NUMBERS))), ("text", "a"), ("text", "b")])
    return nested(rng, rng.choice([3, 60, 130, 600, 20_000]))


def places(value, found: list) -> list:
    """All containers and keys of a value, the value itself left out."""
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, Members):
        children = [(at, pair[1]) for at, pair in enumerate(value)]
    elif isinstance(value, list):
        children = list(enumerate(value))
    else:
        return found
    for key, child in children:
        found.append((value, key))
        places(child, found)
    return found


def child(container, key):
    return container[key][1] if isinstance(container, Members) else container[key]


def put(container, key, value) -> None:
    if isinstance(container, Members):
        container[key] = (container[key][0], value)
    else:
        container[key] = value


def mutated(value, rng, times: int):
    """A copy with `times` changes."""
    root = [copy.deepcopy(value)]
    for _ in range(times):
        found = places(root, [])
        if len(found) > MOST_PLACES:
            break
        # Changes near the top mean more than changes of one of many items.
        container, key = found[min(rng.randrange(len(found)), rng.randrange(len(found)))]
        change(container, key, rng)
        if not root:
            root.append({})
    return root[0]


def change(container, key, rng) -> None:
    value = child(container, key)
    pick = rng.randrange(12)
    if pick <= 3:
        put(container, key, strange(rng))
    elif pick == 4:
        del container[key]
    elif pick == 5:
        put(container, key, [value] * rng.choice([1, 1, 2, 3, 300]))
    elif pick == 6 and isinstance(value, list) and value:
        put(container, key, type(value)(copy.deepcopy(item) for item in value * rng.choice([2, 3, 50])))
    elif pick == 7 and isinstance(value, list):
        rng.shuffle(value)
        if value and not isinstance(value, Members) and rng.random() < 0.5:
            put(container, key, value[0])
    elif pick == 8 and isinstance(value, dict):
        pairs = Members(value.items())
        if pairs:
            name, old = rng.choice(pairs)
            new = old if rng.random() < 0.5 else strange(rng)
            pairs.insert(rng.randint(0, len(pairs)), (name, new))
        put(container, key, pairs)
    elif pick == 9 and isinstance(value, dict):
        value[rng.choice(NAMES)] = strange(rng)
    elif pick == 10 and isinstance(value, dict) and len(value) > 1:
        one, other = rng.sample(list(value), 2)
        value[one], value[other] = value[other], value[one]
    elif isinstance(value, str) and not isinstance(value, Raw):
        put(container, key, text_like(value, rng))
    else:
        put(container, key, strange(rng))


def text_like(text: str, rng) -> str:
    at = rng.randint(0, len(text))
    return rng.choice([text + rng.choice(STRANGE), rng.choice(STRANGE) + text, text[:at], text.upper(),
                       text[:at] + rng.choice(STRANGE) + text[at:], text * rng.choice([2, 100])])


def dump(value, plain: bool = False) -> str:
    """JSON text; with `plain` characters beyond ASCII stay as they are."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Members):
        return "{" + ",".join(f"{dump(str(name))}:{dump(item, plain)}" for name, item in value) + "}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{dump(str(name))}:{dump(item, plain)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(item, plain) for item in value) + "]"
    is_whole = not isinstance(value, str) or not any("\ud800" <= sign <= "\udfff" for sign in value)
    return json.dumps(value, ensure_ascii=not (plain and is_whole))


def damaged(body: bytes, rng) -> bytes:
    """Bytes that are no longer the JSON they were."""
    at = rng.randint(0, len(body))
    return rng.choice([
        body[:at], body[:at] + b"\xff\xfe" + body[at:], body[:at] + bytes([rng.randrange(256)]) + body[at + 1:],
        b"\xef\xbb\xbf" + body, body + b"\x00", body + body, b"", b"null", b"[]", b"\"x\"", b"{", b"\r\n" + body,
        body[:at] + body[at:][::-1], b"<html>no</html>", b"a=b&c=d",
    ])
