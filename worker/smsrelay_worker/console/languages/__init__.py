"""The console's words, in one TOML file for each language."""
