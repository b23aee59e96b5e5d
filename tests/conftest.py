"""Settings for all tests, and their order."""

from typing import Final

from hypothesis import settings

LONG: Final = tuple(f"tests/{folder}/" for folder in ("bench", "deploy", "fuzz", "oracle", "system"))

settings.register_profile("project", deadline=None)  # machines are noisy, and the first call compiles
settings.load_profile("project")


def pytest_collection_modifyitems(items):
    """What starts processes comes first: the short ones fill what is left of the time, and no runner works alone at its end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
