"""``smsrelay doctor``: checks of the settings, the servers, and this host."""
