"""One profile for generated tests, and how files are shared out among the processes of ``make test``."""

from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # a shared machine's pauses say nothing about the code
settings.load_profile("house")

_TOGETHER = "tests/acceptance/leaks/"  # its files look at one run of a whole relay, which costs a minute


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """By file, with xdist's ``--dist loadfile``: in order, and the files that share a run by one process.

    In order, real processes come first, which take minutes and mostly wait. xdist's own order has files of few tests last: at the
    end one process works for minutes, and the others have nothing left.
    """
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # noqa: PLC0415  nobody asks without xdist

    class ByFile(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _TOGETHER if nodeid.startswith(_TOGETHER) else str(super()._split_scope(nodeid))

    config.option.loadscopereorder = False
    return ByFile(config, log)
