"""From a file to a `Config`, or to all of its mistakes."""

from pathlib import Path

from pydantic import ValidationError

from currents_segment.flows.config import rules
from currents_segment.flows.config.document import read
from currents_segment.flows.config.kinds import Reading
from currents_segment.flows.config.mistakes import mistakes_of
from currents_segment.flows.config.model import Config
from currents_segment.flows.errors import ConfigError


def load(path: Path, *, secrets: bool = True) -> Config:
    """The configuration in the file.

    Args:
        path: the YAML file; relative paths in it are relative to its folder.
        secrets: also see whether each secret is there; without, only how it is referred to.

    Raises:
        ConfigError: with every mistake, a line each, in the order of the file.
    """
    document = read(path)
    folder = path.absolute().parent  # not resolved: Kubernetes mounts configuration through links that change
    mistakes = [*document.mistakes, *rules.broken(document.data, folder)]
    try:
        config = Config.model_validate(document.data or {}, context=Reading(folder, secrets))
    except ValidationError as fault:
        mistakes += mistakes_of(fault, document.data)
    else:
        config._path = path  # noqa: SLF001  # not a setting, so it cannot come with the data
    if mistakes:
        mistakes.sort(key=lambda mistake: mistake.line or document.line(mistake.place))
        raise ConfigError([document.sentence(mistake) for mistake in mistakes])
    return config
