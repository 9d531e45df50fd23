"""Connections of redis-py for an event loop that lead to the present primary, as those of ``redis_connection`` do.

With ``primary``, host and port are ignored: whenever a connection is opened, sentinels or nodes are asked where to.
"""

from typing import Any

from redis.asyncio import Connection, SSLConnection
from redis.exceptions import RedisError, ResponseError

from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.primary import finder
from smsrelay.servers.failover.primary_unknown import NAMED_A_REPLICA, PrimaryUnknown
from smsrelay.servers.failover.sentinels import Sentinels
from smsrelay.servers.failover.server_role import is_replica
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.redis_errors import needs_new_connection

_OPENS = "connect_check_health" if hasattr(Connection, "connect_check_health") else "connect"  # in older versions of redis-py
_CONNECT = 1.5  # seconds; a machine that is gone must not take the time in which its successor is found
_SUCCESSOR = 10.0  # seconds to wait for another primary when the one that is named cannot be reached, unless the caller gives up


class _ToPrimary:
    """Put in front of a connection class."""

    host: Any
    port: Any
    is_connected: bool
    _leads_to: Place | None = None

    def __init__(self, *, primary: Sentinels | Cluster, **options: Any) -> None:
        self._finder = finder(primary)
        super().__init__(**options)

    async def is_stale(self) -> bool:
        """Whether it leads to a server that is not the primary any more."""
        await self._finder.refresh_async()
        return self._leads_to != self._finder.current

    def mistrust(self) -> None:
        """Have somebody else asked where to: its server may not be the primary any more."""
        self._finder.doubt(self._leads_to)

    async def is_replaced(self) -> bool:
        """Whether it leads somewhere, and those who know it name another primary now."""
        leads_to = self._leads_to
        try:
            return leads_to is not None and await self._finder.find_async() != leads_to
        except PrimaryUnknown:
            return False

    if _OPENS == "connect":

        async def connect(self) -> None:
            """Open it, unless it is open, and make sure that the server is a primary."""
            await self._open()

    else:

        async def connect_check_health(self, *args: Any, **options: Any) -> None:
            """Open it, unless it is open, and make sure that the server is a primary."""
            await self._open(*args, **options)

    async def _open(self, *args: Any, **options: Any) -> None:
        if self.is_connected:
            return
        gone = await self._finder.find_async()
        try:
            await self._connect_to(gone, *args, **options)
        except (RedisError, OSError):
            other = await self._finder.find_other_async(gone, _SUCCESSOR)
            if other == gone:
                raise
            await self._connect_to(other, *args, **options)

    async def _connect_to(self, place: Place, *args: Any, **options: Any) -> None:
        self._leads_to = self.host, self.port = place
        try:
            await getattr(super(), _OPENS)(*args, **options)
            await self._refuse_replica()
        except BaseException:
            self._finder.misled(self._leads_to)
            await self.disconnect(nowait=True)  # type: ignore[attr-defined]
            raise

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """The next answer."""
        try:
            return await super().read_response(*args, **options)  # type: ignore[misc]
        except RedisError as error:
            if needs_new_connection(error):
                self._finder.misled(self._leads_to)
            raise

    async def _refuse_replica(self) -> None:
        await self.send_command("HELLO", check_health=False)  # type: ignore[attr-defined]
        try:
            answer = await self.read_response()
        except ResponseError:
            return  # it does not tell; a replica will refuse a write
        if is_replica(answer):
            raise PrimaryUnknown(NAMED_A_REPLICA)


class PrimaryConnection(_ToPrimary, Connection):
    """By TCP."""


class PrimarySSLConnection(_ToPrimary, SSLConnection):
    """By TLS."""


def async_connection_options(address: RedisAddress, connect_timeout: float | None) -> dict[str, Any]:
    """What the pool of an address needs beside ``redis_url``: nothing, unless somebody is to be asked for the primary."""
    if address.primary is None:
        return {}
    kind = PrimaryConnection if address.tls is None else PrimarySSLConnection
    return {"connection_class": kind, "primary": address.primary, "socket_connect_timeout": connect_timeout or _CONNECT}
