"""A simulator of the SMS vendor over HTTP: behaves as the vendor does, and misbehaves on request."""
