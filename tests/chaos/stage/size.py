"""How many processes a stage has, and how fast they work. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """How many of each. ``workers``: parents, each with a process for every queue."""

    workers: int = 2
    receivers: int = 2
    rate: int = 400  # submits a second; random throttling takes most of it
    threads: int = 24


USUAL = Size()
