"""A report that was answered with 200 reaches the queue, whatever is killed: real receivers, a real broker, a real disk."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.support.callback_path import Broker, Receiver
from tests.support.waiting import eventually


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.process.kill()


@pytest.fixture
def new_receiver(broker: Broker, tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    with ExitStack() as stack:

        def new(spool: Path = tmp_path / "spool", **options: int) -> Receiver:
            receiver = Receiver(broker.url, spool, tmp_path / "receiver.log", **options)
            stack.callback(receiver.close)
            return receiver

        yield new


@pytest.fixture
def receiver(new_receiver: Callable[..., Receiver]) -> Receiver:
    receiver = new_receiver()
    receiver.start()
    return receiver


def answers(receiver: Receiver, numbers: range) -> list[int]:
    return [receiver.report(number).status_code for number in numbers]


def brought(broker: Broker, count: int) -> list[int]:
    """The queue once ``count`` different reports stand there, each at its first place."""
    eventually(lambda: len(set(broker.reports())) >= count)
    return list(dict.fromkeys(broker.reports()))


def test_reports_during_an_outage_are_answered_200_and_drained_in_order(broker: Broker, receiver: Receiver) -> None:
    assert answers(receiver, range(5)) == [200] * 5
    broker.process.kill()
    assert answers(receiver, range(5, 40)) == [200] * 35
    assert receiver.ready()
    broker.start()
    assert brought(broker, 40) == list(range(40))
    assert answers(receiver, range(40, 45)) == [200] * 5
    assert brought(broker, 45) == list(range(45))


def test_outage_after_outage_loses_nothing(broker: Broker, receiver: Receiver) -> None:
    for outage in range(3):
        broker.process.kill()
        assert answers(receiver, range(outage * 10, outage * 10 + 10)) == [200] * 10
        broker.start()
        assert brought(broker, outage * 10 + 10) == list(range(outage * 10 + 10))


def test_a_broker_that_hangs_costs_the_vendor_less_than_its_patience(broker: Broker, receiver: Receiver) -> None:
    assert answers(receiver, range(1)) == [200]
    broker.process.signal(signal.SIGSTOP)
    assert answers(receiver, range(1, 10)) == [200] * 9  # each call would raise after the vendor's five seconds
    broker.process.signal(signal.SIGCONT)
    assert sorted(brought(broker, 10)) == list(range(10))


def test_a_receiver_killed_in_the_outage_drains_after_its_restart(broker: Broker, receiver: Receiver) -> None:
    broker.process.kill()
    assert answers(receiver, range(10)) == [200] * 10
    receiver.process.kill()
    receiver.start()
    assert receiver.ready()
    assert answers(receiver, range(10, 20)) == [200] * 10
    receiver.process.kill()
    broker.start()
    receiver.start()
    assert brought(broker, 20) == list(range(20))


def test_a_receiver_killed_at_any_moment_loses_nothing_it_answered(broker: Broker, receiver: Receiver) -> None:
    answered: list[int] = []
    for kill in range(6):
        broker.process.kill() if kill % 2 == 0 else broker.start()  # killed while spooling, then while draining
        answered += answered_until_killed(receiver, range(kill * 1000, kill * 1000 + 1000), kill_after=25)
        receiver.start()
    assert set(answered) <= set(brought(broker, len(answered)))


def answered_until_killed(receiver: Receiver, numbers: range, kill_after: int) -> list[int]:
    """The reports answered with 200 by a receiver that is killed in the midst of them."""
    answered: list[int] = []
    killer = threading.Timer(0, receiver.process.kill)
    for number in numbers:
        try:
            status = receiver.report(number).status_code
        except requests.RequestException:
            killer.join()
            return answered
        assert status == 200
        answered.append(number)
        if len(answered) == kill_after:
            killer.start()
    raise AssertionError("the receiver outlived its kill")


def test_a_full_spool_asks_the_vendor_to_call_again_until_the_broker_is_back(
    broker: Broker, new_receiver: Callable[..., Receiver]
) -> None:
    receiver = new_receiver(spool_max=5)
    receiver.start()
    broker.process.kill()
    assert answers(receiver, range(5)) == [200] * 5
    refused = receiver.report(5)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert not receiver.ready()
    broker.start()
    assert brought(broker, 5) == list(range(5))
    eventually(receiver.ready)
    assert receiver.report(5).status_code == 200
    assert brought(broker, 6) == list(range(6))


def test_two_receivers_share_a_folder_and_the_living_drains_for_the_dead(
    broker: Broker, receiver: Receiver, new_receiver: Callable[..., Receiver]
) -> None:
    other = new_receiver()
    other.start()
    broker.process.kill()
    for number in range(0, 40, 2):
        assert answers(receiver, range(number, number + 1)) == [200]
        assert answers(other, range(number + 1, number + 2)) == [200]
    other.process.kill()
    broker.start()
    assert brought(broker, 40) == list(range(40))
    assert answers(receiver, range(40, 45)) == [200] * 5


def test_without_a_disk_reports_go_to_the_broker_and_without_either_the_vendor_calls_again(
    broker: Broker, new_receiver: Callable[..., Receiver], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    receiver = new_receiver(spool=tmp_path / "file" / "spool")
    receiver.start()
    assert receiver.ready()
    assert answers(receiver, range(3)) == [200] * 3
    broker.process.kill()
    assert answers(receiver, range(3, 6)) == [503] * 3
    assert not receiver.ready()
    broker.start()
    eventually(lambda: receiver.report(6).status_code == 200)
    assert set(brought(broker, 4)) >= {0, 1, 2, 6}
    assert "spool.unavailable" in receiver.log.read_text()
