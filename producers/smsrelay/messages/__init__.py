"""Messages as the store holds them, and how they change. Pure; what decides on changes is smsrelay_worker.messages."""
