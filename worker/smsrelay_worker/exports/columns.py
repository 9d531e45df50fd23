"""Columns: the tables in which SQL targets keep rows, and what each column means. Pure.

docs/export.md shows what ``markdown_table`` and ``create_table`` return.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

TABLE = "smsrelay_messages"
RUNS = "smsrelay_export"  # one row: when the last complete export began


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    INSTANT = "instant"
    FLAG = "flag"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """One column, named as the field of ``Row``. ``required``: never null."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False


COLUMNS = (
    Column("message_id", Kind.TEXT, "the message's id; primary key, with `accepted_at`", required=True),
    Column(
        "accepted_at",
        Kind.INSTANT,
        "when it was accepted: after the retention the same reference is a new message with the same id",
        required=True,
    ),
    Column("revision", Kind.INTEGER, "grows with every change of the message: the higher one is newer", required=True),
    Column("state", Kind.TEXT, "`delivered`, `failed`, `unknown`, `expired` or `cancelled`", required=True),
    Column("code", Kind.TEXT, "the vendor's last code"),
    Column("rule", Kind.TEXT, "the rule that decided last: `smsrelay policy explain RULE`"),
    Column("lane", Kind.TEXT, "`otp`, `notice` or `marketing`", required=True),
    Column("template", Kind.TEXT, "template id", required=True),
    Column("app", Kind.TEXT, "the app that sent it", required=True),
    Column("reference", Kind.TEXT, "the app's own id of it"),
    Column("campaign", Kind.TEXT, "the campaign that it was part of"),
    Column("country", Kind.TEXT, "calling code of the number: `86`", required=True),
    Column("test", Kind.FLAG, "a test message, which never reached the vendor", required=True),
    Column("attempts", Kind.INTEGER, "how many attempts were begun", required=True),
    Column("begun_at", Kind.INSTANT, "when the first attempt began; null without one"),
    Column("ended_at", Kind.INSTANT, "since when it is in this state", required=True),
    Column(
        "changed_at",
        Kind.INSTANT,
        "the last line of its timeline; later than `ended_at` if a report was only noted",
        required=True,
    ),
    Column("external_id", Kind.TEXT, "the vendor's id of the last attempt"),
    Column("vendor_message", Kind.TEXT, "the vendor's last words, masked; null of what was delivered"),
    Column("tags", Kind.JSON, "the app's tags, an object", required=True),
    Column("used_at", Kind.INSTANT, "when the app first said that the code was used"),
    Column("recipient", Kind.TEXT, "keyed digest of the number; null once the recipient was forgotten in the store"),
    Column("number", Kind.TEXT, "the number in E.164, only with `--numbers`, and only while the store still has it"),
    Column(
        "timeline",
        Kind.JSON,
        "a list: `at`, `state`, `attempt`, `code`, `rule`, `updated_on`; instants in ms since 1970",
        required=True,
    ),
    Column("exported_at", Kind.INSTANT, "when this row was last written, on the store's clock", required=True),
)
NAMES = tuple(column.name for column in COLUMNS)
KEY = ("message_id", "accepted_at")


def create_table(types: Mapping[Kind, str]) -> str:
    """The statement that creates the table of messages."""
    width = max(map(len, NAMES))
    lines = [f"    {one.name:<{width}} {types[one.kind]}{' NOT NULL' if one.required else ''}" for one in COLUMNS]
    return ",\n".join([f"CREATE TABLE {TABLE} (\n{lines[0]}", *lines[1:], f"    PRIMARY KEY ({', '.join(KEY)})\n)"])


def create_index() -> str:
    """The statement that creates the index by day."""
    return f"CREATE INDEX {TABLE}_accepted_at ON {TABLE} (accepted_at)"


def create_runs(instant: str) -> str:
    """The statement that creates the table of the last complete export; ``instant``: the type of its column."""
    return f"CREATE TABLE {RUNS} (\n    only_row integer PRIMARY KEY CHECK (only_row = 1),\n    began_at {instant} NOT NULL\n)"


def upsert(placeholders: Sequence[str]) -> str:
    """The statement that writes a row, unless the table has the same or a newer version of the message.

    A number that was exported stays when the store has deleted it since, unless its recipient was forgotten.
    """
    kept = f"CASE WHEN excluded.recipient IS NULL THEN NULL ELSE coalesce(excluded.number, {TABLE}.number) END"
    changes = [f"{name} = {kept if name == 'number' else f'excluded.{name}'}" for name in NAMES if name not in KEY]
    used = f"excluded.used_at IS NOT NULL AND {TABLE}.used_at IS NULL"
    columns, values, key = ", ".join(NAMES), ", ".join(placeholders), ", ".join(KEY)
    insert = f"INSERT INTO {TABLE} ({columns}) VALUES ({values})"  # noqa: S608  all are constants
    newer = f"excluded.revision > {TABLE}.revision OR excluded.changed_at > {TABLE}.changed_at OR ({used})"
    return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {', '.join(changes)} WHERE {newer}"


def markdown_table() -> str:
    """The columns for docs/export.md."""
    lines = ["| column | holds | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{one.name}` | {one.kind.value} | {one.meaning} |" for one in COLUMNS)])
