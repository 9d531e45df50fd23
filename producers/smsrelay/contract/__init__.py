"""What an app asks for and what the vendor reports, as strict values; pure. What is on the wire is defined here."""
