"""What pydantic found wrong, as sentences for the person who wrote the file."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from currents_segment.flows.config.document import Mistake, Place
from currents_segment.flows.config.quantities import shown
from currents_segment.flows.config.schema import described

_SENTENCES: Final = {  # by pydantic's type of error
    "missing": "is missing: {about}",
    "literal_error": "{value} is none of {expected}",
    "string_type": "{value} is not text: put it in quotes",
    "string_pattern_mismatch": "is not a name: write letters, digits, dots, hyphens and underscores, at most 64, the first a letter or digit",
    "string_too_short": "is empty: {about}",
    "too_short": "is empty: write at least one",
    "bool_type": "{value} is neither true nor false",
    "int_type": "{value} is not a whole number",
    "float_type": "{value} is not a number",
    "greater_than": "{value} is too little: it must be more than {gt}",
    "greater_than_equal": "{value} is too little: at least {ge}",
    "less_than_equal": "{value} is too much: at most {le}",
    "model_type": "is {a} where a mapping belongs: {about}",
    "mapping_type": "is {a} where a mapping belongs: {about}",
    "dict_type": "is {a} where a mapping belongs: {about}",
    "tuple_type": "is {a} where a list belongs: {about}",
}


def mistakes_of(fault: ValidationError, data: Any) -> Iterator[Mistake]:
    """One mistake for each error. Values are shown, but never that of a secret: `write_key` and `options` have sentences of their own."""
    for error in fault.errors(include_url=False):
        if error["type"] == "none_required" or (error["type"] == "too_short" and error["input"]):
            continue  # what else it may be says more; its items are mistakes, each told by itself
        place = _within(error["loc"], data, missing=error["type"] in ("missing", "extra_forbidden"))
        yield Mistake(place, _sentence(error, place))


def _within(loc: tuple[str | int, ...], data: Any, *, missing: bool) -> Place:
    """The part of pydantic's location that is in the file; the rest are names of validators and kinds of unions."""
    place: list[str | int] = []
    for part in loc:
        if isinstance(data, Mapping) and part in data:
            data = data[str(part)]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif str(part).startswith("<"):  # a kind of a union
            continue
        elif missing and isinstance(data, Mapping):
            return (*place, part)
        else:
            break
        place.append(part)
    return tuple(place)


def _sentence(error: ErrorDetails, place: Place) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":  # one of our own, already a sentence
        return str(context["error"])
    if kind == "extra_forbidden":
        known = described(place[:-1]).get("properties", {})
        if place[-1] in known:
            return "does not go with what stands beside it: a source is a bucket (url, poll, late, options) or Kafka (kafka)"
        near = get_close_matches(str(place[-1]), known, n=1)
        return "is not a setting: " + (f"did you mean {near[0]}?" if near else f"known here are {', '.join(known)}")
    about = described(place).get("description", "see deploy/examples/full.yaml")
    sentence = _SENTENCES.get(kind, "{value} is wrong: {message}; {about}")
    return sentence.format(value=shown(error["input"]), a=_kind(error["input"]), message=error["msg"], about=about, **context)


def _kind(value: object) -> str:
    """What a value is, without saying its value: it may be a secret in the wrong place."""
    match value:
        case None:
            return "empty"
        case Mapping():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return "a single value"
