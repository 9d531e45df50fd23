"""A reader's session: the commands that docs/api.md prints, in their order. Only the port and the path of the command differ."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.integration.api.conftest import environment
from tests.support.api_process import Api
from tests.support.pages import commands
from tests.support.relay_process import clean_environment

_INSTALLED = ".venv/bin/smsrelay"
_PATIENCE = 60.0  # seconds
_OURS = shlex.join([sys.executable, "-P", "-m", "smsrelay_worker"])


def test_the_commands_of_the_page_do_what_it_says(api: Api, valkey_url: str, tmp_path: Path) -> None:
    page = commands("docs/api.md")
    serve, create, send, find, *keys, revoke = page
    assert serve == f"{_INSTALLED} api"  # which is how ``api`` was started, on another port
    variables = clean_environment() | environment(valkey_url)

    def run(*lines: str) -> str:
        script = "\n".join(("set -euo pipefail", *lines)).replace(_INSTALLED, _OURS).replace("http://127.0.0.1:8080", api.url)
        told = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        assert told.returncode == 0, told.stderr
        return told.stdout

    sent, found = (json.loads(line) for line in run(create, send, "echo", find).splitlines())
    assert sent["id"] == found["id"] == "f511b428-8f06-5014-b549-cbf49c700997"
    assert found["state"] == "queued"
    made = run(*keys)
    ids = dict(re.findall(r"^(\w{8})  \w+ +shop  (\w+)", made, re.MULTILINE)[::1])
    assert set(ids.values()) == {"website", "staging", "ci"}
    assert re.search(r"test  shop  ci  messages:read,messages:send  otp  60/minute  1000/day  ends 2030-01-01", made)
    assert re.search(r"team  shop  staging  .*  1 numbers", made)
    by_name = {name: key_id for key_id, name in ids.items()}
    assert run(revoke.replace("k7f3q2mz", by_name["ci"])) == f"revoked {by_name['ci']} of shop (ci)\n"
    assert "revoked" in run(f"{_INSTALLED} key list")
