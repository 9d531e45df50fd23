"""What an operator reads in Flower about a send: lane, attempt, outcome; and sees: the colour of what became of it."""

import json

from tests.acceptance.leaks.conftest import Seen


def _tasks(seen: Seen, role: str) -> list[dict[str, str]]:
    """What Flower lists about the message of a role, in the order it was received."""
    message_id = seen.cast.message_ids[role]
    tasks = json.loads(seen.ended["Flower /api/tasks"]).values()
    return sorted(
        (task for task in tasks if message_id in str(task["kwargs"]) + str(task["result"])), key=lambda task: task["received"]
    )


def _colour(result: str) -> str:
    """The state of a task by the worst that its result tells: a task may bring the reports of several messages."""
    if any(word in result for word in ("failed", "expired", "unknown")):
        return "FAILURE"
    return "RETRY" if "retrying" in result else "SUCCESS"


def test_a_send_shows_its_lane_before_it_runs_and_attempt_and_outcome_after(seen: Seen) -> None:
    attempt, status = _tasks(seen, "normal")
    assert (attempt["name"], status["name"]) == ("sms.attempt", "sms.status")
    assert attempt["kwargs"] == f"otp {seen.cast.message_ids['normal']}"
    for part in ("otp", "attempt 1", "submitted (0000)"):
        assert part in attempt["result"]
    for part in ("otp", "attempt 1", "code 200", "delivered"):
        assert part in status["result"]
    assert (attempt["state"], status["state"]) == ("SUCCESS", _colour(status["result"]))


def test_a_retry_shows_as_a_second_attempt(seen: Seen) -> None:
    shown = " ".join(task["result"] for task in _tasks(seen, "retried"))
    for part in ("attempt 1: submitted", "code 503, retrying", "attempt 2: submitted", "code 200, delivered"):
        assert part in shown
    reports = [task for task in _tasks(seen, "retried") if "code 503, retrying" in task["result"]]
    assert [task["state"] for task in reports] == [_colour(task["result"]) for task in reports]
    assert "SUCCESS" not in {task["state"] for task in reports}


def test_a_refusal_of_the_vendor_shows_its_code(seen: Seen) -> None:
    [attempt] = _tasks(seen, "refused by the vendor")
    assert "attempt 1: failed (i005)" in attempt["result"]
    assert attempt["state"] == "FAILURE"
    assert not attempt["traceback"]


def test_a_foreign_job_shows_its_result_and_no_argument(seen: Seen) -> None:
    send, _ = _tasks(seen, "foreign args")
    assert (send["name"], send["args"], send["kwargs"]) == ("sms.send", "(not shown)", "(not shown)")
    assert "otp" in send["result"]
    assert "attempt 1: submitted" in send["result"]


def test_a_refused_foreign_job_shows_why(seen: Seen) -> None:
    tasks = json.loads(seen.ended["Flower /api/tasks"]).values()
    refused = [task for task in tasks if str(task["result"]).startswith("'refused: to: not a mobile number")]
    assert {task["state"] for task in refused} == {"FAILURE"}
