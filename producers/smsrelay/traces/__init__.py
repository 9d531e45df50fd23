"""Traces by OpenTelemetry (docs/traces.md). ``opening`` imports the rest only where traces are on."""
