import re
from copy import deepcopy
from pathlib import Path

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from currents_segment.flows.config import load
from currents_segment.flows.config.document import read
from currents_segment.flows.errors import ConfigError

EXAMPLE = read(Path(__file__).parents[3] / "deploy" / "examples" / "full.yaml").data


def places(data, place=()):
    """Every place in a document, the root included."""
    yield place
    for key, inner in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(inner, (*place, key))


def changed(place, value):
    """The example with another value in one place."""
    if not place:
        return value
    data = deepcopy(EXAMPLE)
    here = data
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    return data


def told(path):
    """The mistakes in a file; None where it loads."""
    try:
        load(path, secrets=False)
    except ConfigError as error:
        return error.mistakes
    return None


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["env:X", "file:x", "s3://b", "48h", "http://[", "{}", "{a}"])
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2), max_leaves=4)


@given(place=st.sampled_from(sorted(places(EXAMPLE), key=str)), value=VALUES)
@example(place=("dead_letters",), value="http://[")
@example(place=("workspaces", "shop", "sources", "currents", "url"), value="s3://[")
@example(place=("state",), value="\0")
def test_anything_is_right_or_told(tmp_path_factory, place, value):
    """Whatever stands in whichever place, the file loads, or each mistake is one line that begins with its file and line; nothing else is ever raised."""
    path = tmp_path_factory.getbasetemp() / "anything.yaml"
    path.write_text(yaml.safe_dump(changed(place, value), allow_unicode=True), encoding="utf-8")
    mistakes = told(path)
    assert [] != mistakes
    assert [] == [line for line in mistakes or () if not re.match(rf"{re.escape(str(path))}:\d+: ", line) or "\n" in line]
