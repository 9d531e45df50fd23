"""What is kept for sinks: outcomes to tell, which sinks there are, and how they do."""
