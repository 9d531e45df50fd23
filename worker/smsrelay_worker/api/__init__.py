"""The HTTP API: enqueues, looks up and cancels messages for apps in any language, each with keys of its own."""
