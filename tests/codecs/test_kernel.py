import re
from pathlib import Path

from currents_segment.codecs import kernel

IMPORTED = re.compile(r"^from currents_segment\.codecs\.(\w+) import", re.MULTILINE)


def test_what_is_kept_on_the_disk_is_of_these_sources():
    """numba looks at the loop's own file only: the stamp that it encloses must be of every other file that it is made of, or a change would be missed."""
    stamped = {module.__name__.rpartition(".")[2]: Path(module.__file__) for module in vars(kernel)["_PARTS"]}
    sources = [Path(kernel.__file__), *(path for name, path in stamped.items() if name != "identity")]  # of which a constant is taken
    assert {name for path in sources for name in IMPORTED.findall(path.read_text(encoding="utf-8"))} <= set(stamped)
