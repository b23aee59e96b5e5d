"""Settings for all tests."""

from hypothesis import settings

settings.register_profile("project", deadline=None)  # machines are noisy, and the first call compiles
settings.load_profile("project")
