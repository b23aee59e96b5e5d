"""CONTRIBUTING.md names what is there."""

import json
import re
import tomllib
from pathlib import Path

from currents_segment.codecs import catalogue

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_dependency_has_its_reason():
    """A dependency that is added must be argued for, and one that is removed must leave the page."""
    declared = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    named = [
        name
        for row in re.findall(r"^\| (`[^|]*`) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
        if not name.endswith("/")
    ]
    assert sorted(re.split(r"[<>=]", one)[0] for one in declared) == sorted(named)


def test_the_example_of_a_type_is_an_entry():
    """The entry shown has the form of those in the catalogue, and is not one of them."""
    (block,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    entry = json.loads(block)
    kept = json.loads((ROOT / "codecs" / "catalogue.json").read_text())["types"]
    assert set(entry) == set(kept[0])
    assert set(entry["fields"][0]) <= {key for one in kept for field in one["fields"] for key in field}
    assert None is catalogue.load().resolve(entry["currents_type"])


def test_the_modules_of_a_sink_are_those_of_the_first():
    """The names that a new sink is asked for are those of `sinks/segment`."""
    (named,) = re.findall(r"names of `sinks/segment`: (.*?)\. It is", PAGE)
    assert [] == [name for name in re.findall(r"`(\w+)`", named) if not (ROOT / "sinks" / "segment" / f"{name}.py").exists()]
