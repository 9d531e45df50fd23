"""``import smsrelay``: the names it gives, and the modules that it must not bring along."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

import smsrelay
from tests.support.pages import text_of

WORKERS = ("celery", "flower", "gevent", "uvicorn", "rich", "click", "structlog", "starlette", "requests", "prometheus_client")
SERVERS = ("redis", "kombu", "amqp")


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a new interpreter that ran ``code``, without those it has before."""
    program = f"import sys, json; before = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in json.loads(printed)}


@pytest.mark.parametrize("name", smsrelay.__all__)
def test_a_public_name_is_what_its_module_defines(name: str) -> None:
    value = getattr(smsrelay, name)
    assert value.__name__ == name
    assert getattr(import_module(value.__module__), name) is value


def test_the_docstring_of_the_package_explains_every_public_name() -> None:
    listed = re.findall(r"^- ((?:``\w+``(?:, )?)+):|^``(\w+)`` is ", smsrelay.__doc__ or "", re.MULTILINE)
    named = re.findall(r"\w+", " ".join(word for row in listed for word in row))
    assert sorted([*named, "Problem", "SettingsError"]) == smsrelay.__all__
    for beside_another in ("Problem", "SettingsError"):
        assert f"``{beside_another}``" in (smsrelay.__doc__ or "")


def test_importing_the_package_imports_nothing_else() -> None:
    imported = loaded_by("import smsrelay")
    assert imported - set(sys.stdlib_module_names) == {"smsrelay"}


def test_a_job_is_made_without_the_clients_of_store_and_broker() -> None:
    imported = loaded_by('from smsrelay import SendJob; SendJob(to="13912345678", template="0000000")')
    assert imported.isdisjoint({*SERVERS, *WORKERS})


def test_enqueuing_imports_nothing_of_what_workers_and_commands_need() -> None:
    connect = 'smsrelay.Enqueuer.connect(smsrelay.ProducerSettings(number_keys="0123456789abcdef")).close()'
    imported = loaded_by(f"import smsrelay; from smsrelay import *; {connect}")
    assert imported.isdisjoint(WORKERS)
    assert {"redis", "kombu"} <= imported


def test_the_version_is_the_distributions_own() -> None:
    assert smsrelay.__version__ == tomllib.loads(text_of("pyproject.toml"))["project"]["version"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sender'"):
        _ = smsrelay.Sender  # type: ignore[attr-defined]


def test_an_interactive_shell_offers_every_public_name() -> None:
    assert set(smsrelay.__all__) <= set(dir(smsrelay))
