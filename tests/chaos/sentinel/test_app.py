"""An app that was killed asks again for what it has no answer to, and the judge knows what it was told before."""

from pathlib import Path

from smsrelay.contract.lanes import Lane
from tests.chaos.load.behaviour import BEHAVIOURS
from tests.chaos.load.load import Cancel, Sent
from tests.chaos.load.planned import Batch, Planned
from tests.chaos.sentinel.app import NotedLoad, read_notes, still_to_ask


def planned(number: int, reference: str | None = "given") -> Planned:
    return Planned(f"+86139040000{number:02d}", reference and f"ref-{number}", Lane.OTP, BEHAVIOURS[0])


FIRST, SECOND, THIRD = planned(1), planned(2), planned(3)
BARE = planned(4, None)
PLAN = [Batch(1.0, (FIRST,)), Batch(2.0, (SECOND, THIRD)), Batch(3.0, (BARE,))]


def load(tmp_path: Path) -> NotedLoad:
    return NotedLoad(None, None, tmp_path / "notes")  # type: ignore[arg-type]


def test_what_was_noted_is_read_back(tmp_path: Path) -> None:
    sent = [Sent(FIRST, "id", True, Cancel.TOO_LATE, 17, ""), Sent(SECOND, None, False, refused="too_many")]
    app = load(tmp_path)
    for one in sent:
        app._note(one)
    app._asked_again()
    app._surprised("enqueueing", ValueError("no"))
    with (tmp_path / "notes").open("ab") as cut:
        cut.write(b'{"number": "+861')
    load(tmp_path)._note(Sent(BARE, "other", True))
    noted = read_notes(tmp_path / "notes", PLAN)
    assert noted.sent == [*sent, Sent(BARE, "other", True)]
    assert noted.asked_again == 1
    assert noted.surprises == {"enqueueing raised ValueError: no": 1}


def test_everything_is_asked_for_at_first(tmp_path: Path) -> None:
    assert still_to_ask(PLAN, read_notes(tmp_path / "notes", PLAN), 0.0) == PLAN


def test_a_batch_is_asked_for_again_until_all_of_it_is_answered(tmp_path: Path) -> None:
    app = load(tmp_path)
    for one in (FIRST, SECOND):
        app._note(Sent(one, "id", True))
    assert still_to_ask(PLAN, read_notes(tmp_path / "notes", PLAN), 2.5) == PLAN[1:]


def test_what_has_no_reference_is_not_asked_for_again(tmp_path: Path) -> None:
    assert still_to_ask(PLAN, read_notes(tmp_path / "notes", PLAN), 3.5) == PLAN[:2]
