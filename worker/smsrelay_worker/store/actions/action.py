"""Action: one entry of the action log. Pure.

It holds no phone number, parameter, code or secret. A number stands in it masked, or not at all.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

EVERYTHING = "everything"  # a target: all traffic
_LONGEST = 200  # characters of a field
_LONGEST_TARGET = 600  # ten targets and how many more
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_NAMED = 10  # targets of one action


class Via(StrEnum):
    """Where an action came from."""

    COMMAND = "command"
    CONSOLE = "console"
    API = "api"


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody did, or tried to do."""

    via: Via
    who: str  # command: USER@HOST; console: the login; API: the key's id
    what: str  # the command's words: "halt", "campaign pause"; the console names an action like the command that does the same
    target: str = ""  # KIND:NAME: lane:otp, campaign:shop/spring, message:ID, sink:shop.webhook, number:+86139****5678
    result: str = "done"
    at: int = 0  # ms on the store's clock, set by the log
    entry_id: str = ""  # set by the log

    def encode(self) -> dict[str, str]:
        """The fields as the store holds them; what is too long is cut."""
        fields = {"via": self.via.value, "who": self.who, "what": self.what, "target": self.target, "result": self.result}
        return {name: _short(value, _LONGEST_TARGET if name == "target" else _LONGEST) for name, value in fields.items()}

    @classmethod
    def decode(cls, entry_id: str, at: int, fields: Mapping[str, str]) -> Self:
        """Read what ``encode`` wrote."""
        texts = {name: fields.get(name, "") for name in ("who", "what", "target", "result")}
        return cls(via=Via(fields["via"]), at=at, entry_id=entry_id, **texts)


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Selects entries; a field that is empty matches any. ``who`` and ``target`` match parts, ``what`` the first words."""

    since: int = 0  # ms
    via: Via | None = None
    who: str = ""
    what: str = ""
    target: str = ""

    def matches(self, action: Action) -> bool:
        """Whether an entry matches; ``since`` is left to the log, which reads no further back."""
        return (
            self.via in {None, action.via}
            and self.who in action.who
            and self.target in action.target
            and f"{action.what} ".startswith(f"{self.what} " if self.what else "")
        )


def targets(kind: str, names: Sequence[str]) -> str:
    """Several targets of one kind, at most ten of them by name."""
    more = [f"and {len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return " ".join([*(f"{kind}:{name}" for name in names[:_MOST_NAMED]), *more])


def message_targets(ids: Sequence[str], known: Collection[str] = ()) -> str:
    """Messages by ids that a person typed; what neither looks like one nor is ``known`` may be a number, and is not kept."""
    return targets("message", [one if one in known or _ID.fullmatch(one) else "?" for one in ids])


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
