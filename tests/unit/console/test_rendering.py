"""What templates make of values: escaped, and no more than was meant."""

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from smsrelay_worker.console.rendering import instant, prose


def test_a_command_in_a_sentence_is_marked_and_all_else_is_escaped() -> None:
    assert prose("start `smsrelay worker` <b>now</b>") == "start <code>smsrelay worker</code> &lt;b&gt;now&lt;/b&gt;"
    assert prose("`<script>`") == "<code>&lt;script&gt;</code>"


@given(st.text())
def test_no_sentence_becomes_more_markup_than_the_mark_of_a_command(text: str) -> None:
    assert str(prose(text)).replace("<code>", "`").replace("</code>", "`") == str(escape(text))


def test_an_instant_is_for_people_and_programs() -> None:
    assert 'datetime="1970-01-01T00:00:01.500000+00:00"' in instant(1500)
    assert ">1970-01-01 00:00:01<" in instant(1500)
