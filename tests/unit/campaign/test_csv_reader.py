"""CSV: what spreadsheets write is read as they meant it, and where a quotation mark is in doubt nothing is guessed."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.campaign.csv_reader import CsvRows, csv_line
from smsrelay.campaign.row import Row
from smsrelay.contract.rejection import Rejection

delimiters = st.sampled_from([",", ";", "\t", "|"])
cells = st.text(alphabet='ab ,;\t|"\r\n张\u3000\0', max_size=8)
records = st.lists(cells, min_size=1, max_size=5).filter(lambda record: any(cell and not cell.isspace() for cell in record))


def lines(text: str) -> Iterator[str]:
    return iter(io.StringIO(text, newline=""))


def rows(text: str, delimiter: str = ",") -> list[Row]:
    return list(CsvRows(lines(text), delimiter))


def read(text: str, delimiter: str = ",") -> list[list[str]]:
    return [row.cells for row in rows(text, delimiter)]


def refused(text: str) -> str:
    with pytest.raises(Rejection) as caught:
        rows(text)
    return str(caught.value)


@given(st.lists(records, max_size=5), delimiters)
def test_what_pythons_own_writer_writes_is_read_as_it_was(written: list[list[str]], delimiter: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(written)
    assert read(file.getvalue(), delimiter) == written


@given(st.lists(records, max_size=5), delimiters)
def test_what_we_write_is_read_as_it_was(written: list[list[str]], delimiter: str) -> None:
    text = "".join(csv_line(record, delimiter) for record in written)
    assert read(text, delimiter) == written
    assert [row.stray for row in rows(text, delimiter)] == [()] * len(written)
    assert list(csv.reader(lines(text), delimiter=delimiter, strict=True)) == written


@given(st.text(alphabet='a1 ,"\n', max_size=30))
def test_any_text_is_read_or_refused_and_a_row_without_doubt_is_what_other_readers_see(text: str) -> None:
    try:
        found = rows(text)
    except Rejection:
        return
    if not any(row.stray for row in found):
        others = csv.reader(lines(text), strict=False, skipinitialspace=True)
        expected = [[cell.strip() for cell in record] for record in others if any(cell.strip() for cell in record)]
        assert [[cell.strip() for cell in row.cells] for row in found] == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_every_kind_of_line_end_ends_a_row(end: str) -> None:
    assert read(end.join(["to,p1", '1,"a"', "2,b", ""])) == [["to", "p1"], ["1", "a"], ["2", "b"]]


def test_rows_are_counted_by_the_line_where_they_begin() -> None:
    found = rows('to,p1\n\n1,"a\nb"\n\n,,\n2,c\n')
    assert [(row.line, row.folded) for row in found] == [(1, False), (3, True), (7, False)]


@pytest.mark.parametrize("text", ['1, "A, B"', '1,"A, B" ', '1, "A, B" \n', '1,\t"A, B"\r\n'])
def test_blanks_around_a_quoted_cell_are_no_part_of_it(text: str) -> None:
    [row] = rows(text)
    assert (row.cells, row.stray) == (["1", "A, B"], ())


def test_blanks_inside_quotes_and_in_unquoted_cells_stay() -> None:
    assert read('1," a ", b \n') == [["1", " a ", " b "]]
    assert read('1\t "a" \t b ', "\t") == [["1", "a", " b "]]


@pytest.mark.parametrize("text", ['1,5" pipe', '1,say "A', '1,a"', '1,\u3000"A', '1,="0012"'])
def test_a_quotation_mark_in_an_unquoted_cell_is_noted(text: str) -> None:
    assert [row.stray for row in rows(text)] == [(1,)]


@pytest.mark.parametrize("text", ['to,p1\n1,"A"B\n', 'to,p1\n1,"A" "B"\n', 'to,p1\n1,"A""B" C"\n'])
def test_text_behind_a_closing_quote_is_refused_by_its_line(text: str) -> None:
    assert refused(text) == "line 2: is not CSV: text follows the closing quote of cell 2"


@pytest.mark.parametrize("rest", ["", "2,b\n", "2,b\n" * 100_000])
def test_a_quote_that_is_not_closed_is_refused_by_the_line_where_it_is_opened(rest: str) -> None:
    assert refused(f'to,p1\n1,"a\nb","c\n{rest}') == "line 3: is not CSV: a quote is opened but not closed"


def test_a_quote_that_is_not_closed_swallows_a_bounded_part_of_the_file() -> None:
    taken = lines('to\n"a\n' + "2\n" * 500_000)
    with pytest.raises(Rejection):
        list(CsvRows(taken, ","))
    assert sum(1 for _ in taken) > 400_000
