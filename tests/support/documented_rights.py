"""The rights that docs/operating.md lists, and their users in a real server."""

import re

from redis import Redis

from tests.support.pages import text_of


def admit_to_redis(admin: Redis, password: str) -> None:
    """Create every user of the table, with what it may do."""
    for role, rule in redis_rules().items():
        admin.execute_command("ACL", "SETUSER", role, "on", f">{password}", "resetkeys", "resetchannels", *rule)


def redis_rules() -> dict[str, list[str]]:
    return {name: rule.replace("\\|", "|").split() for name, rule in _rows(r"`(\w+)` \| [^|]+ \| `(~.+)`")}


def rabbitmq_rules() -> dict[str, list[str]]:
    rows = _rows(r"((?:`\w+`(?:, )?)+) \| `(\^.+)`")
    return {name: rules.replace("\\|", "|").split("` | `") for names, rules in rows for name in re.findall(r"\w+", names)}


def _rows(cells: str) -> list[tuple[str, str]]:
    section = text_of("docs/operating.md").partition("\n## Rights\n")[2].partition("\n## ")[0]
    return re.findall(rf"^\| {cells} \|$", section, re.MULTILINE)
