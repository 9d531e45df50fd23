"""The apps file: for each app its quota, and the sinks that hear what became of its messages."""
