"""How a process that is restarted when it ends says whether a restart can help."""

import errno

import click
import pytest

from smsrelay.cli.errors import process_errors
from smsrelay.contract.rejection import Rejection
from smsrelay.settings import SettingsError
from smsrelay.store.connection import StoreUnavailable

WRONG, PASSES = 78, 3


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("SMSRELAY_RATE: wrong"), WRONG),
        (Rejection.of("row", "is wrong"), WRONG),
        (FileNotFoundError(errno.ENOENT, "No such file", "policy.toml"), WRONG),
        (PermissionError(errno.EACCES, "Permission denied", "policy.toml"), WRONG),
        (StoreUnavailable("the store did not answer"), PASSES),
        (OSError(errno.EMFILE, "Too many open files"), PASSES),
        (OSError(errno.EIO, "Input/output error", "policy.toml"), PASSES),
    ],
)
def test_what_somebody_must_correct_and_what_passes_have_codes_of_their_own(error: Exception, code: int) -> None:
    with pytest.raises(click.ClickException) as ended, process_errors():
        raise error
    assert ended.value.exit_code == code
