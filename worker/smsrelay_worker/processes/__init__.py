"""The processes of ``smsrelay worker`` (a supervisor and one child for each queue) and of ``smsrelay flower``."""
