"""Commands about one recipient: find, forget, suppress."""
