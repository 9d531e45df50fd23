"""Campaigns: which there are, and how far each is. Counted in the scripts that accept a message and apply a transition.

A campaign is known for 41 days after its last message was accepted. Raises ``StoreUnavailable``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from smsrelay.messages.progress import CampaignProgress
from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.script import Call, Script
from smsrelay.store.traffic.halts import Effect, HaltedPart, HaltKind, Halts, Unfinished, campaign_part, does

PAGE = 50  # campaigns in one round trip
_COMMANDS = 6  # for the progress of one


class Campaigns:
    """Safe to share between threads. A campaign is named APP/NAME."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._halts = Halts(redis)
        self._names = Script(redis, __name__, "campaign_names.lua")

    def names(self, *, app: str = "", name: str = "", skip: int = 0, limit: int = PAGE) -> list[str]:
        """Names of campaigns, the one that accepted a message last first; of one app, or of one name in all apps."""
        call = self._naming(app, name, skip, limit)
        return list(self._names.run(call.keys, call.args))

    def progress(self, names: Sequence[str]) -> list[CampaignProgress]:
        """How far campaigns are, in their order; those that are unknown are left out."""
        if not names:
            return []
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                self._ask(pipeline, name)
            answers = pipeline.execute()
        return read_progress(names, answers)

    def pause(self, name: str) -> Effect:
        """Begin no further attempt of it; what was begun goes on."""
        return self._halts.halt(campaign_part(name), HaltKind.PAUSED)

    def resume(self, name: str) -> Effect:
        """End the pause. Workers release within seconds what waited for it, at the rate."""
        return self._halts.resume(campaign_part(name))

    def cancel(self, name: str) -> Effect:
        """Begin no message of it any more, and accept none. Workers cancel what waits; what was begun goes on."""
        return self._halts.halt(campaign_part(name), HaltKind.CANCELLED)

    @property
    def scripts(self) -> tuple[str, ...]:
        """Lua sources of what the commands below run."""
        return (self._names.source, *self._halts.scripts)

    def names_command(self, *, app: str = "", name: str = "", skip: int = 0, limit: int = PAGE) -> tuple[Any, ...]:
        """``names`` as a command to send on a connection."""
        return self._names.commands([self._naming(app, name, skip, limit)])[0]

    def pause_command(self, name: str) -> tuple[Any, ...]:
        """``pause`` as a command to send on a connection; its answer is an ``Effect``."""
        return self._halts.halt_command(campaign_part(name), HaltKind.PAUSED)

    def resume_command(self, name: str) -> tuple[Any, ...]:
        """``resume`` as a command to send on a connection; its answer is an ``Effect``."""
        return self._halts.resume_command(campaign_part(name))

    def cancel_command(self, name: str) -> tuple[Any, ...]:
        """``cancel`` as a command to send on a connection; its answer is an ``Effect``."""
        return self._halts.halt_command(campaign_part(name), HaltKind.CANCELLED)

    def progress_commands(self, name: str) -> list[tuple[Any, ...]]:
        """What tells a campaign's progress, as commands to send on a connection; ``read_progress`` reads the answers."""
        keys, part = self._keys, campaign_part(name)
        return [
            ("HGETALL", keys.campaign(name)),
            ("ZSCORE", keys.campaigns, name),
            ("HGET", keys.halts, part),
            ("SCARD", keys.held(part)),
            ("HGET", keys.unfinished, part),
            ("TIME",),
        ]

    def _ask(self, pipeline: Any, name: str) -> None:
        for command in self.progress_commands(name):
            pipeline.execute_command(*command)

    def _naming(self, app: str, name: str, skip: int, limit: int) -> Call:
        return Call([self._keys.campaigns], [app, name, skip, limit])


def read_progress(names: Sequence[str], answers: Sequence[Any]) -> list[CampaignProgress]:
    """The progress of campaigns, from the answers to the commands of each; those that are unknown are left out."""
    found = [_progress(name, answers[place * _COMMANDS : (place + 1) * _COMMANDS]) for place, name in enumerate(names)]
    return [one for one in found if one is not None]


def _progress(name: str, answers: Sequence[Any]) -> CampaignProgress | None:
    fields, last, halt, held, unfinished, (seconds, micros) = answers
    counts = fields if isinstance(fields, Mapping) else dict(zip(fields[::2], fields[1::2], strict=True))
    if not counts or last is None:
        return None
    part = HaltedPart.decode(campaign_part(name), halt, int(seconds) * 1000 + int(micros) // 1000)
    kind = part.kind if part is not None else None
    return CampaignProgress.of(
        name,
        counts,
        float(last),
        halt=kind.value if kind else "",
        held=int(held),
        to_cancel=unfinished is not None and does(unfinished) is Unfinished.CANCEL,
    )
