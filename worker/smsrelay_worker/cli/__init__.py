"""The ``smsrelay`` command.

To add a command, write a Click command in a module here, let it do its work through ``operations`` inside ``cli_errors()``, and
add a line for it to ``commands``. A test compares the docs' table of commands with that list.
"""
