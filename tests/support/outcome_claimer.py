"""A process that claims outcomes and reports each with the instant of its claim: one JSON line, on the store's clock.

Takes the store's URL, a sink, the lease in seconds, and for how many seconds to claim. It finishes half of what it claims and
forgets the rest, as a worker that was killed would.
"""

import json
import sys
import time

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox


def main(url: str, sink: str, lease: float, seconds: float) -> None:
    outbox, claims = OutcomeOutbox(open_store(StoreAddress(url), 4), 3600.0), []
    print("ready", flush=True)
    sys.stdin.readline()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        claimed = outbox.claim([(sink, 7)], lease)
        claims += [(one.outcome.message_id, one.until) for one in claimed]
        outbox.done(sink, claimed[::2])
        if not claimed:
            time.sleep(0.01)
    print(json.dumps(claims), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
