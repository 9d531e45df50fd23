"""The sinks of a run: the product takes their file, and they fail in each of their ways, alike with the same seed."""

from pathlib import Path

import pytest

from smsrelay.contract.state import State
from smsrelay_worker.apps.toml_file import parse_apps
from smsrelay_worker.outcomes.signature import signed_headers
from tests.chaos.sinks import misbehaviour
from tests.chaos.sinks.apps import APPS, BY_NAME, app_of, apps_file, tags_of
from tests.chaos.sinks.misbehaviour import Reaction, react
from tests.chaos.sinks.telling import WEBHOOK, Notes, Telling, read_notes
from tests.chaos.sinks.webhook_receiver import verified

NUMBERS = [f"+861390{number:07d}" for number in range(3000)]
TOLD = Telling(1, WEBHOOK, "/shop", "msg_1_2", '{"zh": "已送达"}', genuine=True, processed=True, answer="200")


def test_the_product_reads_the_apps_file_as_the_judge_does() -> None:
    read = parse_apps(apps_file(8080), "apps.toml")
    for app in APPS:
        assert {state: read.outbox(app.name, state) for state in State} == {state: app.sink(state) for state in State}


def test_each_app_gets_its_share_of_the_messages_and_some_have_tags() -> None:
    for app in APPS:
        assert sum(app_of(number) is app for number in NUMBERS) / len(NUMBERS) == pytest.approx(app.share / 100, abs=0.04)
    assert 0.2 < sum(bool(tags_of(number)) for number in NUMBERS) / len(NUMBERS) < 0.5


@pytest.mark.parametrize("reactions", [misbehaviour.WEBHOOK, misbehaviour.CELERY])
def test_a_sink_fails_in_each_of_its_ways_and_takes_most_of_what_it_is_told(reactions: tuple[Reaction, ...]) -> None:
    seen = [react(reactions, 7, f"msg_{number}", 0) for number in range(3000)]
    assert seen == [react(reactions, 7, f"msg_{number}", 0) for number in range(3000)]
    assert set(seen) == set(reactions)
    assert sum(one.processes for one in seen) > len(seen) / 2
    assert all(one.processes for one in reactions if 200 <= one.status < 300)  # who says that it took it has taken it


def test_the_receiver_believes_what_the_product_signs_and_nothing_else() -> None:
    shop, body = BY_NAME["shop"], b'{"a": 1}'
    headers = signed_headers([shop.key], "msg_1_2", 1000, body)
    assert verified("/shop", headers, body, 1000.0)
    assert not verified("/shop", headers, body + b" ", 1000.0)
    assert not verified("/shop", headers, body, 2000.0)
    assert not verified("/shop", {**headers, "webhook-id": "msg_1_3"}, body, 1000.0)
    assert not verified("/school", headers, body, 1000.0)
    assert not verified("/moved", headers, body, 1000.0)
    assert not verified("/shop", {}, body, 1000.0)


def test_a_note_cut_short_by_a_kill_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    Notes(file).write(TOLD)
    with file.open("ab") as cut:
        cut.write(b'{"at": 17, "wa')
    Notes(file).write(TOLD)
    assert list(read_notes(file)) == [TOLD, TOLD]
