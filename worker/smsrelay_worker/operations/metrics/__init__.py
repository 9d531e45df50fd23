"""What Prometheus is told: counters and histograms that the store has counted, and gauges of its state."""
