"""The console: the operator's web page. It shows and does what the commands do, by the same operations."""
