"""A YAML file as plain data that still knows its lines, so that a mistake found much later can say where it is.

Scalars are read as YAML 1.2 does: `true`, `false`, `null` and plain decimal numbers are what they look like, everything else is text (`no`, `on`, `1:30` and dates too).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from currents_segment.flows.errors import ConfigError

Place: TypeAlias = tuple[str | int, ...]

_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = _TAG + "merge"
_RESOLVED: Final = (  # YAML 1.2's core schema without octal and hexadecimal, and the merge key, which spares repeating a connector's settings
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
)
_SCALARS: Final[dict[str, Any]] = {
    _TAG + "null": lambda _text: None,
    _TAG + "bool": lambda text: text.lower() == "true",
    _TAG + "int": int,
    _TAG + "float": float,
    _TAG + "str": str,
}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with its YAML 1.1 guesses (yes, on, 1:30, dates) taken out."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML keeps them with the class


for _name, _pattern, _first in _RESOLVED:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend.

    Attributes:
        place: keys and indexes from the root of the document.
        text: what is wrong and what to write instead; never a secret.
        line: where the place alone does not tell (a key that is written twice); counted from 1.
    """

    place: Place
    text: str
    line: int | None = None


@dataclass(slots=True)
class Document:
    """What the file says.

    Attributes:
        path: the file, as the user named it.
        data: mappings, lists and scalars; keys are always text.
        lines: the line of each place, counted from 1.
        mistakes: what YAML itself allows and we do not: a key written twice, a tag, a loop.
    """

    path: Path
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def sentence(self, mistake: Mistake) -> str:
        """`FILE:LINE: workspaces.shop.connectors.x.start: what is wrong and what to do`."""
        line = mistake.line or self.line(mistake.place)
        where = "".join(map(_step, mistake.place)).lstrip(".")
        return f"{self.path}:{line}: {where}: {mistake.text}" if where else f"{self.path}:{line}: {mistake.text}"

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest thing around it that the file has."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def take(self, node: yaml.Node, place: Place, around: tuple[int, ...] = ()) -> Any:
        """The plain data of a node; notes lines and mistakes on the way."""
        self.lines.setdefault(place, node.start_mark.line + 1)
        if id(node) in around:
            self.mistakes.append(Mistake(place, "contains itself through an alias: write it out", node.start_mark.line + 1))
            return None
        around = (*around, id(node))
        match node:
            case yaml.MappingNode():
                return self._mapping(node, place, around)
            case yaml.SequenceNode():
                return [self.take(item, (*place, index), around) for index, item in enumerate(node.value)]
            case yaml.ScalarNode() if node.tag in _SCALARS:
                return _SCALARS[node.tag](node.value)
            case _:
                self.mistakes.append(
                    Mistake(place, f"has the tag {node.tag}, which means nothing here: remove it", node.start_mark.line + 1)
                )
                return None

    def _mapping(self, node: yaml.MappingNode, place: Place, around: tuple[int, ...]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value, brought in self._pairs(node, place, around):
            if not isinstance(key, yaml.ScalarNode):
                self.mistakes.append(Mistake(place, "has a key that is not text: write a word", key.start_mark.line + 1))
                continue
            here, line = (*place, key.value), key.start_mark.line + 1
            if key.value not in data:
                self.lines[here] = line
                data[key.value] = self.take(value, here, around)
            elif not brought:
                self.mistakes.append(Mistake(here, f"is written twice (first on line {self.lines[here]}): keep one of them", line))
        return data

    def _pairs(self, node: yaml.MappingNode, place: Place, around: tuple[int, ...]) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """A mapping's own entries, then those that `<<` brings, which give way to them."""
        yield from ((key, value, False) for key, value in node.value if key.tag != _MERGE)
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for other in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(other, yaml.MappingNode) and id(other) not in around:
                    yield from ((key, value, True) for key, value, _ in self._pairs(other, place, (*around, id(other))))
                else:
                    self.mistakes.append(
                        Mistake((*place, "<<"), "merges what is not a mapping: name one, such as *defaults", key.start_mark.line + 1)
                    )


def _step(part: str | int) -> str:
    """`.events`, `[2]`, or `["users.canvas.Entry"]` where a key has dots of its own."""
    return f".{part}" if isinstance(part, str) and re.fullmatch(r"[\w-]+", part) else f"[{json.dumps(part, ensure_ascii=False)}]"


def parse(text: str, path: Path) -> Document:
    """The document in `text`; ConfigError with the line where it is not YAML."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise ConfigError([f"{path}:{line}: is not YAML: {fault.problem or fault.context}"]) from None
    except yaml.YAMLError as fault:
        raise ConfigError([f"{path}:1: is not YAML: {str(fault).splitlines()[0]}"]) from None
    document = Document(path)
    if node is not None:
        document.data = document.take(node, ())
    return document


def read(path: Path) -> Document:
    """The document in the file; ConfigError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        raise ConfigError([f"{path}:1: is not UTF-8 text (byte {fault.start}): save it as UTF-8"]) from None
    except OSError as fault:
        raise ConfigError([f"{path}: {fault.strerror}: name a configuration file, such as deploy/examples/minimal.yaml"]) from None
    return parse(text, path)
