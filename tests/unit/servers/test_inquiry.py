"""Whom to believe of the sentinels that were asked for the primary, by what each replied."""

from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError

from smsrelay.servers.failover.answer import Answer
from smsrelay.servers.failover.inquiry import Inquiry
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.primary_unknown import PrimaryUnknown
from smsrelay.servers.failover.sentinels import Sentinels

ASKED = Sentinels(tuple(Place(f"10.0.0.{number}", 26379) for number in (1, 2, 3)), "relay")
OLD, NEW = Place("10.0.0.1", 6379), Place("10.0.0.2", 6379)
AWAY = RedisConnectionError("away")


def said(primary: Place, epoch: int, *, alone: bool = False) -> list[Any]:
    """What a sentinel replies."""
    quorum = ResponseError("NOQUORUM 1 usable Sentinels. Not enough available") if alone else "OK 3 usable Sentinels."
    return [[primary.host, str(primary.port)], ["ip", primary.host, "config-epoch", str(epoch)], quorum]


def asked(*replies: Sequence[Any] | Exception, newest: Answer | None = None, alone: bool = False) -> tuple[int, Place]:
    """How many were asked until it was settled, and which primary was found."""
    inquiry = Inquiry(ASKED, newest, alone=alone)
    count = 0
    for server, reply in zip(ASKED.servers, replies, strict=False):
        count += 1
        if isinstance(reply, Exception):
            inquiry.failed(reply)
        elif inquiry.settled_by(server, reply):
            break
    return count, inquiry.result(newest)[1].primary


def test_one_that_sees_most_of_the_others_is_believed_alone() -> None:
    assert asked(said(OLD, 0)) == (1, OLD)


@pytest.mark.parametrize(
    ("replies", "count", "found"),
    [
        ([said(OLD, 0, alone=True), said(NEW, 1)], 2, NEW),
        ([said(OLD, 0, alone=True), AWAY, said(NEW, 1)], 3, NEW),
        ([said(OLD, 0, alone=True), AWAY, AWAY], 3, OLD),  # the others' machines are gone, and this primary is all there is
        ([said(OLD, 0, alone=True), said(NEW, 1, alone=True), AWAY], 3, NEW),
    ],
)
def test_of_one_that_is_cut_off_the_others_are_asked(replies: list[Any], count: int, found: Place) -> None:
    assert asked(*replies) == (count, found)


def test_one_that_is_cut_off_is_believed_while_the_others_were_asked_in_vain_just_now() -> None:
    assert asked(said(OLD, 0, alone=True), alone=True) == (1, OLD)


@pytest.mark.parametrize(
    ("replies", "found"),
    [
        ([said(OLD, 1), said(NEW, 2)], NEW),  # the first has come back, and has not heard of it yet
        ([said(OLD, 1), AWAY, AWAY], NEW),
        ([said(OLD, 1), said(OLD, 1), AWAY], OLD),  # they were set up anew
    ],
)
def test_one_that_knows_of_fewer_failovers_than_we_do_is_not_believed_alone(replies: list[Any], found: Place) -> None:
    assert asked(*replies, newest=Answer(NEW, 2)) == (len(replies), found)


def test_what_another_thread_has_learned_meanwhile_is_not_forgotten() -> None:
    inquiry = Inquiry(ASKED, None)
    assert inquiry.settled_by(ASKED.servers[0], said(OLD, 0))
    assert inquiry.result(Answer(NEW, 1)) == (None, Answer(NEW, 1))


def test_one_that_may_tell_us_no_more_than_the_address_is_believed() -> None:
    denied = NoPermissionError("this user has no permissions to run the command")
    assert asked([[OLD.host, str(OLD.port)], denied, denied]) == (1, OLD)


def test_while_nobody_answers_what_was_last_known_holds() -> None:
    assert asked(AWAY, AWAY, AWAY, newest=Answer(NEW, 1)) == (3, NEW)
    with pytest.raises(PrimaryUnknown, match="no sentinel answers"):
        asked(AWAY, AWAY, AWAY)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ([None, ResponseError("ERR No such master"), ResponseError("ERR No such master")], "no sentinel knows a primary named"),
        ([NoPermissionError("no")] * 3, "no sentinel lets us ask"),
        ([ResponseError("ERR unknown command")] * 3, "are not sentinels"),
    ],
)
def test_what_must_be_corrected_is_said_whatever_was_known(reply: list[Any], words: str) -> None:
    with pytest.raises(PrimaryUnknown, match=words):
        asked(reply, AWAY, AWAY, newest=Answer(NEW, 1))
