"""What a decoder must know of a connector: values only, made once from the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Profile:
    """How one connector sees events.

    Attributes:
        connector: the connector's name, unique in the file; it namespaces messageIds.
        workspace: the scope of deduplication.
        selected: canonical Currents types that are sent; every other known type is `filtered/not_selected`.
        anonymous_users: send events of users without an `external_user_id`.
        names: Segment event name by canonical Currents type, presets and overrides already applied; holds every known type.
        message_id: `namespaced` (never shared between connectors) or `raw` (the event's own id).
        unknown_fields: `pass` them on as properties of the same name, or `drop` them.
        integrations: Segment's `integrations` map, sent when not None.
        integration_name: Braze's "integration name", sent in `context.integration`.
    """

    connector: str
    workspace: str
    selected: frozenset[str]
    anonymous_users: bool
    names: Mapping[str, str]
    message_id: Literal["namespaced", "raw"] = "namespaced"
    unknown_fields: Literal["pass", "drop"] = "pass"
    integrations: Mapping[str, bool | Mapping[str, object]] | None = None
    integration_name: str = ""
