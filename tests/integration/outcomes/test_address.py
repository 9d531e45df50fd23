"""Connections to hosts by name and by every spelling of an address."""

import socket

import pytest

from smsrelay_worker.outcomes.address import connect


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0x7f.1", "2130706433"])
def test_a_private_address_is_refused_however_it_is_spelled(host: str) -> None:
    with pytest.raises(OSError, match=r"no public address|Name|not known"):
        connect(host, 9, lambda: 1.0, private=False)


def test_a_private_address_is_connected_to_where_the_file_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect("localhost", server.getsockname()[1], lambda: 1.0, private=True).close()
