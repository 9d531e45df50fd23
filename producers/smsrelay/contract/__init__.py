"""The wire contract: what an app asks for and what the vendor reports, as strict, pure values."""
