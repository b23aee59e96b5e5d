"""What can be configured, and with which defaults; each default has its reason beside it.

Frozen models: durations are seconds, sizes are bytes, folders are absolute. A field's description is what editors show and `config schema` prints.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Discriminator, Field, PrivateAttr, Tag, ValidationInfo, field_validator, model_validator

from currents_segment.codecs import catalogue
from currents_segment.codecs.profile import Profile
from currents_segment.flows.config import places
from currents_segment.flows.config.kafka import KafkaLetters, KafkaSource
from currents_segment.flows.config.kinds import EVERYTHING, Email, Event, Folder, Integration, KnownType, Name, Option, Place, Secret, Start
from currents_segment.flows.config.quantities import counts, durations, sizes
from currents_segment.flows.config.references import SecretRef
from currents_segment.flows.config.section import Part, Section, setting

ENDPOINTS: Final = {  # a wrong region answers 200 and loses the events, so a region is chosen by name
    "us": "https://api.segment.io/v1/batch",
    "eu": "https://events.eu1.segmentapis.com/v1/batch",
}


class Http(Section):
    """Where health, metrics and status are served; process i of a local cluster listens on port + i."""

    host: str = setting("Address to listen on. The default is this machine alone; in a container write 0.0.0.0.", "127.0.0.1", min_length=1)
    port: int = setting("TCP port of /livez, /readyz, /metrics and /status.", 8321, ge=1, le=65535)


class Dedup(Section):
    """How long and how many ids are known, per connector and event type, to drop events that come again."""

    # Braze's repeats come within minutes to hours; Segment itself promises 24 h, and both windows should agree.
    window: Annotated[float, durations("1m", "30d")] = setting(
        "How long an id is known. An event that comes again later is sent again.", "24h"
    )
    # As many as a day of 1,000 events a second; full they take 1.3 GB. When the cap cuts the window, status and metrics show the effective one.
    max_ids: Annotated[int, counts("1K", "10G")] = setting(
        "Most ids known at a time, over all connectors and processes; each takes 10 to 13 B of memory.", "100M"
    )


class Names(Section):
    """How Segment events are called."""

    preset: catalogue.Preset = setting(
        "glossary: the newer names of Braze's glossary; legacy: the older published ones where they differ.", "glossary"
    )
    overrides: Mapping[KnownType, Annotated[str, Field(min_length=1)]] = setting(
        "Name of the Segment event by Currents type, over the preset.", default_factory=dict
    )


class Limits(Section):
    """What one connector may ask of Segment."""

    # Segment allows 1,000 requests/s for a whole workspace; 200 full batches, of about 500 events, are 100,000 events/s.
    requests_per_second: float = setting("Most requests a second of this connector, in each process.", 200, gt=0, le=1000)
    # With an endpoint that takes 200 ms, 16 at a time are 80 requests/s, about 40,000 events/s.
    in_flight: int = setting("Most requests at a time of this connector, in each process.", 16, ge=1, le=256)
    # Segment answers in well under a second; a request that hangs must not hold its events for minutes.
    timeout: Annotated[float, durations("1s", "5m")] = setting("How long a request may take before it is tried again.", "30s")
    # Segment refuses more than 500 KB a request, and does not say whether KB is 1,000 or 1,024; 5 % stay free.
    batch_size: Annotated[int, sizes("40KB", "475KB")] = setting("Largest body of a request, before compression.", "475KB")
    # Segment loses what is beyond 2,500 events in a batch, behind a 200.
    batch_events: int = setting("Most events in a request.", 2500, ge=1, le=2500)
    # Keeps the way from the log to Segment within 2 s at low rates; at high rates batches close by size.
    batch_age: Annotated[float, durations("10ms", "1m")] = setting("How long the oldest event of a batch waits for company.", "1s")


class Source(Part):
    """A bucket or folder that Braze writes to."""

    url: Place = setting(
        "Where the files are: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX, or a folder, relative to this file."
    )
    # Braze writes a file every five minutes; a listing a minute finds it soon and costs next to nothing.
    poll: Annotated[float, durations("100ms", "1d")] = setting("Time between two listings.", "60s")
    # Braze may write a file after its hour is over; older hours are closed so that listings and state stay small.
    late: Annotated[float, durations("1m", "30d")] = setting("How long after the end of its hour a file is still accepted.", "6h")
    options: Mapping[str, Option] = setting(
        "Passed to the object store (region, endpoint, credentials); secrets by reference (env:NAME or file:PATH).", default_factory=dict
    )

    def resolved_options(self) -> dict[str, str]:
        """The options with their secrets, read now; UserError where one is gone."""
        return {key: value.read() if isinstance(value, SecretRef) else value for key, value in self.options.items()}


class Connector(Part):
    """One export to one Segment source; what Braze's form has, and what it lacks."""

    integration_name: str = setting("Braze's integration name, sent in context.integration; empty: the connector's name.", "")
    contact_email: Email = setting("Whom to tell when the connector stands still: a note for those who run it, nothing is sent there.", "")
    write_key: Secret = setting(
        "Segment's write key, by reference: env:NAME or file:PATH. A file is read again at each use, so a new key needs no restart."
    )
    region: Literal["us", "eu"] = setting(
        "Region of the Segment workspace. Check it twice: the wrong one answers 200 and loses the events."
    )
    events: Annotated[tuple[Event, ...], Field(strict=False, min_length=1)] = setting(
        'What is sent: types, globs such as users.messages.email.*, families of Braze\'s form such as Email, or "*". See `currents-segment catalogue`.'
    )
    # Off in Braze's form, too: consent is given, not presumed.
    anonymous_users: bool = setting("Send events of users without an external_user_id.", False)
    start: Start = setting("Where a first start begins: earliest, now, or a time with its zone, such as 2026-01-31T00:00:00Z.")
    # Braze's own limit; a newer wording of its page says 5 days.
    expire_after: Annotated[float, durations("1m", "365d")] = setting(
        "How long an event is tried while its connector fails; then it becomes a dead letter.", "48h"
    )
    names: Names = setting("How Segment events are called.", default_factory=Names)
    # Segment deduplicates by messageId over all sources: raw ids in two connectors lose events.
    message_id: Literal["namespaced", "raw"] = setting(
        "namespaced: never the same in two connectors; raw: Braze's event id as it is.", "namespaced"
    )
    # Braze adds fields without notice; a field that is not passed on cannot be brought back.
    unknown_fields: Literal["pass", "drop"] = setting(
        "Fields that the catalogue does not know: pass them on as properties, or drop them.", "pass"
    )
    integrations: Mapping[str, Integration] | None = setting(
        "Segment's integrations map, sent with every event; {All: true, Braze: false} avoids a loop back to Braze.", None
    )
    limits: Limits = setting("What this connector may ask of Segment.", default_factory=Limits)
    endpoint: str = setting("For tests only: send there instead of to the region's endpoint.", "")

    @property
    def everything(self) -> bool:
        """Whether all types are selected, those unknown to the catalogue included: they are read, and counted as `filtered/unknown_type`."""
        return EVERYTHING in self.events

    @cached_property
    def selected(self) -> frozenset[str]:
        """Canonical Currents types that are sent."""
        return catalogue.load().select(self.events).types

    @field_validator("endpoint", mode="after")
    @classmethod
    def _of_the_region(cls, endpoint: str, info: ValidationInfo) -> str:
        return places.web(endpoint) if endpoint else ENDPOINTS.get(info.data.get("region", ""), "")


def _kind(source: Any) -> str:
    return "<kafka>" if isinstance(source, KafkaSource) or (isinstance(source, Mapping) and "kafka" in source) else "<bucket>"


def _letters_kind(place: Any) -> str:
    return "<kafka>" if isinstance(place, KafkaLetters | Mapping) else "<place>"


AnySource = Annotated[Annotated[Source, Tag("<bucket>")] | Annotated[KafkaSource, Tag("<kafka>")], Discriminator(_kind)]
AnyLetters = Annotated[Annotated[Place, Tag("<place>")] | Annotated[KafkaLetters, Tag("<kafka>")], Discriminator(_letters_kind)]


class Workspace(Section):
    """A Braze workspace (app group): the scope of deduplication. Every connector in it reads every source in it."""

    sources: Mapping[Name, AnySource] = setting("Where its Currents land, by a name of your own.", min_length=1)
    connectors: Mapping[Name, Connector] = setting("Its exports to Segment, by a name that is unique in this file.", min_length=1)

    _name: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """The workspace's key in the file."""
        return self._name

    @property
    def buckets(self) -> Mapping[str, Source]:
        """Its sources that are buckets or folders."""
        return {name: source for name, source in self.sources.items() if isinstance(source, Source)}

    @property
    def kafkas(self) -> Mapping[str, KafkaSource]:
        """Its sources that are Kafka."""
        return {name: source for name, source in self.sources.items() if isinstance(source, KafkaSource)}


class Config(Section):
    """Configuration of currents-segment: where Braze Currents land, and which of them go to which Segment source."""

    state: Folder = setting(
        "Folder for positions, known ids and events under way. Keep it on a local disk or block storage (never NFS): it is what a restart resumes from.",
        "state",
    )
    dead_letters: AnyLetters = setting(
        "Folder, bucket URL or Kafka topic for events that were expired, rejected or undecodable; default: dead-letters in the state folder.",
        None,
    )
    http: Http | None = setting("Health, metrics and status over HTTP; null turns it off.", default_factory=Http)
    dedup: Dedup = setting("How events that come again are recognised.", default_factory=Dedup)
    # An epoch's end stops and drains the cluster, its length is what a crash repeats: 1 s balances both.
    epoch: Annotated[float, durations("100ms", "1m")] = setting(
        "Time between two snapshots of the state; what a crash sends again at most.", "1s"
    )
    workspaces: Mapping[Name, Workspace] = setting("Braze workspaces, by a name of your own.", min_length=1)

    _path: Path = PrivateAttr(Path())

    @field_validator("dead_letters", mode="wrap")
    @classmethod
    def _beside_the_state(cls, value: object, handler: Callable[[object], str | KafkaLetters], info: ValidationInfo) -> str | KafkaLetters:
        if value is not None:
            return handler(value)
        state = info.data.get("state")  # not there where it is a mistake itself
        return (state / "dead-letters").as_uri() if state else ""

    @model_validator(mode="after")
    def _tell_names(self) -> Self:
        """The names are keys of the file: no part can know its own."""
        for name, workspace in self.workspaces.items():
            workspace._name = name  # noqa: SLF001  # as the docstring says
            parts: list[tuple[str, Part]] = [*workspace.sources.items(), *workspace.connectors.items()]
            for key, part in parts:
                part._name, part._workspace = key, name  # noqa: SLF001  # as above
        return self

    @property
    def path(self) -> Path:
        """The file, as the user named it."""
        return self._path

    @cached_property
    def connectors(self) -> Mapping[str, Connector]:
        """All connectors of all workspaces, by name, in the order of the file."""
        return {name: connector for workspace in self.workspaces.values() for name, connector in workspace.connectors.items()}

    def profile(self, connector: str) -> Profile:
        """What the decoder must know of a connector; KeyError where there is none of that name."""
        settings = self.connectors[connector]
        return Profile(
            connector=settings.name,
            workspace=settings.workspace,
            selected=settings.selected,
            anonymous_users=settings.anonymous_users,
            names=catalogue.load().names(settings.names.preset, settings.names.overrides).of,
            message_id=settings.message_id,
            unknown_fields=settings.unknown_fields,
            integrations=settings.integrations,
            integration_name=settings.integration_name or settings.name,
        )
