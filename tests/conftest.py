"""One profile for generated tests: no deadline, for a shared machine's pauses say nothing about the code."""

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
