"""The console while its store is away."""

from pathlib import Path

from tests.integration.console.conftest import environment
from tests.support.console_process import running_console


def test_without_a_store_every_page_says_so_and_signing_in_works(closed_port: int, tmp_path: Path) -> None:
    with running_console(environment(f"redis://127.0.0.1:{closed_port}/0"), tmp_path / "console.log") as console:
        operator = console.operator()
        for path in ("/", "/dead", "/message/428912e6-7d84-58f4-b67b-a3fe7fc2cea5"):
            page = operator.get(path)
            assert page.status_code == 503
            assert "The store does not answer." in page.text
            assert "smsrelay doctor" in page.text
        assert operator.get("/find").status_code == 200
        assert operator.get("/doctor").status_code == 200
