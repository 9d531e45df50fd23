import pytest

from smsrelay.contract.state import State
from smsrelay_worker.apps.model import App, Apps, CelerySink, WebhookSink
from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.doctor.traffic.sinks import forgotten, sinks
from smsrelay_worker.operations.sinks import Condition, SinkOverview, sink_names, sinks_of

NOW = 1_800_000_000_000
HOUR = 3_600_000
BOTH = App(
    "shop",
    webhook=WebhookSink("https://shop.example", (b"k",), frozenset({State.FAILED})),
    celery=CelerySink("shop.sms", "t", events=frozenset({State.DELIVERED})),
)
APPS = Apps({"shop": BOTH, "none": App("none")})


def overview(condition: Condition, oldest: int | None = None) -> SinkOverview:
    since = None if condition is Condition.OK else NOW - HOUR
    return SinkOverview("shop.webhook", condition, since, 3, oldest, "500", NOW)


def test_an_apps_name_means_all_its_sinks_and_a_sinks_name_one() -> None:
    assert set(sink_names(APPS)) == {"shop.webhook", "shop.celery"}
    assert set(sinks_of(APPS, "shop")) == {"shop.webhook", "shop.celery"}
    assert sinks_of(APPS, "shop.celery") == ["shop.celery"]
    assert sinks_of(APPS, "none") == sinks_of(APPS, "unheard-of") == []


@pytest.mark.parametrize(
    ("condition", "severity", "remedy"),
    [
        (Condition.DISABLED, Severity.ERROR, "smsrelay webhook resume shop"),
        (Condition.PAUSED, Severity.ERROR, "smsrelay webhook resume shop"),
        (Condition.FAILING, Severity.WARNING, "smsrelay webhook test shop"),
    ],
)
def test_the_doctor_names_a_sink_that_takes_nothing(condition: Condition, severity: Severity, remedy: str) -> None:
    [found] = sinks([overview(condition, NOW - HOUR)], NOW)
    assert found.severity is severity
    assert "3 outcomes wait" in found.problem
    assert remedy in found.remedy


def test_the_doctor_names_an_outcome_that_waits_too_long_for_a_sink_that_is_well() -> None:
    assert sinks([overview(Condition.OK, NOW - 60_000)], NOW) == []
    [found] = sinks([overview(Condition.OK, NOW - HOUR)], NOW)
    assert found.severity is Severity.WARNING


def test_the_doctor_names_an_outbox_that_no_file_names() -> None:
    [found] = forgotten(["old.webhook"])
    assert "old.webhook" in found.problem
