"""A group of servers and sentinels that can be split: the primary and the first sentinel on one side, the others on the other.

Takes a folder. Whoever is on one side is then refused by those on the other, while clients of ours reach both: what one sees who
stands between two networks. The servers of the group log in to each other as ``east``; on the side that is cut off, the sentinel
becomes ``west``, and each side forgets the user of the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.redis_node import RedisNode
from tests.support.sentinels import MASTER, SentinelGroup, Special, running_sentinels
from tests.support.waiting import eventually

PASSWORD = "app-4711"
_BETWEEN = "between-4711"
_RIGHTS = ("on", f">{_BETWEEN}", "~*", "&*", "+@all")
_USERS = tuple(f"user {name} {' '.join(_RIGHTS)}" for name in ("east", "west"))
_SPLIT = 30.0  # seconds, on a busy machine


class SplitGroup:
    """``group``: all of it. ``old``: the primary that is cut off, while it is."""

    def __init__(self, group: SentinelGroup) -> None:
        self.group = group
        self.old = group.primary

    def url(self, database: int = 0) -> str:
        """The URL of the group; the sentinel that is cut off is the first one."""
        return self.group.url(database, password=PASSWORD, sentinel_password=PASSWORD)

    def split(self) -> RedisNode:
        """Cut the primary off, together with a sentinel; returns the new primary once the others have one."""
        self.old = self.group.primary
        alone, *others = self.group.sentinels
        alone.ask("SENTINEL", "SET", MASTER, "auth-user", "west")
        alone.ask("SENTINEL", "CONFIG", "SET", "sentinel-user", "west")
        for node in (self.old, alone):
            node.ask("ACL", "DELUSER", "east")
        for node in (*self._servers(), *others):
            node.ask("ACL", "DELUSER", "west")
        return eventually(lambda: self._promoted(others), "the others promote a replica", _SPLIT)  # type: ignore[no-any-return]

    def heal(self) -> None:
        """Let both sides see each other again."""
        for node in (*self.group.servers, *self.group.sentinels):
            for user in ("east", "west"):
                node.ask("ACL", "SETUSER", user, *_RIGHTS)
        eventually(lambda: not self.old.is_primary, "the old primary becomes a replica", _SPLIT)
        self.group.restore()

    def is_cut_off(self) -> bool:
        """Whether the old primary and its sentinel still know nothing of the new one."""
        named = self.group.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        return self.old.is_primary and named[1] == str(self.old.port)

    def _servers(self) -> list[RedisNode]:
        return [node for node in self.group.servers if node is not self.old]

    def _promoted(self, sentinels: list[RedisNode]) -> RedisNode | None:
        named = {str(one.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1]) for one in sentinels}
        found = [node for node in self._servers() if named == {str(node.port)} and node.is_primary]
        return found[0] if found else None


@contextmanager
def running_split_group(folder: Path) -> Iterator[SplitGroup]:
    """Start one, whole as yet."""
    between = f"{MASTER} {_BETWEEN}"
    special = Special(
        server=(*_USERS, f"requirepass {PASSWORD}", "masteruser east", f"masterauth {_BETWEEN}"),
        sentinel=(
            *_USERS,
            f"requirepass {PASSWORD}",
            f"sentinel auth-user {MASTER} east",
            f"sentinel auth-pass {between}",
            "sentinel sentinel-user east",
            f"sentinel sentinel-pass {_BETWEEN}",
        ),
        login={"password": PASSWORD},
        sentinel_login={"password": PASSWORD},
    )
    with running_sentinels(folder, special) as group:
        yield SplitGroup(group)
