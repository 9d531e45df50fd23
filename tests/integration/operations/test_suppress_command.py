"""``smsrelay suppress`` as a shell runs it: numbers go in by standard input or a file, and never come out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smsrelay.contract.key_name import key_name
from smsrelay.store.connection import StoreRedis
from smsrelay.store.suppressions import suppressed_counts
from smsrelay_worker.cli.recipients.suppress import suppress
from smsrelay_worker.cli.status import status
from smsrelay_worker.operations.doctor.suppressions import examine_suppressions
from tests.support.store_keys import KEYS

OLD, NEW = "the old number key", "the new number key"
ANNA, BEN = "13912345678", "13912345679"
Run = Callable[..., Result]


@pytest.fixture
def run(valkey_url: str, redis: StoreRedis, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command with some lines on standard input."""
    for name in ("STORE_URL", "BROKER_URL"):
        monkeypatch.setenv(f"SMSRELAY_{name}", valkey_url)

    def run(*arguments: str, stdin: str = "", number_keys: str = OLD) -> Result:
        return CliRunner().invoke(suppress, arguments, input=stdin, env={"SMSRELAY_NUMBER_KEYS": number_keys})

    return run


def written(folder: Path, content: str, encoding: str = "utf-8") -> str:
    path = folder / "numbers.csv"
    path.write_text(content, encoding)
    return str(path)


def test_numbers_are_added_checked_and_removed(run: Run) -> None:
    assert run("add", "--app", "shop", stdin=f"{ANNA}\n\n+86 139-1234-5679\n").output == "app shop: 2 added, 0 known before\n"
    assert run("add", "--app", "shop", stdin=ANNA).output == "app shop: 0 added, 1 known before\n"
    checked = run("check", stdin=f"13900000000\n{ANNA}")
    assert (checked.exit_code, checked.output[:26]) == (0, "number 2: app shop, since ")
    assert run("remove", "--app", "shop", stdin=ANNA).output == "app shop: 1 removed, 0 were not there\n"
    assert (run("check", stdin=ANNA).exit_code, run("check", stdin=BEN).exit_code) == (1, 0)


def test_a_number_is_taken_off_every_list(run: Run) -> None:
    for options in (("--everyone",), ("--app", "shop"), ("--signature", "【云签】")):
        run("add", *options, stdin=ANNA)
    lines = run("remove", "--all", stdin=ANNA).output.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["every sender", "app shop", "signature 【云签】"]
    assert run("check", stdin=ANNA).output == "on no list\n"


def test_lists_are_counted_and_their_entries_shown_without_numbers(run: Run) -> None:
    run("add", "--app", "shop", stdin=f"{ANNA}\n{BEN}")
    run("add", "--everyone", stdin=ANNA)
    assert run("list").output.splitlines() == ["every sender: 1 numbers", "app shop: 2 numbers"]
    [everyone, shop] = map(json.loads, run("list", "--json").output.splitlines())
    assert everyone == {"list": "*", "numbers": 1, "keys": {key_name(OLD.encode()): 1}, "under_other_keys": 0}
    assert shop["numbers"] == 2
    entries = [json.loads(line) for line in run("list", "--app", "shop", "--json").output.splitlines()]
    assert [(one["list"], one["source"]) for one in entries] == [("app:shop", "command")] * 2
    assert "1391234" not in run("list", "--app", "shop").output


def test_numbers_under_an_older_key_and_under_one_that_is_gone_are_told(run: Run) -> None:
    run("add", "--app", "shop", stdin=f"{ANNA}\n{BEN}")
    assert "2 under an older number key" in run("list", number_keys=f"{NEW},{OLD}").output
    assert "2 under a key that SMSRELAY_NUMBER_KEYS does not have" in run("list", number_keys=NEW).output
    assert run("check", stdin=ANNA, number_keys=f"{NEW},{OLD}").exit_code == 0
    assert run("add", "--app", "shop", stdin=ANNA, number_keys=f"{NEW},{OLD}").output.startswith("app shop: 0 added")
    assert "1 under a key that" in run("list", number_keys=NEW).output


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (("add",), ANNA, "--app APP, --signature SIGNATURE, or --everyone"),
        (("add", "--app", "a", "--everyone"), ANNA, "give one of them"),
        (("add", "--app", "two words"), ANNA, "--app: an app has"),
        (("add", "--signature", "长" * 21), ANNA, "--signature: a signature has"),
        (("add", "--app", "shop"), "", "one phone number a line"),
        (("add", "--app", "shop"), f"{ANNA}\n1391234567x", "line 2: not a phone number"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_done(
    run: Run, redis: StoreRedis, arguments: tuple[str, ...], stdin: str, says: str
) -> None:
    result = run(*arguments, stdin=stdin)
    assert (result.exit_code, says in result.output) == (2, True)
    assert "1391234" not in result.output
    assert redis.hlen(KEYS.suppressed) == 0


def test_a_file_of_numbers_is_imported_however_its_columns_are_called_and_again_without_harm(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, f"姓名;手机号;备注\nAnna;{ANNA};\nBen;{BEN};a\nAnna again;+86{ANNA};\n")
    assert run("import", file, "--app", "shop").output == "app shop: 3 rows: 2 new, 1 known before, 0 refused\n"
    assert run("import", file, "--app", "shop").output == "app shop: 3 rows: 0 new, 3 known before, 0 refused\n"
    other = written(tmp_path, f"Tel\n{ANNA}\n", "gb18030")
    options = ("--everyone", "--column", "Tel", "--encoding", "gb18030")
    assert run("import", other, *options).output == "every sender: 1 rows: 1 new, 0 known before, 0 refused\n"


def test_rows_that_hold_no_number_are_told_by_line_and_never_quoted(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, f'to,note\n{ANNA},\n1391234,\n\n12"3,x\n{BEN}\n')
    result = run("import", file, "--app", "shop")
    assert result.exit_code == 1
    assert "app shop: 4 rows: 1 new, 0 known before, 3 refused\n" in result.output
    assert [line.partition(": ")[0] for line in result.output.splitlines()[:3]] == ["line 3", "line 5", "line 6"]
    assert "1391234" not in result.output


def test_an_export_is_taken_back_as_it_was(run: Run, redis: StoreRedis, tmp_path: Path) -> None:
    run("add", "--app", "shop", stdin=f"{ANNA}\n{BEN}")
    run("add", "--signature", "云,签", stdin=ANNA)
    exported = CliRunner().invoke(suppress, ["export"], env={"SMSRELAY_NUMBER_KEYS": OLD})
    assert "3 exported; the digests stand for numbers, which cannot be recovered" in exported.stderr
    assert exported.stdout.startswith("digest,list,since,source,key\n")
    assert "1391234" not in exported.output
    before = redis.hgetall(KEYS.suppressed), redis.hgetall(KEYS.suppressed_counts)
    redis.flushall()
    file = written(tmp_path, exported.stdout)
    assert run("import", file).output == "export: 3 rows: 3 new, 0 known before, 0 refused\n"
    assert (redis.hgetall(KEYS.suppressed), redis.hgetall(KEYS.suppressed_counts)) == before
    assert run("import", file, "--everyone").exit_code == 2
    assert "3 of these are under keys that" in run("import", file, number_keys=NEW).output


def test_a_damaged_export_is_taken_back_as_far_as_it_can_be_read(run: Run, redis: StoreRedis, tmp_path: Path) -> None:
    good = f"abcdefABCD-_,*,1764300000000,import,{key_name(OLD.encode())}"
    file = written(tmp_path, f"digest,list,since,source,key\n{ANNA},*,1,import,\nabcdefABCD-_,shop,1,import,\n{good}\nx\n")
    result = run("import", file)
    assert result.exit_code == 1
    assert "export: 4 rows: 1 new, 0 known before, 3 refused" in result.output
    assert ANNA not in result.output
    assert redis.hlen(KEYS.suppressed) == 1


def test_a_file_without_a_column_of_numbers_is_refused(run: Run, tmp_path: Path) -> None:
    result = run("import", written(tmp_path, f"name\n{ANNA}\n"), "--app", "shop")
    assert (result.exit_code, "no column to (手机号)" in result.output) == (2, True)


def test_the_status_tells_how_many_numbers_want_no_marketing(run: Run) -> None:
    run("add", "--signature", "云签", stdin=f"{ANNA}\n{BEN}")
    shown = CliRunner().invoke(status, env={"SMSRELAY_NUMBER_KEYS": OLD})
    assert "no marketing of signature 【云签】: 2 numbers" in shown.output
    assert json.loads(CliRunner().invoke(status, ["--json"]).output)["suppressed"] == {"sig:云签": 2}


def test_the_doctor_warns_of_numbers_that_no_look_up_finds(run: Run, redis: StoreRedis) -> None:
    run("add", "--everyone", stdin=f"{ANNA}\n{BEN}")
    ours, other = key_name(OLD.encode()), key_name(NEW.encode())
    assert examine_suppressions(suppressed_counts(redis), [other, ours]) == []
    [found] = examine_suppressions(suppressed_counts(redis), [other])
    assert found.problem.startswith("2 suppressed numbers are under a key that SMSRELAY_NUMBER_KEYS does not have")


def test_a_store_that_does_not_answer_is_exit_code_3(run: Run, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSRELAY_STORE_URL", f"redis://127.0.0.1:{closed_port}/0")
    assert run("add", "--everyone", stdin=ANNA).exit_code == 3
    assert run("list").exit_code == 3
