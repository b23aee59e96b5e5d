"""The oracle shares no code with the pipeline: what both had wrong would be seen by neither."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ALLOWED = HERE / "sabotage" / "sitecustomize.py"  # it runs inside of the pipeline's processes


def imported(file):
    """Names of all modules that a file imports, wherever in it; those of the tests are followed."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def everything(file, seen):
    """A file and all files of the tests that it imports, directly or not."""
    if file not in seen:
        seen.add(file)
        for name in imported(file):
            part = Path(__file__).parents[2].joinpath(*name.split(".")).with_suffix(".py")
            if name.startswith("tests.") and part.is_file():
                everything(part, seen)
    return seen


@pytest.mark.parametrize("file", sorted(set(HERE.rglob("*.py")) - {ALLOWED}), ids=lambda file: file.name)
def test_nothing_of_the_pipeline_is_imported(file):
    """Neither by a file of the oracle nor by one of the tests that it uses; not even by name at run time."""
    for each in everything(file, set()):
        assert not [name for name in imported(each) if name.split(".")[0] == "currents_segment"], each
        assert "import_module" not in each.read_text(encoding="utf-8") or each == Path(__file__)


def test_what_is_taken_out_is_taken_out_from_outside():
    """The product has no switch for it: nothing beside the oracle's tests knows the variable."""
    root = Path(__file__).parents[2]
    for folder in ("flows", "codecs", "sinks"):
        assert not [path for path in (root / folder).rglob("*.py") if "SABOTAGE" in path.read_text(encoding="utf-8")]
