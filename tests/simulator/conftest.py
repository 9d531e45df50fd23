"""Fixtures of the simulator's own tests: one process for all of them, reset before each."""

from collections.abc import Iterator

import pytest
import requests

from tests.support.simulator_client import Simulator
from tests.support.simulator_process import running_simulator
from tests.support.simulator_rig import Client, Receiver, running_receiver


@pytest.fixture(scope="session")
def process() -> Iterator[Simulator]:
    with running_simulator(report_delay=0.02, callback_retries="0.02,0.04,0.06") as simulator:
        yield simulator


@pytest.fixture
def simulator(process: Simulator) -> Simulator:
    process.reset()
    return process


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def client(simulator: Simulator, receiver: Receiver, http: requests.Session) -> Client:
    return Client(http, simulator.url, receiver.url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver
