"""Words: what each kind of finding says in one language. Pure, but for reading the file that is installed beside it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from smsrelay.resources import text_beside
from smsrelay_worker.operations.doctor.kind import Kind

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """What is wrong and what to do about it, with places such as ``{count:,}``."""

    problem: str
    remedy: str

    def filled(self, values: Mapping[str, object]) -> "Words":
        """With the places filled; raises ``KeyError`` for one that has no value."""
        return Words(self.problem.format_map(values), self.remedy.format_map(values))


@cache
def words_in(language: str) -> Mapping[Kind, Words]:
    """What every kind says; ``language`` as in HTML's ``lang``."""
    texts = tomllib.loads(text_beside(__name__, f"{language}.toml"))
    return {Kind(name): Words(**text) for name, text in texts.items()}
