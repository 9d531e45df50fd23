"""Commands about parts of the traffic: limits, rate, halt and resume, campaigns, what waits."""
