"""``smsrelay bulk`` beside a worker that submits: killed in the middle and run again, each row is one SMS."""

import subprocess
from collections import Counter
from pathlib import Path

from tests.support.relay_process import SMSRELAY, TEMPLATE, a_recipient, running_relay
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

ROWS = 1_200
RATE = "1000"


def test_a_campaign_that_was_killed_and_run_again_submits_each_row_once(tmp_path: Path) -> None:
    file = tmp_path / "campaign.csv"
    recipients = {a_recipient() for _ in range(ROWS)}
    file.write_text("to,p1\n" + "".join(f"{to},1\n" for to in recipients))
    command = ["bulk", str(file), "--template", TEMPLATE, "--lane", "marketing"]
    with running_relay(tmp_path / "relay", settings={"SMSRELAY_RATE": RATE}) as relay:
        with subprocess.Popen([str(SMSRELAY), *command], env=relay.environment, stdout=subprocess.DEVNULL) as process:
            while not relay.redis.zcard(KEYS.agenda) and process.poll() is None:
                pass
            process.kill()
        assert relay.redis.xlen(KEYS.events) > 0
        assert relay.cli(*command).returncode == 0
        assert f"{len(recipients):,} accepted before, 0 refused" in relay.cli(*command).stdout
        eventually(lambda: relay.redis.zcard(KEYS.agenda) == 0, "every message is final", 120)
        arrivals = Counter(submit.recipient for submit in relay.simulator.submits())
        assert arrivals == Counter(recipients)
