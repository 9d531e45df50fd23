"""Answer: which server is the primary, according to one sentinel or node, and what that is worth."""

from dataclasses import dataclass

from smsrelay.servers.failover.place import Place


@dataclass(frozen=True, slots=True)
class Answer:
    """``epoch``: the number of the failover that made it the primary. ``majority``: whether who says so sees most of the others,
    without whom no other server can be promoted; one that is cut off would not hear of it.
    """

    primary: Place
    epoch: int = 0
    majority: bool = True
