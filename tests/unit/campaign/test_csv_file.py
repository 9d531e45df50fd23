"""A campaign's file as programs save it: encodings, delimiters, blank lines, and what is refused before any row is read."""

import codecs
import os
from pathlib import Path

import pytest

from smsrelay.campaign.csv_file import CsvFile, Survey
from smsrelay.campaign.file_encoding import known_encoding
from smsrelay.campaign.header import ColumnChoice
from smsrelay.contract.rejection import Rejection

EXPECTED = [["13800138000", "张三"], ["13800138001", "A, B"]]
GOOGLE = (
    "First Name,Middle Name,Last Name,Phonetic First Name,Phonetic Middle Name,Phonetic Last Name,Name Prefix,Name Suffix,"
    "Nickname,File As,Organization Name,Organization Title,Organization Department,Birthday,Notes,Photo,Labels,E-mail 1 - Label,"
    "E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value,Website 1 - Label,Website 1 - Value"
)
OUTLOOK = (
    '"First Name","Middle Name","Last Name","Company","Business Street","Home Phone","Mobile Phone","Other Phone",'
    '"Primary Phone","Pager","E-mail Address","Notes","Web Page"'
)


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "campaign.csv"
    path.write_bytes(content)
    return path


def surveyed(path: Path, encoding: str = "utf-8", delimiter: str | None = None, choice: ColumnChoice | None = None) -> Survey:
    return CsvFile(path, known_encoding(encoding), delimiter).survey(choice or ColumnChoice())


def cells(path: Path, encoding: str = "utf-8", delimiter: str | None = None) -> list[list[str]]:
    file = CsvFile(path, known_encoding(encoding), delimiter)
    return [row.cells for row in file.rows(file.survey())]


def refused(path: Path, encoding: str = "utf-8") -> str:
    with pytest.raises(Rejection) as caught:
        surveyed(path, encoding)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ('手机号,参数1\r\n13800138000,张三\r\n13800138001,"A, B"\r\n,\r\n'.encode("gb18030"), "gb18030"),  # Excel, CSV
        ('手机号;参数1\r\n13800138000;张三\r\n13800138001;"A, B"\r\n'.encode("gb18030"), "gb18030"),
        ('手机号,参数1\r\n13800138000,张三\r\n13800138001,"A, B"\r\n'.encode("utf-8-sig"), "utf-8"),  # Excel, CSV UTF-8
        ('手机号\t参数1\r\n13800138000\t张三\r\n13800138001\t"A, B"\r\n'.encode("utf-16"), "utf-16"),  # Excel, Unicode text
        ('\ufeff手机号\t参数1\r\n13800138000\t张三\r\n13800138001\tA, B\r\n'.encode("utf-16-be"), "utf-16"),
        ('手机号\t参数1\n13800138000\t张三\n13800138001\tA, B'.encode("utf-16-le"), "utf-16-le"),
        ('\ufeff手机号\t参数1\n13800138000\t张三\n13800138001\tA, B'.encode("utf-16-le"), "utf-16-le"),
        ('\ufeff\ufeff手机号,参数1\n13800138000,张三\n13800138001,"A, B"'.encode(), "utf-8"),  # saved twice
        ('手机号,参数1\r13800138000,张三\r13800138001,"A, B"\r'.encode("gbk"), "gbk"),  # an old Macintosh
        ('sep=;\r\n手机号;参数1\r\n13800138000;张三\r\n13800138001;A, B\r\n'.encode(), "utf-8"),
        ('\ufeff"SEP=|"\n手机号|参数1\n13800138000|张三\n13800138001|A, B\n'.encode(), "utf-8"),
        ('sep=\t\n手机号\t参数1\n13800138000\t张三\n13800138001\tA, B\n'.encode(), "utf-8"),
        ('\n,,\n手机号,参数1\n\n13800138000,张三\n \n13800138001,"A, B"\n'.encode(), "utf-8"),
        ('"手机号,";"参数1"\n'.replace(",", "") .encode() + '13800138000;张三\n13800138001;A, B\n'.encode(), "utf-8"),
    ],
)  # fmt: skip
def test_a_file_is_read_as_the_program_that_saved_it_meant_it(tmp_path: Path, content: bytes, encoding: str) -> None:
    assert cells(saved(tmp_path, content), encoding) == EXPECTED


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    file = CsvFile(saved(tmp_path, b"sep=,\r\n\r\nto,p1\r\n13800138000,a\r\n"))
    assert [row.line for row in file.rows(file.survey())] == [4]


def test_a_delimiter_that_the_command_names_decides(tmp_path: Path) -> None:
    path = saved(tmp_path, b"sep=;\nto,p1\n13800138000,a;b\n")
    assert cells(path, delimiter="comma") == [["13800138000", "a;b"]]


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        ("手机号,参数1\n".encode("gb18030"), "utf-8", "line 1 is not UTF-8; a plain “CSV” of a Chinese Excel is GBK: give"),
        (b"to,p1\r1,a\r2,\xff\r", "utf-8", "line 3 is not UTF-8"),
        ("手机号,参数1\n".encode("utf-16"), "utf-8", "give --encoding utf-16"),
        ("手机号,参数1\n".encode("utf-16"), "gb18030", "give --encoding utf-16"),
        ("to,p1\n".encode("utf-32"), "utf-8", "give --encoding utf-32"),
        ("to,p1\n13800138000,张三\n".encode("utf-16-le"), "utf-8", "give --encoding utf-16-le"),
        ("to,p1\n13800138000,张三\n".encode("utf-16-be"), "gb18030", "give --encoding utf-16-be"),
        ("to,p1\n13800138000,张三\n".encode("utf-16-le"), "utf-16", "give --encoding utf-16-le or utf-16-be"),
        ("to,p1\n13800138000,张三\n".encode("utf-16")[:-1], "utf-16", "line 2 is not utf-16; give the encoding that"),
        ("手机号,参数1\n13800138000,张三\n".encode(), "gb18030", "the file is UTF-8, and gb18030 would read other characters"),
        ("手机号,参数1\n13800138000,张三\n".encode(), "latin-1", "the file is UTF-8"),
        ("手机号,参数1\n13800138000,王五\n".encode(), "gb2312", "the file is UTF-8"),
        ("to,p1\n13800138000,Müller\n".encode(), "cp1252", "the file is UTF-8"),
        ("\ufeffto,p1\n13800138000,a\n".encode(), "gb18030", "the file is UTF-8"),
        ("to,p1\n13800138000,张三\n".encode("gbk"), "big5", "line 2 is not big5"),
        (b"to\n" + b"1" * 3_000_000, "utf-8", "line 2: is longer than 1,048,576 characters"),
        (b"to,p1\x00\x00\n", "utf-8", "looks like UTF-16"),
        (b"", "utf-8", "line 1: must be a header"),
        (b"\n,\n", "utf-8", "line 1: must be a header"),
        (b'to,p1 "x"\n', "utf-8", "line 1: cell 2 of the header holds a quotation mark"),
    ],
)  # fmt: skip
def test_a_file_that_would_be_read_wrong_is_refused_with_what_to_do(
    tmp_path: Path, content: bytes, encoding: str, said: str
) -> None:
    assert said in refused(saved(tmp_path, content), encoding)


def test_plain_ascii_is_the_same_in_every_encoding(tmp_path: Path) -> None:
    path = saved(tmp_path, b"to,p1\n13800138000,a\n")
    for encoding in ("utf-8", "gb18030", "gbk", "latin-1", "cp1252", "big5", "shift_jis", "ascii"):
        assert cells(path, encoding) == [["13800138000", "a"]]


@pytest.mark.parametrize(
    "name", ["base64", "hex", "rot13", "zip", "unicode_escape", "punycode", "idna", "undefined", "klingon", "", "ä"]
)
def test_what_is_no_encoding_of_text_files_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="is not an encoding for text files"):
        known_encoding(name)


@pytest.mark.parametrize(
    ("header", "named"), [(GOOGLE, "Phone 1 - Value"), (OUTLOOK, "Mobile Phone"), (OUTLOOK, "\u200b mobile phone ")]
)
def test_an_export_of_an_address_book_needs_one_column_named(tmp_path: Path, header: str, named: str) -> None:
    names = [name.strip('"') for name in header.split(",")]
    place = next(place for place, name in enumerate(names) if name.lower() == named.strip("\u200b ").lower())
    path = saved(
        tmp_path,
        (codecs.BOM_UTF8 + header.encode() + b"\r\n" + b"," * place + b"+86 138-0013-8000" + b"," * (len(names) - place - 1)),
    )
    columns = surveyed(path, choice=ColumnChoice({"to": named}, others_ignored=True)).columns
    assert (columns.places, columns.parameters, columns.width) == ({"to": place}, (), len(names))
    assert "not a known column" in refused(path)


def test_a_file_that_changes_while_it_is_read_is_not_read_on(tmp_path: Path) -> None:
    path = saved(tmp_path, b"to,p1\n" + b"13800138000,a\n" * 2000)
    file = CsvFile(path)
    survey = file.survey()
    rows = file.rows(survey)
    assert next(rows).cells == ["13800138000", "a"]
    os.utime(path, ns=(0, 0))
    with pytest.raises(Rejection, match="FILE: was changed while it was read"):
        list(rows)
    with pytest.raises(Rejection, match="FILE: was changed while it was read"):
        next(file.rows(survey))


def test_a_file_whose_bytes_change_on_the_way_ends_in_a_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path, b"to,p1\n" + b"13800138000,a\n" * 5000)
    file = CsvFile(path)
    rows = file.rows(file.survey())
    next(rows)
    with path.open("r+b") as writer:
        writer.seek(20_000)
        writer.write(b"\xff")
    with pytest.raises(Rejection, match="FILE: was changed while it was read"):
        list(rows)


def test_what_can_be_read_only_once_is_refused(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"to\n13800138000\n")
    os.close(write)
    try:
        assert "FILE: must be a regular file" in refused(Path(f"/dev/fd/{read}"))
    finally:
        os.close(read)
