"""Tags: a few short pairs that an app may give a job, and finds again in lookups and outcomes.

Wrong tags raise ``ValueError`` while a job is made, which becomes a ``Rejection``; no text quotes a value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from smsrelay.contract.parameter import placed
from smsrelay.contract.phone_number import e164

MOST = 5
KEY = r"^[A-Za-z0-9_.\-]{1,20}$"
LONGEST_VALUE = 40  # characters


@dataclass(frozen=True, slots=True)
class Tags(Mapping[str, str]):
    """A read-only mapping that keeps the order of its pairs, can be hashed and pickles."""

    pairs: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, key: str) -> str:
        return dict(self.pairs)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.pairs))

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        return dict(self.pairs) == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self.pairs))

    def __repr__(self) -> str:
        return repr(dict(self.pairs))


_NONE = Tags()


def no_tags() -> Tags:
    """The tags of a job that names none."""
    return _NONE


def _as_dict(tags: object) -> object:
    return dict(tags) if isinstance(tags, Mapping) else tags


def _frozen(tags: Mapping[str, str]) -> Tags:
    return Tags(tuple(tags.items()))


def _presentable(value: str) -> str:
    if not value.isprintable():
        place = next(place for place, character in enumerate(value) if not character.isprintable())
        raise ValueError(f"must be printable text, and holds {placed(value, place)}")
    if _is_number(value):
        raise ValueError("must not be a phone number: tags are kept and passed on in the clear")
    return value


def _is_number(value: str) -> bool:
    try:
        e164(value)
    except ValueError:
        return False
    return True


_Key = Annotated[str, Field(pattern=KEY)]
_Value = Annotated[str, Field(min_length=1, max_length=LONGEST_VALUE), AfterValidator(_presentable)]
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "default": {},
    "maxProperties": MOST,
    "propertyNames": {"pattern": KEY},
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": LONGEST_VALUE},
}

if TYPE_CHECKING:
    TagsField = Tags
else:
    TagsField = Annotated[
        dict[_Key, _Value],
        Field(max_length=MOST),
        BeforeValidator(_as_dict),
        AfterValidator(_frozen),
        PlainSerializer(dict),
        WithJsonSchema(_SCHEMA),
    ]
