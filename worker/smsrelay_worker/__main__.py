"""``python -m smsrelay_worker`` is ``smsrelay``."""

from smsrelay_worker.cli.main import main

main()
