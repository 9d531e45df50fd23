import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.vendors.yisha.params import SERIALISERS, AmbiguousParamsError, plain, quoted, serialiser

DELIMITERS = [",", "'", "[", "]", "【", "】", "\n", "\r", "\u2028", "\x85", "\ud800"]


def test_plain_joins_with_comma_and_space() -> None:
    assert plain(("1234", "5")) == "1234, 5"


def test_quoted_writes_the_list_of_the_old_examples() -> None:
    assert quoted(("1234", "5")) == "['1234','5']"


def test_a_template_without_placeholders_has_an_empty_list() -> None:
    assert (plain(()), quoted(())) == ("", "[]")


@pytest.mark.parametrize("name", SERIALISERS)
@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_a_value_with_a_delimiter_is_refused_and_not_quoted_in_the_error(name: str, delimiter: str) -> None:
    with pytest.raises(AmbiguousParamsError) as caught:
        serialiser(name)(("fine", f"secret{delimiter}"))
    assert str(caught.value).startswith("parameter 1 ")
    assert "secret" not in repr(caught.value)


def test_a_single_blank_value_is_refused_because_it_would_read_as_none() -> None:
    with pytest.raises(AmbiguousParamsError):
        plain((" ",))


def test_an_unknown_serialiser_is_refused_with_the_known_names() -> None:
    with pytest.raises(ValueError, match="plain, quoted"):
        serialiser("json")


@pytest.mark.parametrize("name", SERIALISERS)
@given(values=st.lists(st.text(), max_size=5).map(tuple))
def test_joined_values_can_always_be_split_again(name: str, values: tuple[str, ...]) -> None:
    try:
        joined = serialiser(name)(values)
    except AmbiguousParamsError:
        return
    assert _apart(name, joined) == [value.strip() for value in values]


def _apart(name: str, joined: str) -> list[str]:
    inner = joined if name == "plain" else joined.removeprefix("[").removesuffix("]")
    parts = inner.split(",") if inner.strip() else []
    unquoted = parts if name == "plain" else [part[1:-1] for part in parts]
    return [part.strip() for part in unquoted]
