"""Entries of the action log: what of an action is kept, and which entries a filter selects."""

from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.masked_number import masked_number
from smsrelay_worker.store.actions.action import Action, ActionFilter, Via, message_targets, targets

ID = "018f0000-0000-7000-8000-000000000000"
PAUSED = Action(Via.COMMAND, "alice@relay-1", "campaign pause", "campaign:shop/spring")


@given(st.sampled_from(Via), st.text(), st.text(), st.text(), st.text())
def test_an_entry_is_read_as_it_was_written_but_for_what_is_too_long(
    via: Via, who: str, what: str, target: str, result: str
) -> None:
    written = Action(via, who, what, target, result)
    read = Action.decode("1-0", 1, written.encode())
    assert (read.via, read.at, read.entry_id) == (via, 1, "1-0")
    for kept, given_text in zip((read.who, read.what, read.result), (who, what, result), strict=True):
        assert kept == given_text or (len(kept) == 200 and kept[:-1] == given_text[:199])
    assert read.target == target or (len(read.target) == 600 and read.target[:-1] == target[:599])


def test_ten_messages_and_how_many_more_are_kept_whole() -> None:
    named = message_targets([ID] * 10_000)
    assert Action(Via.COMMAND, "alice@relay-1", "dead replay", named).encode()["target"] == named


def test_a_filter_selects_by_parts_and_by_whole_words_of_a_command() -> None:
    for selecting in (
        ActionFilter(),
        ActionFilter(via=Via.COMMAND),
        ActionFilter(who="alice"),
        ActionFilter(what="campaign"),
        ActionFilter(what="campaign pause"),
        ActionFilter(target="shop/"),
    ):
        assert selecting.matches(PAUSED)
    for other in (ActionFilter(via=Via.API), ActionFilter(who="bob"), ActionFilter(what="camp"), ActionFilter(target="bank")):
        assert not other.matches(PAUSED)


def test_ten_targets_are_named_and_the_others_counted() -> None:
    assert targets("sink", ["shop.webhook"]) == "sink:shop.webhook"
    assert targets("message", [str(one) for one in range(1_012)]).endswith(" message:9 and 1,002 more")


def test_what_a_person_typed_in_place_of_an_id_is_not_kept() -> None:
    assert message_targets([ID, "13912345678", "f00ba4e1"], known=["f00ba4e1"]) == f"message:{ID} message:? message:f00ba4e1"


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_at_least_four_digits_of_a_masked_number_are_hidden(number: str) -> None:
    masked = masked_number(number)
    assert number not in masked
    assert sum(one.isdigit() for one in masked) <= len(number) - 5
    assert masked.endswith(number[-2:])


def test_a_mainland_number_is_masked_as_people_there_do() -> None:
    assert masked_number("+8613912345678") == "+86139****5678"
