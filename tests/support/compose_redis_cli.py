"""Stands in for the image's ``redis-cli`` in its healthcheck: ``-h HOST -p PORT COMMAND…``, the reply on standard output.

Exits with 0 after any reply, also an error of the server, as the real one does; with 1 if there is no server.
"""

import argparse
import sys

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", dest="host")
    parser.add_argument("-p", dest="port", type=int)
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    client = Redis(asked.host, asked.port, decode_responses=True)
    try:
        answer = client.execute_command(*asked.command)  # type: ignore[no-untyped-call]
    except ResponseError as error:
        answer = f"(error) {error}"
    except RedisConnectionError as error:
        print(error, file=sys.stderr)
        return 1
    print("PONG" if answer is True else answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
