"""Everything that can be known of a writer's schema for one connector, decided once per schema and not per event."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from currents_segment.codecs.catalogue import Catalogue, EventType, type_name
from currents_segment.codecs.identity import DedupIds, MessageIds
from currents_segment.codecs.mapping import Plan, plan
from currents_segment.codecs.message import Message
from currents_segment.codecs.outcome import Outcome
from currents_segment.codecs.profile import Profile
from currents_segment.codecs.shape import SchemaError, Shape, parse

MAX_WRITERS: Final = 1000  # schemas kept; 100 types in a few versions each. More would be a schema per object, and those are parsed again


@dataclass(frozen=True, slots=True)
class Events:
    """How events of one known type, written with one schema, become messages of one connector.

    Attributes:
        shape: the writer's schema.
        type: what the catalogue knows of it.
        plan: where its fields go.
        message: builds their messages.
        message_ids: gives their messageIds.
        dedup_ids: gives their deduplication ids.
    """

    shape: Shape
    type: EventType
    plan: Plan
    message: Message
    message_ids: MessageIds
    dedup_ids: DedupIds


@dataclass(frozen=True, slots=True)
class Skipped:
    """Events that are not read at all, since their type or schema says enough.

    Attributes:
        outcome: `NOT_SELECTED`, `UNKNOWN_TYPE` or `UNKNOWN_SCHEMA`.
        name: the type, canonical where the catalogue knows it, else as it came.
        detail: why the schema cannot be read by, for `UNKNOWN_SCHEMA`.
        shape: the writer's schema where it can be read by.
    """

    outcome: Outcome
    name: str
    detail: str = ""
    shape: Shape | None = None


Writer = Events | Skipped


class Writers:
    """The decisions of one connector, by schema text and hint; the most recently used are kept."""

    def __init__(self, profile: Profile, catalogue: Catalogue) -> None:
        self._profile = profile
        self._catalogue = catalogue
        self._known: OrderedDict[tuple[str, str], Writer] = OrderedDict()

    def of(self, schema: str, hint: str) -> Writer:
        """The decision for events written with this schema, from a place that names this type (or ``""``).

        The schema's name has the last word on the type where the catalogue knows it, then the place's.
        """
        key = (schema, hint)
        writer = self._known.get(key)
        if writer is None:
            writer = self._known[key] = self._decide(schema, hint)
            if len(self._known) > MAX_WRITERS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return writer

    def _decide(self, schema: str, hint: str) -> Writer:
        try:
            shape = parse(schema)
        except SchemaError as error:
            return self._unreadable(hint, str(error))
        known = self._catalogue.resolve(shape.name) or self._catalogue.resolve(hint)
        if known is None:
            return Skipped(Outcome.UNKNOWN_TYPE, hint or type_name(shape.name), shape=shape)
        if known.name not in self._profile.selected:
            return Skipped(Outcome.NOT_SELECTED, known.name, shape=shape)
        return self._events(shape, known)

    def _unreadable(self, hint: str, why: str) -> Skipped:
        """A schema that cannot be read by matters only where its events are wanted, or where nothing says that they are not."""
        known = self._catalogue.resolve(hint)
        if known is not None and known.name not in self._profile.selected:
            return Skipped(Outcome.NOT_SELECTED, known.name)
        return Skipped(Outcome.UNKNOWN_SCHEMA, known.name if known else hint, why)

    def _events(self, shape: Shape, known: EventType) -> Events:
        profile = self._profile
        fields = plan(known, shape.fields, profile.unknown_fields)
        return Events(
            shape=shape,
            type=known,
            plan=fields,
            message=Message(
                profile.names.get(known.name, known.segment_name),
                fields.steps,
                profile.integration_name or profile.connector,
                profile.integrations,
            ),
            message_ids=MessageIds(profile.message_id, profile.connector, known.name),
            dedup_ids=DedupIds(profile.workspace, profile.connector, known.name),
        )
