"""What to do about each code of the vendor: the policy table, its TOML file, and its wording for people."""
