"""Reply: only a whole reply that is one of the known words expresses a wish."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.contract.reply import Wish, wish_of

NO_MORE = ["R", "T", "TD", "退订", "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"]
BLANKS = st.text(" \t\r\n\u3000\u00a0\u200b", max_size=4)
FULL_WIDTH = {ord(letter): ord(letter) + 0xFEE0 for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"}


@pytest.mark.parametrize("word", NO_MORE)
@given(before=BLANKS, after=BLANKS)
def test_a_word_of_the_list_asks_for_no_more_in_any_case_width_and_blanks(word: str, before: str, after: str) -> None:
    for written in (word, word.lower(), word.title(), word.translate(FULL_WIDTH)):
        assert wish_of(before + written + after) is Wish.NO_MORE


@pytest.mark.parametrize("written", ["START", "start", " Ｓｔａｒｔ\n"])
def test_start_asks_for_marketing_again(written: str) -> None:
    assert wish_of(written) is Wish.AGAIN


@pytest.mark.parametrize("reply", ["", " ", "please stop", "STOP it", "不退订", "TT", "ST OP", "STARTED", "1", "回T退订"])
def test_any_other_reply_asks_for_nothing(reply: str) -> None:
    assert wish_of(reply) is None


@given(st.text())
def test_whatever_a_recipient_writes_can_be_read(reply: str) -> None:
    assert wish_of(reply) in {None, *Wish}
