import dataclasses

import pytest

from smsrelay_worker.vendors.yisha.adapter import YishaAccount, epoch_ms, new_nonce
from smsrelay_worker.vendors.yisha.credentials import AppCode

ACCOUNT = YishaAccount("https://domestic.example", "https://intl.example/", AppCode("the-code"))


def test_the_timeouts_are_those_of_the_vendor_s_clients() -> None:
    assert (ACCOUNT.connect_timeout, ACCOUNT.read_timeout) == (10.0, 20.0)


def test_no_credential_is_in_the_repr_of_an_account() -> None:
    assert "the-code" not in repr(ACCOUNT)


@pytest.mark.parametrize("url", ["", "domestic.example", "ftp://a.example", "https://", "https://a.example/?x=1"])
@pytest.mark.parametrize("name", ["domestic_url", "intl_url"])
def test_an_account_with_an_unusable_url_is_refused_by_name(name: str, url: str) -> None:
    with pytest.raises(ValueError, match=name):
        dataclasses.replace(ACCOUNT, **{name: url})


def test_an_account_with_an_unknown_serialiser_is_refused() -> None:
    with pytest.raises(ValueError, match="plain, quoted"):
        dataclasses.replace(ACCOUNT, serialiser="xml")


def test_nonces_differ_and_the_clock_counts_milliseconds() -> None:
    assert len({new_nonce() for _ in range(1000)}) == 1000
    assert len(str(epoch_ms())) == 13
