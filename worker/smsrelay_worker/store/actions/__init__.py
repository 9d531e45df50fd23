"""The action log: who changed what through commands, the console and the HTTP API."""
