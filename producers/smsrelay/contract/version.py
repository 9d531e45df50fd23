"""Version: the field ``v`` of both values on the wire. It is always 1 so far."""

from typing import Annotated, Literal

from pydantic import BeforeValidator


def _refuse_true(version: object) -> object:
    if version is True:  # equal to 1 in Python
        raise ValueError("Input should be 1")
    return version


Version = Annotated[Literal[1], BeforeValidator(_refuse_true)]
