import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.transport.redis import Channel
from kombu.transport.virtual import Message

from smsrelay_worker.consumer.queue_item import WRAPPED, readable_item, why_unreadable

QUEUE = "sms.otp"


def envelope(**changed: Any) -> dict[str, Any]:
    info = {"exchange": "", "routing_key": QUEUE}
    properties = {"delivery_tag": "t1", "delivery_info": info, "body_encoding": "base64", "priority": 0}
    whole = {"body": base64.b64encode(b"[[], {}, {}]").decode(), "content-type": "application/json", "content-encoding": "utf-8"}
    return whole | {"headers": {"task": "sms.attempt", "id": "1"}, "properties": properties} | changed


def with_properties(**changed: Any) -> dict[str, Any]:
    return envelope(properties=envelope()["properties"] | changed)


def nested(levels: int) -> Any:
    inner: Any = []
    for level in range(levels):
        inner = [inner] if level % 2 else {"x": inner}
    return inner


def on_the_wire(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


INVALID = {
    "garbage": (b"\xff\x00\x01", "not JSON"),
    "nothing": (b"", "not JSON"),
    "cut JSON": (b'{"body": ', "not JSON"),
    "nested beyond reason": (b"[" * 100_000, "not JSON"),
    "a typed value that is none": (b'{"__type__": "uuid", "__value__": 7}', "not JSON"),
    "null": (None, "not JSON"),
    "a text": ("13800138000", "not an object"),
    "a list": ([1], "not an object"),
    "an empty object": ({}, "headers or properties"),
    "no headers": (envelope(headers=None), "headers or properties"),
    "no properties": (envelope(properties=None), "headers or properties"),
    "no delivery_info": (with_properties(delivery_info=None), "delivery_info"),
    "no delivery_tag": (with_properties(delivery_tag=None), "delivery_tag"),
    "a delivery_tag that is none": (with_properties(delivery_tag=["t"]), "delivery_tag"),
    "a delivery_tag that is true": (with_properties(delivery_tag=True), "delivery_tag"),
    "a priority that is none": (with_properties(priority=1e400), "priority"),
    "a body that is no base64": (envelope(body="abc"), "not what its encoding says"),
    "a body that is no text": (envelope(body={"to": "13800138000"}), "body or its content type"),
    "an encoding nobody knows": (with_properties(body_encoding="rot13"), "unknown encoding"),
    "an encoding in a spelling that kombu does not know": (with_properties(body_encoding="Base64"), "unknown encoding"),
    "an encoding that is none": (with_properties(body_encoding=[]), "unknown encoding"),
    "headers that are nested beyond reason": (envelope(headers={"x": nested(900)}), "nested too deep"),
    "properties that are nested beyond reason": (with_properties(x=nested(70)), "nested too deep"),
    "a content type that is none": (envelope(**{"content-type": [1]}), "content type"),
}


@pytest.mark.parametrize(("item", "reason"), INVALID.values(), ids=INVALID)
def test_an_item_that_kombu_would_fail_on_is_wrapped_whole_and_the_reason_quotes_nothing(item: Any, reason: str) -> None:
    raw = on_the_wire(item)
    wrapped = json.loads(readable_item(raw, QUEUE))
    assert wrapped["headers"] == {WRAPPED: True}
    assert base64.b64decode(wrapped["body"]) == raw
    assert reason in why_unreadable(raw)
    assert "13800138000" not in why_unreadable(raw)


@pytest.mark.parametrize(("item", "_reason"), INVALID.values(), ids=INVALID)
def test_a_wrapped_item_is_a_valid_message_and_is_not_wrapped_twice(item: Any, _reason: str) -> None:
    wrapped = readable_item(on_the_wire(item), QUEUE)
    message = Message(json.loads(wrapped), channel=_Codecs())
    assert message.body == on_the_wire(item)
    assert message.delivery_info == {"exchange": "", "routing_key": QUEUE}
    assert readable_item(wrapped, QUEUE) == wrapped


def test_a_valid_envelope_is_unchanged() -> None:
    item = on_the_wire(envelope())
    assert readable_item(item, QUEUE) is item


def test_an_envelope_that_names_another_queue_is_requeued_to_its_own() -> None:
    lost = with_properties(delivery_info={"exchange": "celery", "routing_key": "celery"})
    assert json.loads(readable_item(on_the_wire(lost), QUEUE)) == envelope()


def test_a_valid_envelope_marked_as_wrapped_is_reported_as_such() -> None:
    assert why_unreadable(on_the_wire(envelope())) == "no envelope: wrapped by somebody else"


class _Codecs(Channel):  # type: ignore[misc]
    """As much of a channel as a message needs, without a connection."""

    no_ack_consumers: None = None

    def __init__(self) -> None:
        pass

    def __del__(self) -> None:
        pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=3),
    max_leaves=8,
)


ENCODINGS = (
    st.sampled_from(["base64", "Base64", "BASE64", "base64 ", "utf-8", "UTF-8", "utf8", "UTF8", "", "binary", "ascii"]) | JSON
)
BODIES = JSON | st.sampled_from([envelope()["body"], "[[], {}, {}]"])


@given(
    headers=st.just(envelope()["headers"]) | JSON,
    changed=st.dictionaries(st.sampled_from(sorted(envelope()["properties"].keys() - {"body_encoding"})), JSON),
    encoding=ENCODINGS,
    body=BODIES,
)
def test_kombu_can_read_the_result_for_any_item(headers: Any, changed: dict[str, Any], encoding: Any, body: Any) -> None:
    item = json.dumps(with_properties(**changed, body_encoding=encoding) | {"headers": headers, "body": body}).encode()
    read = json.loads(readable_item(item, QUEUE))
    message = Message(read, channel=_Codecs())
    assert message.delivery_info["routing_key"] == QUEUE
    str(message.delivery_tag).encode()
