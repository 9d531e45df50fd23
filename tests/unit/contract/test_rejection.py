"""Rejection: every problem in one exception, which survives being carried between processes."""

import copy
import pickle

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.enqueue import ReferenceTaken

TWO = (Problem("to", "not a phone number"), Problem("lane", "missing"))


class Letter(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pages: dict[str, int]


def found_in(fields: dict[str, object]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Letter.model_validate(fields)
    return [problem.field for problem in Rejection.from_validation(caught.value).problems]


def test_the_text_lists_every_problem() -> None:
    assert str(Rejection(TWO)) == "to: not a phone number; lane: missing"


def test_problems_come_from_any_iterable() -> None:
    assert Rejection(problem for problem in TWO).problems == TWO


def test_one_problem_needs_no_list() -> None:
    assert Rejection.of("lane", "missing").problems == (TWO[1],)


@pytest.mark.parametrize("kind", [Rejection, ReferenceTaken])
@pytest.mark.parametrize("carried", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_a_rejection_keeps_kind_and_problems_when_carried(kind: type[Rejection], carried: type) -> None:
    arrived = carried(kind(TWO))
    assert type(arrived) is kind
    assert arrived.problems == TWO
    assert str(arrived) == str(kind(TWO))


def test_an_unknown_field_is_named_when_its_name_can_be_nobodys_number() -> None:
    assert found_in({"pages": {}, "colour": 1}) == ["colour"]


@pytest.mark.parametrize("name", ["13800138000", "+8613800138000", "a1", "code 1234", "", "x" * 33])
def test_an_unknown_field_with_any_other_name_stays_unnamed(name: str) -> None:
    assert found_in({"pages": {}, name: 1}) == ["(unnamed field)"]


def test_a_key_inside_a_field_is_named_by_the_same_rule() -> None:
    assert found_in({"pages": {"first": "x", "13800138000": "x"}}) == ["pages.first", "pages.(unnamed field)"]


def test_a_key_that_is_a_number_is_named_while_it_is_small() -> None:
    assert found_in({"pages": {5: 1, 13800138000: 1}}) == ["pages.5", "pages.(unnamed field)"]
