"""Version: the ``v`` of both values on the wire, which so far is always 1.

Enters: what stands there. Leaves: 1. Anything else is refused, ``true`` too, which Python takes for 1.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator


def _no_truth(version: object) -> object:
    if version is True:
        raise ValueError("Input should be 1")
    return version


Version = Annotated[Literal[1], BeforeValidator(_no_truth)]
