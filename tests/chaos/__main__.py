"""``python -m tests.chaos``; see command.py."""

from tests.chaos.command import main

if __name__ == "__main__":
    main()
