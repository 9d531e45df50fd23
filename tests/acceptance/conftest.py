"""One real relay for all acceptance tests; those that break or halt one start their own."""

from collections.abc import Generator, Iterator

import pytest

from tests.support.relay_process import RelayProcess, running_relay

_TAIL = 60  # lines
_WIDTH = 300


@pytest.fixture(scope="session")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(tmp_path_factory.mktemp("acceptance") / "relay") as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the end of its relay's worker log."""
    report = yield
    if report.failed:
        for name, running in getattr(item, "funcargs", {}).items():
            if isinstance(running, RelayProcess):
                lines = (running.data / "worker.log").read_text("utf-8", "replace").splitlines()
                report.sections.append((f"worker.log of {name}", "\n".join(line[:_WIDTH] for line in lines[-_TAIL:])))
    return report
