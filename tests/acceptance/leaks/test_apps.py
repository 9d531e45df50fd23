"""Nothing leaks to apps: in answers of the HTTP API, in what webhooks and Celery apps are told, in what is said of both."""

import pytest

from smsrelay_worker.api.problem_code import ProblemCode
from tests.acceptance.leaks import apps_file
from tests.acceptance.leaks.conftest import Seen
from tests.acceptance.leaks.needles import nothing
from tests.acceptance.leaks.over_http import UNANSWERED
from tests.acceptance.leaks.places import only
from tests.acceptance.leaks.play import HOSTILE_ROLES


def test_the_api_was_made_to_answer_with_every_problem(seen: Seen) -> None:
    assert seen.codes == set(ProblemCode) - UNANSWERED


def test_no_answer_of_the_api_holds_a_needle(seen: Seen) -> None:
    answers = only(seen.apps, "API answer")
    assert seen.cast.message_ids["over HTTP"] in answers["API answer, timeline"]
    nothing(seen.findings(answers))


def test_commands_about_keys_and_sinks_hold_no_needle(seen: Seen) -> None:
    said = only(seen.apps, "smsrelay ")
    assert "failing" in said["smsrelay webhook list --json"]
    nothing(seen.findings(said))


def test_nothing_that_apps_are_told_holds_a_needle(seen: Seen) -> None:
    told = only(seen.apps, "told ")
    assert "message.submitted" in told["told the Celery app"]
    assert "webhook-signature" in told["told webhooks: headers"].lower()
    nothing(seen.findings(told, *HOSTILE_ROLES))


@pytest.mark.parametrize("words", ["outcomes delivered", "outcome not delivered", "sink tested", "sink paused"])
def test_the_workers_logs_tell_of_deliveries(seen: Seen, words: str) -> None:
    logs = only(seen.ended, "file worker.log", "file verbose.log")
    assert any(words in text for text in logs.values())


@pytest.mark.parametrize("app", apps_file.ENDS)
def test_a_sink_is_named_wherever_it_is_shown(seen: Seen, app: str) -> None:
    for place in ("smsrelay webhook list --json", "smsrelay metrics"):
        assert f"{app}." in seen.apps[place]


def test_the_apis_log_tells_of_refusals(seen: Seen) -> None:
    log = seen.ended["file api.log"]
    for words in ("api.refused", "api.failed", ProblemCode.WRONG_KEY, ProblemCode.INVALID):
        assert words in log


@pytest.mark.parametrize(
    "started", ["smsrelay_worker api", "smsrelay_worker receiver", "smsrelay_worker metrics", "smsrelay_simulator"]
)
def test_the_process_list_shows_what_is_started(seen: Seen, started: str) -> None:
    listed = only(seen.running, "process list #")
    assert all(f"{started} " in text for text in listed.values())
