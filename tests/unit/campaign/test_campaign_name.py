"""The name of a file's campaign, made of the file or given."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.campaign.campaign_name import campaign_name
from smsrelay.contract.job import CAMPAIGN_NAME
from smsrelay.contract.rejection import Rejection

DIGEST = "0123456789abcdef"


@given(st.text(max_size=300))
def test_a_name_made_of_a_file_is_always_allowed(stem: str) -> None:
    assert re.fullmatch(CAMPAIGN_NAME, campaign_name(None, stem, DIGEST))


def test_a_file_is_recognised_by_its_name_and_told_apart_by_its_content() -> None:
    assert campaign_name(None, "Spring sale (final)", DIGEST) == "Spring-sale-final-01234567"
    assert campaign_name(None, "双十一 名单", DIGEST) == "双十一-名单-01234567"
    assert campaign_name(None, "!!", DIGEST) == "bulk-01234567"
    assert campaign_name("spring", "whatever", DIGEST) == "spring"


@pytest.mark.parametrize("given_name", ["", "spring sale", "春 节", "a/b", "x" * 65])
def test_any_other_name_is_refused_with_what_is_allowed(given_name: str) -> None:
    with pytest.raises(Rejection, match=r"1 to 64 letters \(also Chinese\), digits, hyphens"):
        campaign_name(given_name, "spring", DIGEST)
