"""The ``smsrelay`` command."""
