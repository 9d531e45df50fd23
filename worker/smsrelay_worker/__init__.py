"""Everything that acts on messages: attempts, reports, and what is due."""
