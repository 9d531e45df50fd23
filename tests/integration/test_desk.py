"""Which servers a desk starts, and which URLs its parts get, by what the environment names."""

from pathlib import Path

import pytest

from worker.local import Desk, Ports

EMBEDDED = "redis://127.0.0.1:4711/0"
REDIS, RABBITMQ = "redis://elsewhere:6379/0", "amqp://guest:guest@elsewhere:5672//"


@pytest.mark.parametrize(
    ("broker", "store", "urls", "embedded"),
    [
        (None, None, (EMBEDDED, EMBEDDED), True),
        (None, REDIS, (EMBEDDED, REDIS), True),
        (REDIS, None, (REDIS, REDIS), False),
        (REDIS, "redis://other:6379/1", (REDIS, "redis://other:6379/1"), False),
        (RABBITMQ, None, (RABBITMQ, EMBEDDED), True),
        ("amqps://elsewhere", None, ("amqps://elsewhere", EMBEDDED), True),
        (RABBITMQ, REDIS, (RABBITMQ, REDIS), False),
    ],
)
def test_a_desk_embeds_a_server_where_a_broker_or_a_store_is_missing(
    tmp_path: Path, broker: str | None, store: str | None, urls: tuple[str, str], embedded: bool
) -> None:
    named = {"SMSRELAY_BROKER_URL": broker, "SMSRELAY_STORE_URL": store}
    given = {name: url for name, url in named.items() if url is not None}
    desk = Desk(tmp_path, Ports(broker=4711))
    environment = desk.environment(given)
    assert (environment["SMSRELAY_BROKER_URL"], environment["SMSRELAY_STORE_URL"]) == urls
    assert any(part.name == "broker" for part in desk.parts(given)) is embedded
