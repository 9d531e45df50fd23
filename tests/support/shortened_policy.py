"""The packaged policy with waits of seconds in place of minutes, and one code more that leaves time to act before its retry."""

import re
from pathlib import Path

from smsrelay_worker.policy.toml_file import load_policy, packaged_source

PATIENT_CODE = 291  # not in the guide; its retry waits for PATIENT seconds
PATIENT = 8.0
OTP_WINDOW = 3.0

_HALF_A_SECOND = "base_s = 0.5, factor = 1, cap_s = 0.5, jitter = 0.2"
_ROWS = {
    "soon": _HALF_A_SECOND,
    "later": _HALF_A_SECOND,
    "network": _HALF_A_SECOND,
    "throttled": _HALF_A_SECOND,
    "halted": "base_s = 1, factor = 1, cap_s = 1, jitter = 0",
    "otp": f"window_s = {OTP_WINDOW}, resend = true, retries = 1",
}
_MORE = {
    "backoff": f"patient = {{ base_s = {PATIENT}, factor = 1, cap_s = {PATIENT}, jitter = 0 }}",
    "status": f'{PATIENT_CODE} = {{ outcome = "retry", retries = 2, backoff = "patient", text = "Try later", zh = "请稍后" }}',
}


def write_shortened_policy(path: Path) -> Path:
    """Write the file and prove that the product takes it."""
    source = packaged_source()
    for key, row in _ROWS.items():
        first = row.split()[0]
        source = _replaced(rf"^{key}\s*= \{{ {first} .*$", f"{key} = {{ {row} }}", source)
    for table, row in _MORE.items():
        source = _replaced(rf"^\[{table}\]$", f"[{table}]\n{row}", source)
    path.write_text(source, encoding="utf-8")
    load_policy(path)
    return path


def _replaced(pattern: str, row: str, source: str) -> str:
    source, found = re.subn(pattern, row, source, flags=re.MULTILINE)
    assert found == 1, f"the packaged policy has {found} lines like {pattern}, where this file replaces exactly one"
    return source
