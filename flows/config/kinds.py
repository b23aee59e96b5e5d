"""The kinds of values in the configuration beyond plain text and numbers: how each is read, and what editors show of it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from currents_segment.codecs import catalogue
from currents_segment.flows.config import places
from currents_segment.flows.config.quantities import WrongValueError, shown, start
from currents_segment.flows.config.references import SecretRef
from currents_segment.flows.errors import UserError

EVERYTHING: Final = "*"  # selects every type, and reads the folders of types that the catalogue does not know yet, so that they are counted


TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")  # what Apache Kafka takes for a name


@dataclass(frozen=True, slots=True)
class Reading:
    """What validation needs besides the data.

    Attributes:
        folder: what relative paths are relative to.
        secrets: also see whether each secret is there.
    """

    folder: Path
    secrets: bool = True


def _reading(info: ValidationInfo) -> Reading:
    return info.context if isinstance(info.context, Reading) else Reading(Path.cwd())


def _folder(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "://" in value:
        raise WrongValueError(f"{shown(value)} is not a folder: write a path on a local disk, such as ./state")
    return places.plain(_reading(info).folder / value)


def _place(value: object, info: ValidationInfo) -> str:
    return places.normal(value, _reading(info).folder)


def _secret(value: object, info: ValidationInfo) -> SecretRef:
    reference = SecretRef.parse(value, _reading(info).folder)
    if _reading(info).secrets:
        try:
            reference.read()
        except UserError as fault:
            raise WrongValueError(str(fault)) from None
    return reference


def _option(value: object, info: ValidationInfo) -> str | SecretRef:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int):
        raise WrongValueError(f"is {shown(value)}: write text, a number, true or false, or a reference (env:NAME or file:PATH)")
    return _secret(value, info) if str(value).startswith(("env:", "file:")) else str(value)


def _file(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "://" in value or "\0" in value:
        raise WrongValueError(f"{shown(value)} is not a file: write its path, relative to this file")
    path = places.plain(_reading(info).folder / value.removeprefix("file:"))
    if _reading(info).secrets and not path.is_file():
        raise WrongValueError(f"there is no file {path}: put it there, or write another path")
    return path


def _brokers(value: object) -> str:
    return places.brokers(value)


def _topic(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise WrongValueError(f"{shown(value)} is not a topic: write its name, or a pattern that begins with ^")
    if value.startswith("^"):
        try:
            re.compile(value)
        except re.error as fault:
            raise WrongValueError(f"{shown(value)} is not a pattern: {fault}") from None
    elif not TOPIC.fullmatch(value):
        raise WrongValueError(
            f"{shown(value)} is not a topic's name: only letters, digits, dots, hyphens and underscores; a pattern begins with ^"
        )
    return value


def _topic_name(value: object) -> str:
    if isinstance(value, str) and value.startswith("^"):
        raise WrongValueError(f"{shown(value)} is a pattern: write one topic's name")
    return _topic(value)


def _type_from(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"schema|topic|header:.+", value):
        raise WrongValueError(f"{shown(value)} is no place of a type: write schema, topic, or header:NAME")
    return value


def _event(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"{shown(value)} is not a selection: write a type, a glob or a family, such as Email")
    if mistakes := catalogue.load().select([value]).mistakes:
        raise WrongValueError("; ".join(mistakes))
    return value


def _known_type(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"{shown(value)} is not an event type: see currents-segment catalogue")
    if mistakes := catalogue.load().names(overrides={value: "any"}).mistakes:
        raise WrongValueError("; ".join(mistakes))
    return value


def _integration(value: object) -> bool | dict[str, Any]:
    if not isinstance(value, bool | dict):
        raise WrongValueError(f"{shown(value)} is neither true nor false nor a mapping of that destination's options")
    return value


def _email(value: str) -> str:
    if value and not (value.count("@") == 1 and all(value.split("@"))):
        raise WrongValueError(f"{shown(value)} is not an e-mail address")
    return value


# A label of metrics, the name of a folder, a part of messageIds.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Folder = Annotated[Path, PlainValidator(_folder), WithJsonSchema({"type": "string"})]
Place = Annotated[str, PlainValidator(_place), WithJsonSchema({"type": "string"})]
Secret = Annotated[
    SecretRef, PlainValidator(_secret), WithJsonSchema({"type": "string", "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"})
]
Option = Annotated[str | SecretRef, PlainValidator(_option), WithJsonSchema({"type": ["string", "integer", "boolean"]})]
File = Annotated[Path, PlainValidator(_file), WithJsonSchema({"type": "string"})]
Brokers = Annotated[str, PlainValidator(_brokers), WithJsonSchema({"type": "string"})]
Topic = Annotated[str, PlainValidator(_topic), WithJsonSchema({"type": "string"})]
TopicName = Annotated[str, PlainValidator(_topic_name), WithJsonSchema({"type": "string"})]
TypeFrom = Annotated[str, PlainValidator(_type_from), WithJsonSchema({"type": "string", "pattern": "^(schema|topic|header:.+)$"})]
Event = Annotated[str, PlainValidator(_event), WithJsonSchema({"type": "string"})]
KnownType = Annotated[str, BeforeValidator(_known_type)]
Integration = Annotated[bool | dict[str, Any], BeforeValidator(_integration)]
Email = Annotated[str, AfterValidator(_email)]
Start = Annotated[float | Literal["earliest", "now"], PlainValidator(start), WithJsonSchema({"type": "string"})]
