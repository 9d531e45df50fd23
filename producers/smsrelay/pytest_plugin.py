"""The fixture ``smsrelay_outbox`` for pytest, which finds this module by its entry point.

Nothing else of smsrelay is imported until a test asks for the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from smsrelay.testing import SmsOutbox


@pytest.fixture
def smsrelay_outbox() -> "Iterator[SmsOutbox]":
    """Every SMS that the test would have sent; no store or broker is needed (``smsrelay.testing``)."""
    from smsrelay.testing import recorded_sms  # noqa: PLC0415  only for the tests that ask for it

    with recorded_sms() as outbox:
        yield outbox
