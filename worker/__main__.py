"""``python -m worker`` is ``smsrelay``."""

from worker.cli import main

main(prog_name="smsrelay")
