import base64
import json
import secrets
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from smsrelay_worker.outcomes.signature import signed_headers

_ids = st.from_regex(r"\Amsg_[0-9a-f-]{36}_[0-9]{1,6}\Z")


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


def _verifier(key: bytes) -> Webhook:
    return Webhook(f"whsec_{base64.b64encode(key).decode()}")


@given(st.binary(min_size=24, max_size=64), _ids, st.dictionaries(st.text(), st.text()))
def test_the_public_library_verifies_every_signature(key: bytes, event_id: str, content: dict[str, str]) -> None:
    body = json.dumps(content, ensure_ascii=False).encode()
    headers = dict(signed_headers([key], event_id, _now(), body))
    assert _verifier(key).verify(body, headers) == content


def test_while_a_secret_is_changed_either_one_verifies() -> None:
    new, old, other = (secrets.token_bytes(24) for _ in range(3))
    headers = dict(signed_headers([new, old], "msg_1_2", _now(), b"{}"))
    assert len(headers["webhook-signature"].split()) == 2
    assert _verifier(new).verify(b"{}", headers) == {}
    assert _verifier(old).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        _verifier(other).verify(b"{}", headers)


@pytest.mark.parametrize("changed", [{"webhook-id": "msg_1_3"}, {"webhook-timestamp": "9"}, {"webhook-timestamp": "soon"}])
def test_a_changed_id_or_timestamp_does_not_verify(changed: dict[str, str]) -> None:
    key = secrets.token_bytes(24)
    headers = dict(signed_headers([key], "msg_1_2", _now(), b"{}"))
    with pytest.raises(WebhookVerificationError):
        _verifier(key).verify(b"{}", headers | changed)


def test_the_signature_of_the_specifications_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
