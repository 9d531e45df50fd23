"""The proxy's reading of what Redis clients send."""

import hashlib
from collections import Counter

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from smsrelay.store.records import Records
from smsrelay_worker.store.due_messages import DueMessages
from tests.bench.counter import Reader, scripts

_TWO = b"*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n*1\r\n"  # the value looks like a command


def test_commands_are_counted_however_they_were_cut() -> None:
    for cut in range(len(_TWO)):
        counts: Counter[str] = Counter()
        reader = Reader(counts)
        reader.feed(_TWO[:cut])
        reader.feed(_TWO[cut:])
        assert counts == {"PING": 1, "SET": 1}


def test_a_script_about_the_rate_is_told_apart() -> None:
    counts: Counter[str] = Counter()
    for key in (b"{sms}:rate", b"{sms}:rate:pull", b"{sms}:agenda"):
        words = (b"EVALSHA", b"0" * 40, b"1", key)
        Reader(counts).feed(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    assert counts == {"rate EVALSHA " + "0" * 40: 1, "EVALSHA " + "0" * 40: 2}


def test_scripts_are_known_by_their_files_with_and_without_what_they_share() -> None:
    never_connected = open_store(StoreAddress("redis://127.0.0.1:1/0"))
    sources = {"apply.lua": Records(never_connected, 1)._apply.source, "due.lua": DueMessages(never_connected)._take.source}
    assert {scripts()[hashlib.sha1(source.encode()).hexdigest()] for source in sources.values()} == set(sources)
