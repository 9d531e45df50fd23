"""``python -m smsrelay_simulator``; ``--help`` and README.md describe its options."""

import sys

from smsrelay_simulator.options import options
from smsrelay_simulator.server import serve

if __name__ == "__main__":
    serve(options(sys.argv[1:]))
