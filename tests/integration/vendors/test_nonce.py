"""Nonces on both sides of a fork, in a process that has no other thread."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

_FORKING = """
import json, os
from smsrelay_worker.vendors.yisha.nonce import Nonces

nonces, (asked, answers) = Nonces(), os.pipe()
before = nonces()
if os.fork() == 0:
    os.write(answers, json.dumps([nonces() for _ in range(3)]).encode())
    os._exit(0)
os.wait()
print(json.dumps({"before": before, "child": json.loads(os.read(asked, 4096)), "parent": [nonces() for _ in range(3)]}))
"""


def test_parent_and_child_of_a_fork_share_no_nonce() -> None:
    ended = subprocess.run([sys.executable, "-c", _FORKING], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    made = json.loads(ended.stdout)
    before, of_child, of_parent = made["before"], made["child"], made["parent"]
    assert len({before, *of_child, *of_parent}) == 7
    assert {one[:24] for one in of_parent} == {before[:24]}
    assert {one[:24] for one in of_child} != {before[:24]}
