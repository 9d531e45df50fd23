"""What is asked of a Redis before a worker starts, held against what scripts do there."""

import re

from smsrelay.store import keys
from smsrelay_worker.operations.doctor.servers import redis_rights
from tests.support.pages import ROOT
from tests.support.store_keys import KEYS


def test_every_command_of_a_script_is_asked_for() -> None:
    scripts = [path.read_text("utf-8") for folder in ("producers", "worker") for path in (ROOT / folder).rglob("*.lua")]
    called = {name.upper() for script in scripts for name in re.findall(r"redis\.p?call\(\s*'(\w+)'", script)}
    assert len(called) > 30
    assert called - {command[0] for command in redis_rights.store_commands(KEYS)} == set()


def test_every_key_is_asked_for() -> None:
    asked = {word for command in redis_rights.store_commands(KEYS) for word in command[1:]}
    assert {KEYS.agenda, KEYS.undecodable, KEYS.message("doctor"), "{sms}:outbox:otp"} <= asked
    spelled = {re.sub(r":[A-Z]+$", ":", name) for name in re.findall(r"\{sms\}:[\w:]+", keys.__doc__ or "")}
    assert {name for name in spelled if not any(word.startswith(name) for word in asked)} == set()
