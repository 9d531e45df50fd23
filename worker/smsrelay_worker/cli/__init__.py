"""The ``smsrelay`` command.

To add a command, write a Click command in the module of its kind or in a new module, let it do its work through ``operations``
inside ``cli_errors()``, and register it in ``main``. A test compares the docs' table of commands with those registered.
"""
