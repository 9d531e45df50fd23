"""Spans of what workers do with a message (docs/traces.md). ``opening`` imports the rest only where traces are on."""
