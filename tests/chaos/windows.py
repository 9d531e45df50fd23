"""The durations used in a run: the packaged policy with seconds in place of minutes and hours, and the workers' timeouts.

Returns the text of a policy file. Raises ``ValueError`` when the packaged file no longer contains an expected line.
"""

import re

from smsrelay_worker.policy.toml_file import packaged_source

REPORT_DEADLINE = 45  # seconds
UNCERTAIN_OTP = 5
CONNECT_TIMEOUT, READ_TIMEOUT = 2, 3  # to the vendor
STALL = 5  # seconds from an attempt's begin to its submit, at most
STOP_BOUND = CONNECT_TIMEOUT + READ_TIMEOUT + 78  # seconds a worker process may take to stop before its parent kills it
LEASE = CONNECT_TIMEOUT + READ_TIMEOUT + 30  # of an attempt, as docs/guarantees.md has it
_CHANGES = (
    (r"deadline_s = 259200", f"deadline_s = {REPORT_DEADLINE}"),
    (r"soon +=.*", "soon = { base_s = 0.5, factor = 2, cap_s = 2, jitter = 0.2 }"),
    (r"later +=.*", "later = { base_s = 1, factor = 2, cap_s = 4, jitter = 0.2 }"),
    (r"network +=.*", "network = { base_s = 0.5, factor = 2, cap_s = 2, jitter = 0.5 }"),
    (r"throttled +=(?=.*base_s).*", "throttled = { base_s = 0.5, factor = 2, cap_s = 2, jitter = 0.5 }"),
    (r"halted +=(?=.*base_s).*", "halted = { base_s = 1, factor = 2, cap_s = 4, jitter = 0.2 }"),
    (r"otp( +)= \{ window_s = \d+", f"otp = {{ window_s = {UNCERTAIN_OTP}"),
)


def short_policy() -> str:
    """The packaged policy with short windows."""
    text = packaged_source()
    for pattern, line in _CHANGES:
        text, count = re.subn(rf"^{pattern}", line, text, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"the packaged policy has {count} lines like {pattern}")
    return text
