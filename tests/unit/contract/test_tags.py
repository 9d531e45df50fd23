"""Tags: which pairs a job takes, that they cannot be changed, and what they leave untouched."""

import copy
import pickle
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from smsrelay.contract.job import SendJob
from smsrelay.contract.phone_number import e164
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.tags import Tags

WIRE: dict[str, Any] = {"to": "13800138000", "template": "0000000", "lane": "otp"}
SCHEMA = Draft202012Validator(SendJob.model_json_schema())


def no_number(text: str) -> bool:
    try:
        e164(text)
    except ValueError:
        return True
    return False


tag_keys = st.from_regex(r"[A-Za-z0-9_.\-]{1,20}", fullmatch=True)
tag_values = (
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40).filter(str.isprintable).filter(no_number)
)
tags_of_jobs = st.dictionaries(tag_keys, tag_values, max_size=5)


def refused(tags: object) -> str:
    with pytest.raises(Rejection) as caught:
        SendJob.decode(WIRE | {"tags": tags})
    [problem] = caught.value.problems
    return str(problem)


@given(tags_of_jobs)
def test_tags_survive_the_wire(tags: dict[str, str]) -> None:
    job = SendJob.decode(WIRE | {"tags": tags})
    wire = job.encode()
    assert dict(job.tags) == tags
    assert wire.get("tags", {}) == tags
    assert SendJob.decode(wire) == job
    SCHEMA.validate(wire)


def test_a_job_without_tags_leaves_them_out() -> None:
    assert "tags" not in SendJob.decode(WIRE).encode()
    assert SendJob.decode(WIRE).tags == {}


@pytest.mark.parametrize(
    "tags",
    [
        {"order id": "1"},
        {"": "1"},
        {"x" * 21: "1"},
        {"order": ""},
        {"order": "x" * 41},
        {"order": 4711},
        {"order": None},
        {"order": ["1"]},
        {str(number): "x" for number in range(6)},
        "order=4711",
        [["order", "4711"]],
    ],
)
def test_what_the_schema_refuses_is_refused(tags: object) -> None:
    assert refused(tags).startswith("tags")
    assert not SCHEMA.is_valid(WIRE | {"tags": tags})


@pytest.mark.parametrize("value", ["13800138000", "+44 7400 123456", "138 0013 8000"])
def test_a_phone_number_is_refused_and_not_quoted(value: str) -> None:
    reason = refused({"customer": value})
    assert reason == "tags.customer: must not be a phone number: tags are kept and passed on in the clear"


@pytest.mark.parametrize("value", ["a\nb", "a\u200bb", "\x07"])
def test_a_value_is_printable(value: str) -> None:
    assert refused({"order": value}).startswith("tags.order: must be printable text, and holds U+")


@pytest.mark.parametrize("value", ["4711", "2026-11-28", "订单 4711", "order/4711", "12345678"])
def test_an_id_of_the_app_is_a_value(value: str) -> None:
    assert SendJob.decode(WIRE | {"tags": {"order": value}}).tags["order"] == value


def test_a_key_that_may_be_a_number_is_not_quoted() -> None:
    assert "13800138000" not in refused({"13800138000 ": "x"})


def test_tags_cannot_be_changed_and_do_not_follow_the_callers_mapping() -> None:
    given_tags = {"order": "4711"}
    job = SendJob(to="13800138000", template="0000000", lane="otp", tags=given_tags)
    given_tags["order"] = "4712"
    assert job.tags == {"order": "4711"}
    with pytest.raises(TypeError):
        job.tags["order"] = "4713"  # type: ignore[index]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda job: pickle.loads(pickle.dumps(job)), SendJob.model_copy])
def test_a_job_with_tags_is_copied_and_hashed_like_any_other(copied: Any) -> None:
    job = SendJob(to="13800138000", template="0000000", lane="otp", tags={"order": "4711", "shop": "7"})
    assert copied(job) == job
    assert hash(copied(job)) == hash(job)
    assert job.model_copy(update={"app": "shop"}).tags == job.tags
    assert "4711" not in repr(job)


def test_tags_are_a_mapping() -> None:
    tags = Tags((("b", "1"), ("a", "2")))
    assert list(tags) == ["b", "a"]
    assert (len(tags), tags["a"], tags.get("c")) == (2, "2", None)
    assert tags == {"a": "2", "b": "1"}
    assert hash(tags) == hash(Tags((("a", "2"), ("b", "1"))))
    assert tags != "text"
    assert repr(tags) == "{'b': '1', 'a': '2'}"
