"""The columns are the row's fields, and docs/export.md shows them."""

import dataclasses
import re

from smsrelay_worker.exports.columns import COLUMNS, NAMES, Kind, create_index, create_runs, create_table, markdown_table
from smsrelay_worker.exports.postgresql import TYPES
from smsrelay_worker.exports.row import Row
from tests.support.pages import text_of


def shown(marker: str) -> str:
    found = re.search(rf"<!-- {marker}[^>]*-->\n(.*?)\n<!-- /{marker} -->", text_of("docs/export.md"), re.DOTALL)
    assert found, f"no markers {marker}"
    return found[1]


def test_each_field_of_a_row_is_a_column_in_that_order() -> None:
    assert tuple(field.name for field in dataclasses.fields(Row)) == NAMES


def test_a_column_that_may_be_null_is_not_required() -> None:
    fields = {field.name: str(field.type) for field in dataclasses.fields(Row)}
    assert {column.name for column in COLUMNS if not column.required} == {name for name, of in fields.items() if "None" in of}


def test_the_page_shows_the_columns() -> None:
    assert shown("columns") == markdown_table()


def test_the_page_shows_the_tables_of_postgresql() -> None:
    statements = (create_table(TYPES), create_index(), create_runs(TYPES[Kind.INSTANT]))
    assert shown("table") == "```sql\n" + "".join(f"{one};\n" for one in statements) + "```"
