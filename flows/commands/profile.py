"""Through which connector's eyes a command looks at events."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from currents_segment.codecs.profile import Profile


def profile_of(config: Path | None, connector: str | None) -> "Profile":
    """The connector's profile; without a configuration one that selects everything, anonymous users included.

    The connector need not be named where the configuration has one only.

    Raises:
        UserError: a connector without a configuration, none of that name, or several and none named.
    """
    if config is None:
        if connector is not None:
            raise UserError("--connector names a connector of a configuration file: add --config FILE")
        return _everything()
    from currents_segment.flows.config import load  # noqa: PLC0415 - commands import when they run, so that --help is quick

    loaded = load(config, secrets=False)  # nothing is sent: the write key need not be there
    names = list(loaded.connectors)
    if connector is None and len(names) == 1:
        connector = names[0]
    if connector is None:
        raise UserError(f"{config} has {len(names)} connectors: say which with --connector ({', '.join(names)})")
    if connector not in names:
        close = difflib.get_close_matches(connector, names, n=1, cutoff=0.0)
        raise UserError(f"{config} has no connector {connector!r}; nearest: {close[0]}")
    return loaded.profile(connector)


def _everything() -> "Profile":
    from currents_segment.codecs.catalogue import load  # noqa: PLC0415 - as above
    from currents_segment.codecs.profile import Profile  # noqa: PLC0415

    known = load()
    return Profile(
        connector="default",
        workspace="default",
        selected=frozenset(known.types),
        anonymous_users=True,
        names=known.names().of,
        integration_name="default",
    )
