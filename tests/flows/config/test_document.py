from pathlib import Path

import pytest

from currents_segment.flows.config.document import parse, read
from currents_segment.flows.errors import ConfigError

FILE = Path("x.yaml")


def mistakes(text):
    """The sentences for what is wrong in a text."""
    document = parse(text, FILE)
    return [document.sentence(mistake) for mistake in document.mistakes]


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (True, "true"),
        (None, "null"),
        (None, ""),
        (8, "8"),
        (10, "010"),
        (-1, "-1"),
        (0.5, "0.5"),
        (1000.0, "1e3"),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z"),
        ("8", '"8"'),
        ("0x10", "0x10"),
        (["a", 1], "[a, 1]"),
    ],
)
def test_scalars(expected, text):
    """A plain scalar is what it looks like: no word becomes a truth value, no digits become octal, minutes or a date."""
    (found,) = parse(f"x: {text}", FILE).data.values()
    assert (type(expected), expected) == (type(found), found)


def test_keys_are_text():
    """Keys are the text that stands in the file, whatever it looks like."""
    assert {"1": 1, "true": 2, "on": 3} == parse("1: 1\ntrue: 2\non: 3", FILE).data


def test_every_place_has_its_line():
    """A mistake can be told its line, also where the place itself is not in the file."""
    document = parse("a:\n  b:\n    - x\n    - c: 1\n", FILE)
    lines = {("a",): 1, ("a", "b"): 2, ("a", "b", 0): 3, ("a", "b", 1): 4, ("a", "b", 1, "c"): 4}
    assert lines == {place: document.line(place) for place in lines}
    assert 2 == document.line(("a", "b", 7, "missing"))
    assert 1 == document.line(("nowhere",))


def test_a_key_written_twice_is_a_mistake():
    """YAML keeps the last of two equal keys in silence; here both lines are named."""
    assert ["x.yaml:3: a.b: is written twice (first on line 2): keep one of them"] == mistakes("a:\n  b: 1\n  b: 2\n")


def test_settings_can_be_repeated_by_merging():
    """`<<` brings another mapping's entries, and gives way to those written beside it, wherever they stand."""
    assert {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}} == parse("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n", FILE).data
    assert {"x": 1, "y": 3, "z": 4} == parse("- &a {x: 1}\n- &b {x: 2, z: 4}\n- {y: 3, <<: [*a, *b]}", FILE).data[2]
    assert [] == mistakes("a: &a {x: 1}\nb: {<<: *a, x: 2}")


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("x.yaml:1: a[0]: contains itself through an alias: write it out", "a: &a [*a]"),
        ('x.yaml:1: a["<<"]: merges what is not a mapping: name one, such as *defaults', "a: &a {<<: *a}"),
        ('x.yaml:2: b["<<"]: merges what is not a mapping: name one, such as *defaults', "a: &a 1\nb: {<<: *a}"),
        ("x.yaml:1: a: has the tag !env, which means nothing here: remove it", "a: !env X"),
        ("x.yaml:2: a: has a key that is not text: write a word", "a:\n  [1]: 2"),
        ('x.yaml:1: a["b.c"][0]: has the tag !x, which means nothing here: remove it', "a: {b.c: [!x 1]}"),
    ],
)
def test_what_yaml_allows_and_we_do_not(expected, text):
    """Loops, tags and keys that are not text are mistakes at their line, not exceptions."""
    assert [expected] == mistakes(text)


@pytest.mark.parametrize(
    ("expected", "content"),
    [
        ("x.yaml:2: is not YAML: mapping values are not allowed here", b"a: 1\n b: 2"),
        ("x.yaml:1: is not YAML: found unexpected end of stream", b'a: "secret'),
        ("x.yaml:2: is not YAML: but found another document", b"a: 1\n---\nb: 2"),
        ("x.yaml:1: is not UTF-8 text (byte 3): save it as UTF-8", b"a: \xff"),
        ("x.yaml:1: is not YAML: unacceptable character #x0000: special characters are not allowed", b"a: \0"),
    ],
)
def test_what_is_not_yaml(expected, content, tmp_path):
    """A file that is not YAML is one mistake with its line, and repeats nothing of what the file holds."""
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "x.yaml")
    assert [f"{tmp_path}/{expected}"] == caught.value.mistakes


def test_a_file_that_is_not_there(tmp_path):
    """A file that cannot be read says so, and where an example is."""
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file or directory: name a configuration file"):
        read(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"Is a directory"):
        read(tmp_path)


def test_an_empty_file():
    """An empty file is an empty document, not a fault of YAML."""
    assert None is parse("# nothing\n", FILE).data
