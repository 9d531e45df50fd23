"""What ``--to`` may name."""

import pytest

from smsrelay_worker.exports.address import Address, Format, read_address
from smsrelay_worker.exports.target import WrongTarget


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("-", Address(Format.NDJSON, "-")),
        ("ndjson:-", Address(Format.NDJSON, "-")),
        ("ndjson:/var/history.ndjson", Address(Format.NDJSON, "/var/history.ndjson")),
        ("sqlite:history.db", Address(Format.SQLITE, "history.db")),
        ("sqlite:/var/history.db", Address(Format.SQLITE, "/var/history.db")),
        ("sqlite:///history.db", Address(Format.SQLITE, "history.db")),
        ("sqlite:////var/history.db", Address(Format.SQLITE, "/var/history.db")),
        *(
            (url, Address(Format.POSTGRESQL, url))
            for url in (
                "postgresql://relay@db.example.com/history",
                "postgres://relay:p%40ss@db.example.com:5433/history?sslmode=verify-full",
                "postgresql://relay@[::1]:5432/history",
                "postgresql://one:5432,two:5433/history?target_session_attrs=primary",
                "postgresql:///history?host=/run/postgresql",
            )
        ),
    ],
)
def test_a_target_is_read(text: str, address: Address) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ":",
            "ndjson",
            "ndjson:",
            "sqlite:",
            "sqlite:///",
            "sqlite://secret",
            "secret.db",
            "mysql://secret/x",
            "sqlite:se\0cret",
        ),
        *("postgresql://u:se@cret@host/db", "postgresql://u:sec/ret@host/db", "postgresql://u:secret%@host/db"),
        *(
            "postgresql://u:sec?ret@host/db",
            "postgresql://u:sec#ret@host/db",
            "postgresql://u:sec ret@host/db",
            "postgresql://[secret/db",
        ),
        "postgresql://host:secret/db",
    ],
)
def test_what_is_no_target_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(WrongTarget) as refused:
        read_address(text)
    assert "cret" not in str(refused.value)


def test_an_address_shows_no_place_in_its_repr() -> None:
    assert "secret" not in repr(read_address("postgresql://relay:secret@host/db"))
