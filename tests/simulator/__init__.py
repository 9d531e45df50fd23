"""The vendor and its gateway as an HTTP service that behaves, and misbehaves on request. See README.md."""
