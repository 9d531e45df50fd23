"""What a server that keeps us out is said to do: in our own words, for its own may hold the password."""

import logging

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from smsrelay import logs
from smsrelay.servers.access_denied import why_denied

HELLO = "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' 'walrus-4711' "


def test_a_server_without_hello_is_not_quoted() -> None:
    said = why_denied(ResponseError(HELLO))
    assert said is not None
    assert "HELLO" in said
    assert "4711" not in said


@pytest.mark.parametrize(
    "error", [RedisConnectionError("Connection refused"), OutOfMemoryError("OOM"), ResponseError("BUSY"), OSError()]
)
def test_an_outage_keeps_nobody_out(error: Exception) -> None:
    assert why_denied(error) is None


def test_arguments_that_a_server_quotes_reach_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers
    logs.set_up()
    try:
        log = logging.getLogger("celery.worker.consumer")
        log.error("consumer: Cannot connect to %s: %s.", "redis://:**@host/0", ResponseError(HELLO))
        log.critical("Unrecoverable error", exc_info=ResponseError(HELLO))
    finally:
        logging.getLogger().handlers = before
    said = capsys.readouterr().err
    assert said.count("unknown command 'HELLO'") == 2
    assert "4711" not in said
