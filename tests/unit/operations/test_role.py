"""Whose settings the doctor takes those of an environment for."""

import pytest

from smsrelay_worker.operations.doctor.role import Role, likely_role


@pytest.mark.parametrize(
    ("given", "role"),
    [
        (("NUMBER_KEYS", "CALLBACK_KEYS", "APPCODE"), Role.WORKER),
        (("NUMBER_KEYS", "CALLBACK_KEYS"), Role.WORKER),  # the account was forgotten
        (("NUMBER_KEYS", "APP_KEY", "APP_SECRET"), Role.WORKER),  # the callback keys were
        (("SECRET",), Role.WORKER),
        (("CALLBACK_KEYS", "PAYLOAD_KEYS"), Role.RECEIVER),
        (("NUMBER_KEYS", "PAYLOAD_KEYS"), Role.APP),
        (("NUMBER_KEYS", "CONSOLE_AUTH"), Role.CONSOLE),
        (("NUMBER_KEYS", "CONSOLE_USER_HEADER", "FLOWER_AUTH"), Role.CONSOLE),
        (("NUMBER_KEYS", "CALLBACK_KEYS", "CONSOLE_AUTH"), Role.WORKER),
        (("FLOWER_AUTH", "BROKER_URL"), Role.FLOWER),
        (("STORE_URL",), Role.WORKER),
        ((), Role.WORKER),
    ],
)
def test_the_keys_tell(given: tuple[str, ...], role: Role) -> None:
    assert likely_role([f"SMSRELAY_{name}" for name in given]) is role
