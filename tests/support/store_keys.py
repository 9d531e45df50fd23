"""The keys of a relay with the default prefix, for tests that look into the store."""

from smsrelay.servers.store_address import DEFAULT_PREFIX
from smsrelay.store.keys import Keys

KEYS = Keys(DEFAULT_PREFIX)
