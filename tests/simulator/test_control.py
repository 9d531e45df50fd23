"""The control endpoints, through the client that tests use."""

import pytest
import requests

from smsrelay_simulator.records.busiest_second import busiest_second
from tests.support.simulator_rig import RECIPIENT, scripted
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("script", "field"),
    [
        ({}, "submits"),
        (scripted(), "submits"),
        (scripted({"answer": "explode"}), "submits.0.answer"),
        (scripted({}, {"repots": []}), "submits.1.repots"),
        (scripted({"answer": "vendor_code"}), "submits.0"),
        (scripted({"answer": "http"}), "submits.0"),
        (scripted({"answer": "gateway", "code": "B403MQ"}), "submits.0"),
        (scripted({"reports": [{"after": 1}]}), "submits.0.reports.0.code"),
        (scripted({"reports": [{"code": 200, "shape": "round"}]}), "submits.0.reports.0.shape"),
        (scripted({"delay": -1}), "submits.0.delay"),
        (scripted("six"), "submits.0"),
    ],
)
def test_a_wrong_script_is_refused_naming_field_and_reason(simulator, script, field):
    with pytest.raises(requests.HTTPError) as refused:
        simulator.script(RECIPIENT, script)
    problem = refused.value.response.json()
    assert problem["field"] == field
    assert problem["reason"]


def test_a_script_for_something_that_is_no_number_is_refused(simulator):
    with pytest.raises(requests.HTTPError, match="recipient"):
        simulator.script("somebody", scripted("200"))


def test_reset_forgets_everything(client, simulator):
    simulator.default(scripted({"answer": "accept", "reports": [{"code": 200, "after": 3600}]}))
    client.send()
    assert simulator.stats().reports_pending == 1
    simulator.reset()
    stats = simulator.stats()
    assert (stats.submits, stats.callbacks, stats.reports_pending, stats.first_at) == (0, 0, 0, None)
    client.send()
    eventually(simulator.callbacks)


def test_stats_count_outcomes_and_the_busiest_second(client, simulator):
    simulator.script(RECIPIENT, scripted("throttled_429", "200"))
    for _ in range(3):
        client.send()
    eventually(lambda: simulator.stats().callbacks_answered == {"200": 2})
    stats = simulator.stats()
    assert stats.outcomes == {"throttled": 1, "accepted": 2}
    assert 1 <= stats.busiest_second <= 3
    assert stats.first_at is not None
    assert stats.first_at <= stats.last_at


def test_the_busiest_second_is_a_sliding_one():
    assert busiest_second([]) == 0
    assert busiest_second([0.0, 0.9, 1.0, 1.1, 1.85, 5.0]) == 4
    assert busiest_second([0.0, 1.0, 2.0]) == 1


def test_submits_can_be_read_since_a_time(client, simulator):
    client.send()
    first = simulator.submits()[0]
    client.send("+8613912345679")
    second = simulator.submits()[1]
    assert [record.order for record in simulator.submits(since=second.at)] == [1]
    assert [record.order for record in simulator.submits(since=first.at)] == [0, 1]
    assert [record.order for record in simulator.submits(second.recipient)] == [1]


def test_any_body_can_be_posted_as_a_callback(simulator, receiver):
    assert simulator.callback(receiver.url, "not json", "text/plain") == 200
    assert receiver.posts == [("/callback/m1/1/t0ken", b"not json", "text/plain")]
    assert simulator.callback("http://127.0.0.1:1/", "") == 0


def test_latency_comes_before_every_answer(client, simulator):
    simulator.latency(3600)
    with pytest.raises(requests.ReadTimeout):
        client.send(timeout=0.2)
    simulator.latency(0)
    assert client.send().status_code == 200
