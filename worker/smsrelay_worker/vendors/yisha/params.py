"""Serialises the parameters of a message into the vendor's ``templateParamSet``.

Takes the values in placeholder order, returns one string. A value that the string could not carry unchanged raises
``AmbiguousParamsError``, whose text gives its position and never the value.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

Serialiser = Callable[[tuple[str, ...]], str]

# The vendor has no escape rule (its clients only join), so a delimiter inside a value would shift the other values, and 【】
# would forge a signature. Lone surrogates have no UTF-8 form. The characters after them are those that str.splitlines breaks at.
_UNCARRIABLE = re.compile("[,'\\[\\]【】\ud800-\udfff\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


class AmbiguousParamsError(ValueError):
    """The values could not be separated again once joined. The text contains none of them."""


def plain(values: tuple[str, ...]) -> str:
    """``a, b``: what the vendor's clients send today."""
    _check(values)
    joined = ", ".join(values)
    if len(values) == 1 and not joined.strip():
        raise AmbiguousParamsError("parameter 0 is blank and the only one: it would look like no parameter at all")
    return joined


def quoted(values: tuple[str, ...]) -> str:
    """``['a','b']``: what the vendor's examples of 2020 show."""
    _check(values)
    return "[" + ",".join(f"'{value}'" for value in values) + "]"


SERIALISERS: Mapping[str, Serialiser] = MappingProxyType({"plain": plain, "quoted": quoted})


def serialiser(name: str) -> Serialiser:
    """The serialiser of this name; raises ``ValueError``, which lists the known names."""
    if name not in SERIALISERS:
        raise ValueError(f"unknown serialiser; allowed are {', '.join(SERIALISERS)}")
    return SERIALISERS[name]


def _check(values: tuple[str, ...]) -> None:
    for place, value in enumerate(values):
        if _UNCARRIABLE.search(value):
            raise AmbiguousParamsError(f"parameter {place} contains a character that the vendor's list cannot carry")
