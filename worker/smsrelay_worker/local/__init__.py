"""The whole relay on one machine: ``smsrelay up`` and ``smsrelay demo``."""
