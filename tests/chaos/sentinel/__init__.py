"""The run with ``--topology sentinel``: three machines, each with a server and a sentinel, and hosts for apps and the vendor."""
