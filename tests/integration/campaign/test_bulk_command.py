"""``smsrelay bulk`` as a shell runs it: what it takes, what it says of wrong rows, and that a second run sends nothing twice."""

import csv
import re
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.store.connection import StoreRedis
from tests.support.queues import published_ids
from tests.support.shell import Shell
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

KEY = "tops-ecre-tkey-0815"
CODE = "739148"
SAME = ("--template", "0000000", "--lane", "marketing")
MANY = 20_000


@pytest.fixture
def shell(valkey_url: str, tmp_path: Path) -> Shell:
    urls = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url}
    return Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": KEY})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "spring.csv"


def numbers(count: int) -> list[str]:
    return [f"138{number:08d}" for number in range(count)]


def written(file: Path, *lines: str, encoding: str = "utf-8") -> str:
    file.write_text("\r\n".join(lines) + "\r\n", encoding=encoding)
    return str(file)


def test_a_file_as_excel_saves_it_is_a_campaign(shell: Shell, redis: StoreRedis, file: Path) -> None:
    lines = [
        "手机号,模板,通道,流水号,参数1",
        '13800138000,0012345,notice,r1,"张三"',
        "13800138001,0012345,marketing,r2,李四",
        ",,,,",
    ]
    ended = shell.run("bulk", written(file, *lines, encoding="utf-8-sig"), "--app", "shop")
    summary, *follow = ended.output.splitlines()
    assert (ended.code, summary, ended.errors) == (0, "2 rows: 2 accepted, 0 accepted before, 0 refused", "")
    name = str(redis.hget(KEYS.message(referenced_id("shop", "r1")), "cmp"))
    assert re.fullmatch("spring-[0-9a-f]{8}", name)
    assert follow == [
        f"watch it:  smsrelay campaign show {name} --app shop",
        f"stop it:   smsrelay campaign pause {name} --app shop, or cancel",
    ]
    assert redis.zrange(KEYS.campaigns, 0, -1) == [f"shop/{name}"]
    assert published_ids(redis, Lane.NOTICE) == [referenced_id("shop", "r1")]
    assert published_ids(redis, Lane.MARKETING) == [referenced_id("shop", "r2")]
    assert redis.hget(KEYS.message(referenced_id("shop", "r1")), "tpl") == "0012345"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_another_encoding_is_refused_with_advice_and_taken_when_it_is_named(
    shell: Shell, redis: StoreRedis, file: Path, encoding: str
) -> None:
    path = written(file, "to,p1", "13800138000,张三", encoding=encoding)
    guessed = shell.run("bulk", path, *SAME)
    assert (guessed.code, guessed.output) == (2, "")
    assert f"--encoding {encoding}" in guessed.errors
    assert list(redis.scan_iter()) == []
    assert shell.run("bulk", path, *SAME, "--encoding", encoding).code == 0
    [message_id] = published_ids(redis, Lane.MARKETING)
    assert "张三" in (redis.get(KEYS.payload(message_id)) or "")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_delimiter_is_the_headers_own(shell: Shell, redis: StoreRedis, file: Path, delimiter: str) -> None:
    path = written(file, delimiter.join(("to", "p1")), delimiter.join(("13800138000", CODE)))
    assert shell.run("bulk", path, *SAME).code == 0
    assert redis.zcard(KEYS.agenda) == 1


def test_wrong_rows_are_told_by_line_and_reason_and_kept_to_be_mended(
    shell: Shell, redis: StoreRedis, file: Path, tmp_path: Path
) -> None:
    lines = [
        "to,p1",
        f"13800138000,{CODE}",
        f"1280013,{CODE}",
        '13800138001,"a',
        'b"',
        "13800138002",
        f"1.38E+10,{CODE}",
        f"13800138003,{CODE}",
    ]
    ended = shell.run("bulk", written(file, *lines), *SAME, "--errors", "wrong.csv")
    assert (ended.code, ended.output.splitlines()[0]) == (1, "6 rows: 2 accepted, 0 accepted before, 4 refused")
    assert [line.split(":")[0] for line in ended.errors.splitlines()] == ["line 3", "line 4", "line 6", "line 7"]
    assert not any(value in ended.errors for value in ("1280013", "13800138", "1.38E", CODE))
    wrong = tmp_path / "wrong.csv"
    assert wrong.stat().st_mode & 0o077 == 0
    rows = list(csv.reader(wrong.read_text("utf-8-sig").splitlines(keepends=True)))
    assert [row[0] for row in rows] == ["line", "3", "4", "6", "7"]
    wrong.write_text(wrong.read_text("utf-8-sig").replace("1280013", "13800138009"), encoding="utf-8-sig")
    again = shell.run("bulk", "wrong.csv", *SAME)
    assert again.output.startswith("4 rows: 1 accepted")


def test_very_many_wrong_rows_are_not_all_told(shell: Shell, file: Path) -> None:
    ended = shell.run("bulk", written(file, "to", *["1"] * 50), *SAME)
    assert (ended.code, len(ended.errors.splitlines())) == (1, 21)
    assert "and 30 more; --errors FILE" in ended.errors


def test_running_it_again_sends_nothing_twice(shell: Shell, redis: StoreRedis, file: Path) -> None:
    path = written(file, "to", *numbers(700))
    assert shell.run("bulk", path, *SAME).output.splitlines()[0] == "700 rows: 700 accepted, 0 accepted before, 0 refused"
    again = shell.run("bulk", path, *SAME)
    assert (again.code, again.output.splitlines()[0]) == (0, "700 rows: 0 accepted, 700 accepted before, 0 refused")
    assert redis.zcard(KEYS.agenda) == 700


def test_a_campaign_that_was_begun_before_a_change_of_the_key_is_not_sent_twice(
    shell: Shell, redis: StoreRedis, file: Path
) -> None:
    begun = written(file, "to,p1", "not a number,a", f"13800138000,{CODE}")
    shell.run("bulk", begun, *SAME, "--campaign", "spring")
    whole = written(file, "to,p1", "13800138001,b", f"13800138000,{CODE}")
    for listed, known in (
        (f"the new key of numbers,{KEY}", 1),
        (f"the new key of numbers,{KEY}", 2),
        ("the new key of numbers", 0),
    ):
        shell.set("SMSRELAY_NUMBER_KEYS", listed)
        ended = shell.run("bulk", whole, *SAME, "--campaign", "spring")
        assert ended.output.splitlines()[0] == f"2 rows: {2 - known} accepted, {known} accepted before, 0 refused"


def test_the_same_row_twice_in_a_file_is_one_message(shell: Shell, redis: StoreRedis, file: Path) -> None:
    ended = shell.run("bulk", written(file, "to,p1", "13800138000,a", "+86 138-0013-8000,a", "13800138000,b"), *SAME)
    assert ended.output.splitlines()[0] == "3 rows: 2 accepted, 1 accepted before, 0 refused"
    assert redis.zcard(KEYS.agenda) == 2


def test_a_named_campaign_goes_on_from_a_changed_file_and_another_name_is_another_campaign(shell: Shell, file: Path) -> None:
    shell.run("bulk", written(file, "to", *numbers(3)), *SAME, "--campaign", "spring")
    longer = written(file, "to", *reversed(numbers(5)))
    assert shell.run("bulk", longer, *SAME, "--campaign", "spring").output.startswith("5 rows: 2 accepted, 3 accepted before")
    assert shell.run("bulk", longer, *SAME, "--campaign", "summer").output.startswith("5 rows: 5 accepted")


def test_a_reference_used_for_other_content_is_named_by_its_line(shell: Shell, file: Path) -> None:
    ended = shell.run("bulk", written(file, "to,reference,p1", "13800138000,r-walrus,a", "13800138000,r-walrus,b"), *SAME)
    assert (ended.code, ended.errors.split(":")[0]) == (1, "line 3")
    assert "walrus" not in ended.errors


def test_a_command_killed_in_the_middle_and_run_again_makes_one_message_of_each_row(
    shell: Shell, redis: StoreRedis, file: Path
) -> None:
    path = written(file, "to", *numbers(MANY))
    with shell.start("bulk", path, *SAME) as process:
        eventually(lambda: redis.zcard(KEYS.agenda), "the first rows are recorded")
        process.kill()
    recorded = redis.zcard(KEYS.agenda)
    assert recorded > 0  # all, if this process stood still for seconds; then the second run finds nothing to do
    again = shell.run("bulk", path, *SAME)
    assert again.output.splitlines()[0] == f"{MANY:,} rows: {MANY - recorded:,} accepted, {recorded:,} accepted before, 0 refused"
    published = published_ids(redis, Lane.MARKETING)
    assert len(set(published)) == redis.zcard(KEYS.agenda) == redis.zcard(KEYS.outbox(Lane.MARKETING)) == MANY


def test_a_file_saved_anew_on_the_way_stops_the_command_which_says_how_to_go_on(
    shell: Shell, redis: StoreRedis, file: Path
) -> None:
    path = written(file, "to", *numbers(MANY))
    with shell.start("bulk", path, *SAME) as process:
        eventually(lambda: redis.zcard(KEYS.agenda), "the first rows are recorded")
        written(file, "to", *numbers(MANY), "13912345678")
        _, errors = process.communicate(timeout=60)
    told = errors.decode()
    assert process.returncode == 3
    assert "FILE: was changed while it was read" in told
    recorded = redis.zcard(KEYS.agenda)
    [named] = re.findall(r"run it again with (--campaign \w+), or accepted rows are sent again", told)
    again = shell.run("bulk", path, *SAME, *named.split())
    summary = f"{MANY + 1:,} rows: {MANY + 1 - recorded:,} accepted, {recorded:,} accepted before, 0 refused"
    assert again.output.splitlines()[0] == summary
    assert redis.zcard(KEYS.agenda) == MANY + 1


def test_a_dry_run_counts_and_shows_and_enqueues_nothing(redis: StoreRedis, tmp_path: Path, file: Path) -> None:
    registry = '[[template]]\nid="7"\nbody="{0}您好{1}"\nsignature="Firma"\nstatus="pending"\nlane="notice"\n'
    (tmp_path / "templates.toml").write_text(registry, encoding="utf-8")
    shell = Shell(tmp_path, {"SMSRELAY_NUMBER_KEYS": KEY, "SMSRELAY_TEMPLATES": "templates.toml"})
    lines = ["to,p1,p2", "13800138000,张三,a", f"13800138001,李四,{'长' * 70}", "13800138002,王五,"]
    ended = shell.run("bulk", written(file, *lines), "--template", "7", "--dry-run")
    assert ended.code == 1
    assert ended.errors == "line 4: params: 1 given, template 7 takes 2\n"
    assert ended.output.splitlines() == [
        "3 rows: 2 would be accepted, 1 refused; nothing was enqueued",
        "template 7, lane notice: 2 messages",
        "template 7: 3 segments in all; the first reads: 张三您好a【PIN】",
        "template 7: not approved yet",
    ]
    assert list(redis.scan_iter()) == []


def test_commas_go_out_full_width_where_the_template_says_so_and_nowhere_else(
    valkey_url: str, redis: StoreRedis, tmp_path: Path, file: Path
) -> None:
    row = '[[template]]\nid="{id}"\nbody="Dear {{0}}"\nsignature="Firma"\nstatus="approved"\nlane="notice"\nfull_width={flag}\n'
    registry = row.format(id="7", flag="true") + row.format(id="8", flag="false")
    (tmp_path / "templates.toml").write_text(registry, encoding="utf-8")
    urls = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url}
    shell = Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": KEY, "SMSRELAY_TEMPLATES": "templates.toml"})
    path = written(file, "to,template,p1", """13800138000,7,"O'Hara, Ann\"""", """13800138001,8,"O'Hara, Ann\"""")
    checked, sent = shell.run("bulk", path, "--dry-run"), shell.run("bulk", path)
    for ended in (checked, sent):
        assert ended.code == 1
        assert ended.errors.startswith("line 3: p1: holds U+0027 APOSTROPHE at character 2")
    assert "the first reads: 【Firma】Dear O＇Hara， Ann" in checked.output
    [message_id] = published_ids(redis, Lane.NOTICE)
    assert "O＇Hara， Ann" in (redis.get(KEYS.payload(message_id)) or "")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["13800138000,a", "13800138001,b"], "must be a header"),
        (["to,refrence", "13800138000,r"], "refrence"),
        (["to,p1", '13800138000,"open', "13800138001,b"], "line 2: is not CSV"),
        ([""], "line 1: must be a header"),
    ],
)
def test_a_file_that_is_no_campaign_ends_with_2_before_anything_is_enqueued(
    shell: Shell, redis: StoreRedis, file: Path, lines: list[str], said: str
) -> None:
    ended = shell.run("bulk", written(file, *lines), *SAME)
    assert (ended.code, ended.output) == (2, "")
    assert said in ended.errors
    assert "138001380" not in ended.errors
    assert list(redis.scan_iter()) == []


def test_without_the_store_it_ends_with_3_and_says_how_to_go_on(
    tmp_path: Path, file: Path, valkey_url: str, closed_port: int
) -> None:
    urls = {"SMSRELAY_STORE_URL": f"redis://127.0.0.1:{closed_port}/0", "SMSRELAY_BROKER_URL": valkey_url}
    ended = Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": KEY}).run("bulk", written(file, "to", "13800138000"), *SAME)
    assert (ended.code, ended.output) == (3, "")
    assert "run the same command again" in ended.errors


def test_the_file_of_refused_rows_is_not_the_file_itself(shell: Shell, file: Path) -> None:
    path = written(file, "to", "13800138000")
    assert shell.run("bulk", path, *SAME, "--errors", path).code == 2
    assert file.read_text() == "to\n13800138000\n"


def test_a_name_that_no_campaign_can_have_is_refused_with_what_is_allowed(shell: Shell, redis: StoreRedis, file: Path) -> None:
    ended = shell.run("bulk", written(file, "to", "13800138000"), *SAME, "--campaign", "spring sale")
    assert ended.code == 2
    assert "--campaign: a name has 1 to 64 letters (also Chinese), digits, hyphens, underscores or dots" in ended.errors
    assert redis.dbsize() == 0
