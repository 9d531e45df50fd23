"""Bodies that are nearly right: the same JSON with fields changed, and the same text with bytes changed. Repeatable by a seed."""

import json
import random
from collections.abc import Iterator
from typing import Any

SEEDS: tuple[dict[str, Any], ...] = (
    {"to": "13912345678", "template": "0000000", "params": ["394021"], "lane": "otp", "reference": "login-4711"},
    {
        "to": "+447400123456",
        "template": "T_1",
        "params": ["张三", "下午 3 点"],
        "lane": "notice",
        "app": "shop",
        "expires_at": "2030-01-01T00:00:00+08:00",
        "not_before": "2029-12-31T00:00:00Z",
        "tags": {"order": "4711"},
        "v": 1,
    },
    {"to": "13912345678", "template": "0000000", "expires_in": 300, "lane": "marketing"},
)
_DEEP = json.loads("[" * 60 + "]" * 60)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, 1e308, -1e308, 2**63, 2**64, 10**400, "", " ", "0", "\x00", "\ud800", "\uffff", "\u202e"),
    *("a" * 129, "9" * 5000, "13912345678", "+8613912345678", "１３９１２３４５６７８", "0000000", "otp", "OTP", "2030-01-01"),
    *("2030-01-01T00:00:00Z", "9999-99-99T99:99:99Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e5", "NaN"),
    *([], [[]], [None], ["a"] * 21, ["a" * 501], [","], {}, {"a": "b"}, {"a": {"b": []}}, {"": ""}, {"\ud800": "x"}, _DEEP),
    *({str(number): "x" for number in range(200)}, ["1"] * 5000, "%s%n", "'; --", "${x}", "{0}", "\r\nX: y"),
)
_NAMES = ("to", "template", "params", "lane", "reference", "app", "expires_at", "expires_in", "not_before", "tags", "v", "x", "")
_BYTES = (
    *(bytes([byte]) for byte in b'{}[]:,"\\\x00\xff\xed\xa0 e.-+0'),
    *(b"\\u0000", b"\\ud800", b"NaN", b"null", b"//"),
)


def mutated(count: int, seed: int) -> Iterator[bytes]:
    """So many bodies."""
    chance = random.Random(seed)
    texts = [json.dumps(body).encode() for body in SEEDS]
    for number in range(count):
        yield _fields_changed(chance) if number % 2 else _bytes_changed(chance, chance.choice(texts))


def _fields_changed(chance: random.Random) -> bytes:
    body = dict(chance.choice(SEEDS))
    for _ in range(chance.choice((1, 1, 2, 3))):
        name = chance.choice(_NAMES)
        match chance.randrange(4):
            case 0:
                body.pop(name, None)
            case 1 if isinstance(body.get(name), list):
                body[name] = [*body[name], chance.choice(_VALUES)]
            case 2 if isinstance(body.get(name), dict):
                body[name] = {**body[name], chance.choice(_NAMES): chance.choice(_VALUES)}
            case _:
                body[name] = chance.choice(_VALUES)
    return json.dumps(body, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")


def _bytes_changed(chance: random.Random, text: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text = text[:place] + chance.choice(_BYTES) + text[place:]
            case 1:
                text = text[:place] + text[place + chance.randrange(1, 8) :]
            case 2:
                text = text[:place]
            case _:
                text = text[:place] + chance.choice(_BYTES) + text[place + 1 :]
    return text
