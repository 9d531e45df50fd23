"""Addresses of the store and the broker, TLS, and what their errors mean."""
