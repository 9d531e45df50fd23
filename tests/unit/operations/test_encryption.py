"""What the doctor says about encryption, from names of keys alone."""

import pytest

from smsrelay_worker.operations.doctor.encryption import encryption_is_off, unopened
from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.payload_keys import known_names


@pytest.mark.parametrize(("names", "real", "told"), [((), True, 1), ((), False, 0), (("aaaa",), True, 0)])
def test_encryption_that_is_off_is_a_note_with_the_real_vendor(names: tuple[str, ...], real: bool, told: int) -> None:
    found = encryption_is_off(names, real)
    assert [one.severity for one in found] == [Severity.NOTE] * told


def test_keys_are_known_if_this_environment_or_any_worker_has_them() -> None:
    assert known_names(("aaaa",), ["bbbb,aaaa", "none", "cccc"]) == {"aaaa", "bbbb", "cccc"}
    assert known_names((), ["none"]) == set()


def test_messages_that_nobody_can_open_are_an_error_that_names_the_key() -> None:
    [found] = unopened({"aaaa": 3, "bbbb": 1}, 10)
    assert found.severity is Severity.ERROR
    assert "4 of 10" in found.problem
    assert "aaaa, bbbb" in found.problem
    assert unopened({}, 10) == []
