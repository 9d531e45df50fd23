"""The control endpoints, by which a test scripts the simulator and reads its records."""
