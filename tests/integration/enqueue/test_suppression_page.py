"""docs/suppression.md: its program prints what the page shows."""

import re
import subprocess
import sys
from pathlib import Path

from smsrelay.store.connection import StoreRedis
from tests.integration.enqueue.test_apps_page import environment
from tests.support.pages import text_of
from tests.support.store_keys import KEYS

[(PROGRAM, SHOWN)] = re.findall(
    r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", text_of("docs/suppression.md"), re.MULTILINE | re.DOTALL
)


def test_the_program_of_the_page_prints_what_it_shows(redis: StoreRedis, valkey_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, env=environment(valkey_url), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, SHOWN, "")
    assert redis.hlen(KEYS.suppressed) == redis.zcard(KEYS.agenda) == 0
