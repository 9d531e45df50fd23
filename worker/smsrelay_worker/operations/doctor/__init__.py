"""``smsrelay doctor``: checks of the settings, the servers, the callback URL and this host, one module per subject."""
