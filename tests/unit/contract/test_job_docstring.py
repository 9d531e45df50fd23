"""The docstring of SendJob, which editors show, says of every field what the field says of itself."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from annotated_types import Ge, Le, MaxLen, MinLen

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane

FIELDS = SendJob.model_fields
SPELLED = {"none": None, "``None``": None, '``"default"``': "default", "``1``": 1, "``False``": False}


def explained() -> dict[str, str]:
    """The text on each field, in one line."""
    items = re.findall(r"^ +- ``(\w+)``: (.*?)(?=^ +- |^$)", SendJob.__doc__ or "", re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in items}


def limits(name: str) -> Iterator[Any]:
    """Numbers that bound a field or, of a list, each of its values."""
    options = SendJob.model_json_schema()["properties"][name].get("anyOf", [])
    of_items = [limit for option in options for limit in option.get("items", {}).items()]
    found = [*FIELDS[name].metadata, *of_items]
    for bound in found:
        match bound:
            case Ge(ge=number) | Le(le=number) | MinLen(min_length=number) | MaxLen(max_length=number):
                yield number
            case ("minLength" | "maxLength", number):
                yield number


def test_it_explains_every_field_once() -> None:
    items = re.findall(r"^ +- ``(\w+)``:", SendJob.__doc__ or "", re.MULTILINE)
    assert sorted(items) == sorted(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_it_states_the_default_of_a_field(name: str) -> None:
    stated = re.findall(r"Default: (``[^`]+``|\w+)", explained()[name])
    if FIELDS[name].is_required():
        assert stated == []
    else:
        default = FIELDS[name].get_default(call_default_factory=True)
        assert [SPELLED[one] for one in stated] == [default or None if stated == ["none"] else default]


@pytest.mark.parametrize("name", FIELDS)
def test_it_states_the_limits_of_a_field(name: str) -> None:
    text = explained()[name]
    assert {str(number) for number in limits(name) if number not in (0, 1)} <= set(re.findall(r"\d+", text))


@pytest.mark.parametrize("name", ["template", "app", "campaign"])
def test_it_states_the_length_that_a_pattern_allows(name: str) -> None:
    [pattern] = [one.pattern for one in FIELDS[name].metadata if getattr(one, "pattern", None)]
    [least, most] = re.findall(r"\{(\d+),(\d+)\}", pattern)[0]
    assert re.search(rf"\b{least} to {most} letters", explained()[name])


def test_it_states_every_lane() -> None:
    assert all(f'``"{lane}"``' in explained()["lane"] for lane in Lane)


def test_it_groups_the_required_fields_first() -> None:
    required = (SendJob.__doc__ or "").partition("Optional:")[0]
    assert re.findall(r"^ +- ``(\w+)``:", required, re.MULTILINE) == [name for name in FIELDS if FIELDS[name].is_required()]
