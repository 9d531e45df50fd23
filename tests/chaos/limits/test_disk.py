"""Numbers and parameters in the files of a run are found, and are not repeated by who finds them."""

from pathlib import Path

import pytest

from tests.chaos.limits import disk
from tests.chaos.limits.disk import exposed


@pytest.mark.parametrize("text", [b"to +8613903000001 sent", b'["sim:200"]', b"sim:D504TO+503/200"])
@pytest.mark.parametrize("piece", [4, 1 << 20])
def test_a_number_or_a_parameter_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, piece: int) -> None:
    monkeypatch.setattr(disk, "_PIECE", piece)
    (tmp_path / "valkey" / "appendonlydir").mkdir(parents=True)
    (tmp_path / "valkey" / "appendonlydir" / "appendonly.aof").write_bytes(b"x" * 100 + text + b"y" * 100)
    [found] = exposed(tmp_path)
    assert found.condition == 14
    assert "appendonly.aof holds 1 numbers or parameters, at byte 1" in found.text
    assert text.decode() not in found.text


def test_logs_are_looked_at_and_what_the_run_itself_wrote_is_not(tmp_path: Path) -> None:
    (tmp_path / "worker1.log").write_text("8613903000001", encoding="utf-8")
    (tmp_path / "shop.told").write_text("8613903000001", encoding="utf-8")
    assert [offence.text.split()[0] for offence in exposed(tmp_path)] == ["worker1.log"]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "worker1.log").write_text("86139 03000001 sim: 200", encoding="utf-8")
    assert list(exposed(tmp_path)) == []
