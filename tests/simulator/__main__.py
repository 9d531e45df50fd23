"""``python -m tests.simulator``: see ``--help`` and README.md."""

import sys

from tests.simulator.options import options
from tests.simulator.server import serve

if __name__ == "__main__":
    serve(options(sys.argv[1:]))
