"""A producer that cannot be made; everything else is held on a real broker, in system/kafka/test_letters_topic.py."""

from pathlib import Path

import pytest
from tests.flows.replaying import letters

from currents_segment.flows.config import KafkaLetters
from currents_segment.flows.config.kinds import Reading
from currents_segment.sinks.dead_letters import DeadLetters, Scope, opened

SASL = {"mechanism": "PLAIN", "username": "us", "password": "env:NOT_THERE"}


def _place(**more) -> DeadLetters:
    """A topic at an address where nobody is asked."""
    settings = {"kafka": {"bootstrap": "127.0.0.1:1", "topic": "letters", **more}}
    return opened(KafkaLetters.model_validate(settings, context=Reading(Path("/"), secrets=False)))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"sasl": SASL}, "secret env:NOT_THERE is missing: set the environment variable NOT_THERE"),
        ({"tls": {"ca": "not-there.pem"}}, "ssl.ca.location failed"),
    ],
)
def test_what_keeps_a_client_from_being_made_is_an_os_error(settings, expected):
    """The keeper tries again for ever and tells why: a secret may come back, a file may be put there."""
    place = _place(**settings)
    for doing in (lambda: place.write(letters(1)), lambda: list(place.read(Scope(), lambda *_: None))):
        with pytest.raises(OSError, match=expected):
            doing()
    ((level, text),) = place.concerns()
    assert ("fault", True) == (level, expected in text)
