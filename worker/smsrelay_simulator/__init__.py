"""The vendor, simulated over HTTP: behaves as the vendor does, and misbehaves on request."""
