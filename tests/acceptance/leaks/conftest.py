"""One full run for all tests of this folder: everything that could be seen of it, and who was on it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.leaks import busy, deliveries, places, wrong
from tests.acceptance.leaks.limited import limited
from tests.acceptance.leaks.listening import Heard, listening
from tests.acceptance.leaks.needles import Finding, all_needles, find
from tests.acceptance.leaks.over_http import OverHttp
from tests.acceptance.leaks.places import Places
from tests.acceptance.leaks.play import Cast, Play
from tests.acceptance.leaks.stage import KEYS, Stage, staged
from tests.support.waiting import eventually


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that could be seen of a run."""

    cast: Cast
    tokens: dict[str, str]  # the proofs in callback paths
    heard: Heard
    apps: Places  # what the API answered, what apps were told, and what commands say about both
    codes: set[str]  # the problems that the API answered with
    running: Places  # while tasks ran, and while everything was halted
    ended: Places  # when all was done, and the logs of the shutdown

    @property
    def places(self) -> Places:
        """All of it."""
        return {**self.apps, **self.running, **self.ended, **self.heard.places}

    def findings(self, places: Places, *without: str) -> list[Finding]:
        """Where numbers, words, codes, keys and tokens stand, some roles left out."""
        people = [person for role, person in self.cast.people.items() if role not in without]
        return find({**all_needles(people), **KEYS, **self.cast.keys, **self.tokens}, places)

    def of(self, role: str, places: Places) -> list[Finding]:
        """Where number, word and code of one role stand."""
        return find(self.cast.people[role].needles, places)


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder: Path = tmp_path_factory.mktemp("leaks")
    with staged(folder) as stage, listening(stage) as heard:
        play = Play(stage, Cast())
        play.scenes()
        play.waiting()
        play.foreign_jobs()
        play.hostile_names()
        play.callbacks()
        api = OverHttp(play)
        api.scenes(folder)
        limited(api, api.key("key of who is limited"))
        apps = {**api.said, **deliveries.every_end(play)}
        running = busy.while_tasks_run(play)
        with ThreadPoolExecutor(1) as beside:
            settings = beside.submit(wrong.settings, stage)
            running |= {**play.halted(), **wrong.inputs(stage, play.cast), **settings.result()}
        eventually(lambda: heard.of("task-failed"), "a task that fails")
        ended = _at_rest(stage)
        apps |= deliveries.wait_for_all(play)
        tokens = _tokens(stage)
    return Seen(play.cast, tokens, heard, apps, api.codes, running, ended | places.logs(stage))


def _at_rest(stage: Stage) -> Places:
    """What is left when no task is on its way."""
    eventually(lambda: not _under_way(stage), "rest")
    eventually(lambda: '"RECEIVED"' not in places.flower_tasks(stage), "Flower has heard of every end")
    return {**places.store(stage.redis), **places.flower(stage), **places.inspected(stage)}


def _under_way(stage: Stage) -> bool:
    """Whether a task is queued or in somebody's hands; a worker's answer that Flower no longer waited for is none."""
    noted = stage.redis.hvals("unacked")
    tasks = [one for one in noted if "celery.pidbox" not in one]
    return bool(tasks or stage.redis.exists("sms.otp", "sms.notice", "sms.marketing", "sms.status", "sms.outcome"))


def _tokens(stage: Stage) -> dict[str, str]:
    paths = [submit.callback_url for submit in stage.simulator.submits()]
    return {f"token of submit {number}": path.rpartition("/")[2] for number, path in enumerate(paths)}
