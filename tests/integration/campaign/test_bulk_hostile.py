"""``smsrelay bulk`` with files that go wrong on the way: no text is halved, no stranger texted, nothing run or shown."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from tests.support.pages import text_of
from tests.support.queues import published_ids
from tests.support.shell import Ended, Shell
from tests.support.store_keys import KEYS

KEY = "tops-ecre-tkey-0815"
SAME = ("--template", "0000000", "--lane", "marketing")
OUTLOOK = (
    '"First Name","Last Name","Home Phone","Mobile Phone","Notes","Web Page"\r\n'
    '"Anna","Li","","\u202d+86 138-0013-8000\u202c","met in\r\nHangzhou, 2019",""\r\n'
    '"Ben","Wu","010-62345678","","",""\r\n'
)
GOOGLE = (
    "First Name,Last Name,Notes,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value\n"
    "Anna,Li,,Mobile,+86 138 0013 8000,,\n"
    "Ben,Wu,,Mobile,13800138001 ::: 13800138002,,\n"
)


def documented(program: str) -> list[str]:
    """The options that the operator's page gives for a program's export."""
    [options] = re.findall(rf"^\| {program} \| `(.+)` \|$", text_of("docs/operating.md"), re.MULTILINE)
    return shlex.split(options)


@pytest.fixture
def shell(valkey_url: str, tmp_path: Path) -> Shell:
    urls = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url}
    return Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": KEY})


@pytest.fixture
def at_desk(tmp_path: Path) -> Shell:
    """A shell for dry runs, with a registry of one template and no store."""
    registry = '[[template]]\nid="7"\nbody="{0}您好"\nsignature="Firma"\nstatus="approved"\nlane="notice"\n'
    (tmp_path / "templates.toml").write_text(registry, encoding="utf-8")
    return Shell(tmp_path, {"SMSRELAY_NUMBER_KEYS": KEY, "SMSRELAY_TEMPLATES": "templates.toml"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "spring.csv"


def written(file: Path, *lines: str, encoding: str = "utf-8") -> str:
    file.write_text("\r\n".join(lines) + "\r\n", encoding=encoding, newline="")
    return str(file)


def sent(redis: StoreRedis) -> list[tuple[str, list[str]]]:
    """Recipient and parameters of every message that was accepted."""
    ids = [message_id for lane in Lane for message_id in published_ids(redis, lane)]
    payloads = [json.loads(redis.get(KEYS.payload(message_id)) or "") for message_id in ids]
    return sorted((payload["to"], payload["params"]) for payload in payloads)


def reasons(ended: Ended) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in ended.errors.splitlines())


def test_a_row_with_more_cells_than_the_header_sends_no_half_of_a_text(shell: Shell, redis: StoreRedis, file: Path) -> None:
    lines = ["to,p1", "13800138000,Hello, world", '13800138001, "Hello, world"', "13800138002,Hello", "13800138003,a,,"]
    ended = shell.run("bulk", written(file, *lines), *SAME)
    assert ended.code == 1
    assert "cell 3 is not empty" in reasons(ended)["line 2"]
    assert "U+002C COMMA at character 6" in reasons(ended)["line 3"]  # the quoted cell as it was meant
    assert sent(redis) == [("+8613800138002", ["Hello"]), ("+8613800138003", ["a"])]


def test_several_numbers_in_a_row_text_none_of_them(shell: Shell, redis: StoreRedis, file: Path) -> None:
    ended = shell.run("bulk", written(file, "to", "13800138000,13800138001,13800138002", "13800138003/13800138004"), *SAME)
    assert (ended.code, list(reasons(ended))) == (1, ["line 2", "line 3"])
    assert list(redis.scan_iter()) == []


def test_a_number_a_digit_short_texts_no_stranger(shell: Shell, redis: StoreRedis, file: Path) -> None:
    wrong = ["1380013800.0", "1380013800.5", "1380013800-0", "138001380-12", "1380013800²", "1.38E+10", "13800138000x5"]
    right = ["13800138000.0", "\u202d+86 138\u22120013\u22128001\u202c", "\ufeff１３８００１３８００２"]
    ended = shell.run("bulk", written(file, "to", *wrong, *right), *SAME)
    assert (ended.code, len(reasons(ended))) == (1, len(wrong))
    assert [to for to, _ in sent(redis)] == ["+8613800138000", "+8613800138001", "+8613800138002"]


def test_a_code_that_holds_what_nobody_sees_is_refused_by_column_character_and_place(
    shell: Shell, redis: StoreRedis, file: Path
) -> None:
    ended = shell.run("bulk", written(file, "to,p1,p2", "13800138000,739\u200b148,5", "13800138001,739148,\u202e5"), *SAME)
    assert reasons(ended)["line 2"].startswith("p1: holds U+200B ZERO WIDTH SPACE at character 4")
    assert reasons(ended)["line 3"].startswith("p2: holds U+202E RIGHT-TO-LEFT OVERRIDE at character 1")
    assert list(redis.scan_iter()) == []


@pytest.mark.parametrize(
    ("content", "options", "refused"),
    [
        (
            OUTLOOK,
            documented("Outlook"),
            "to: not a phone number: it is empty",
        ),
        (
            GOOGLE,
            documented("Google Contacts"),
            "U+003A COLON at character 13",
        ),
    ],
)
def test_an_export_of_an_address_book_is_a_campaign_once_its_columns_are_named(
    shell: Shell, redis: StoreRedis, file: Path, content: str, options: list[str], refused: str
) -> None:
    file.write_text(content, encoding="utf-8-sig", newline="")
    unnamed = shell.run("bulk", str(file), *SAME)
    assert (unnamed.code, "--column to=NAME says which column is which" in unnamed.errors) == (2, True)
    ended = shell.run("bulk", str(file), *SAME, *options)
    assert ended.code == 1
    assert refused in ended.errors
    assert sent(redis) == [("+8613800138000", ["Anna"])]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--encoding", "base64"), "“base64” is not an encoding for text files"),
        (("--encoding", "klingon\x1b[2J"), "“klingon\\x1b[2J” is not an encoding"),
        (("--encoding", "gb18030"), "the file is UTF-8"),
        (("--column", "Mobile"), 'must be like to="Mobile Phone"'),
        (("--column", "who=Mobile"), 'must be like to="Mobile Phone"'),
        (("--column", "to=a", "--column", "to=b"), "to is given twice"),
        (("--column", "to=\x1b[2J"), "the file has no column with the name “\\x1b[2J”"),
    ],
)
def test_options_that_cannot_work_are_refused_in_a_sentence(
    shell: Shell, redis: StoreRedis, file: Path, options: tuple[str, ...], said: str
) -> None:
    ended = shell.run("bulk", written(file, "to,p1", "13800138000,张三"), *SAME, *options)
    assert (ended.code, ended.output) == (2, "")
    assert said in ended.errors
    assert "Traceback" not in ended.errors
    assert list(redis.scan_iter()) == []


def test_refused_rows_come_back_mended_or_not_as_they_were(shell: Shell, redis: StoreRedis, file: Path, tmp_path: Path) -> None:
    lines = [
        "to;p1;p2",
        "+861280013800;=1+1;'=a",
        '13800138001;5" pipe;-1',
        "\t13800138002;a;b;c",
        '13800138003; "a;b" ;\u200b@x',
        "",
    ]
    assert shell.run("bulk", written(file, *lines), *SAME, "--errors", "wrong.csv").code == 1
    first = (tmp_path / "wrong.csv").read_text("utf-8-sig")
    rows = list(csv.reader(first.splitlines(), delimiter=";"))
    assert not [cell for row in rows for cell in row if cell.lstrip("\u200b \t").startswith(("=", "+", "-", "@"))]
    again = shell.run("bulk", "wrong.csv", *SAME, "--errors", "again.csv")
    assert again.output == "4 rows: 0 accepted, 0 accepted before, 4 refused\n"
    second = (tmp_path / "again.csv").read_text("utf-8-sig")
    assert [line.split(";")[2:] for line in second.splitlines()] == [line.split(";")[2:] for line in first.splitlines()]
    mended = first.replace("861280013800", "8613800138000").replace("''=a", "b").replace('5" pipe', "5")
    (tmp_path / "mended.csv").write_text(mended, encoding="utf-8-sig", newline="")
    summary, *_ = shell.run("bulk", "mended.csv", *SAME).output.splitlines()
    assert summary == "4 rows: 2 accepted, 0 accepted before, 2 refused"
    assert sent(redis) == [("+8613800138000", ["=1+1", "b"]), ("+8613800138001", ["5", "-1"])]


def test_refused_rows_are_private_even_in_a_file_that_was_not(shell: Shell, file: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("older and longer\n" * 100)
    wrong.chmod(0o644)
    assert shell.run("bulk", written(file, "to", "1280013"), *SAME, "--errors", str(wrong)).code == 1
    assert wrong.stat().st_mode & 0o777 == 0o600
    assert len(wrong.read_text("utf-8-sig").splitlines()) == 2


def test_refused_rows_follow_no_symbolic_link(shell: Shell, redis: StoreRedis, file: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "public.csv", tmp_path / "wrong.csv"
    target.write_text("mine\n")
    link.symlink_to(target)
    ended = shell.run("bulk", written(file, "to", "1280013", "13800138000"), *SAME, "--errors", str(link))
    assert (ended.code, "--errors: is a symbolic link" in ended.errors) == (2, True)
    assert target.read_text() == "mine\n"
    assert list(redis.scan_iter()) == []


def test_a_dry_run_shows_a_terminal_nothing_that_it_would_act_on(at_desk: Shell, file: Path) -> None:
    registry = file.parent / "templates.toml"
    registry.write_text(registry.read_text("utf-8").replace("您好", "您好\\u009b2J\\u202e"), encoding="utf-8")
    ended = at_desk.run("bulk", written(file, "to,p1", "13800138000,张三"), "--template", "7", "--dry-run")
    assert ended.code == 0
    assert "the first reads: 【Firma】张三您好\\x9b2J\\u202e" in ended.output
    assert not {"\x9b", "\u202e", "\x1b"} & set(ended.output + ended.errors)


def test_a_dry_run_warns_of_what_a_spreadsheet_leaves_in_place_of_a_value(at_desk: Shell, file: Path) -> None:
    lines = ["to,p1", "13800138000,#N/A", "13800138001,2.0E+21", "13800138002,张三", "13800138003,394021.0"]
    ended = at_desk.run("bulk", written(file, *lines), "--template", "7", "--dry-run")
    assert ended.code == 0
    assert ended.errors.splitlines() == [
        "warning: line 2: p1 looks like “#N/A”, which means that there is no value",
        "warning: line 3: p1 looks like a number in scientific notation, which drops digits",
        "warning: line 5: p1 looks like a whole number that a program wrote as a decimal",
    ]
    assert ended.output.splitlines()[-1] == "3 parameters look wrong (see the warnings) and would be sent as they are"


def test_a_dry_run_does_not_warn_without_end(at_desk: Shell, file: Path) -> None:
    ended = at_desk.run(
        "bulk", written(file, "to,p1", *(f"138{number:08d},NULL" for number in range(50))), "--template", "7", "--dry-run"
    )
    assert len(ended.errors.splitlines()) == 20
    assert "50 parameters look wrong" in ended.output
