"""What became of a submit, judged by how it was answered: the classes that records and statistics count.

The class of a gateway error is in ``scripts/gateway_errors.py``; that of any other answer follows from its HTTP status.
"""

ACCEPTED = "accepted"  # the SMS is sent
THROTTLED = "throttled"
HALTED = "halted"  # everything is refused until a person acts: quota, arrears, credentials
REFUSED = "refused"
UNREACHABLE = "unreachable"  # certainly not sent
UNCERTAIN = "uncertain"
RESET = "reset"  # the connection was reset before anything was sent


def outcome_of_status(http: int, error_code: str) -> str:
    """The class of an answer that is no named gateway error, by the table in docs/vendor.md."""
    if http == 429 or error_code.startswith("T"):
        return THROTTLED
    if http == 503:
        return UNREACHABLE
    if http >= 500:
        return UNCERTAIN
    return REFUSED if http >= 400 else ACCEPTED
