"""The chaos run: real processes are killed, frozen and cut off under load, and the simulator says whether the promises held."""
