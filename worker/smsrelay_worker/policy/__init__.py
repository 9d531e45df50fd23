"""What is done about each code of the vendor: the policy table, its file, and its wording."""
