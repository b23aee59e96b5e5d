import pytest
import structlog

from currents_segment.sinks.segment.backoff import Health
from currents_segment.sinks.segment.news import News

HOUR = 3600.0
WORKING, FAILING = Health(last_ok=1.0), Health(failing_since=2.0)


@pytest.fixture
def lines():
    with structlog.testing.capture_logs() as told:
        yield told


def fail_on(news, hours):
    """Look every quarter of an hour until so many hours have failed."""
    for quarter in range(int(hours * 4) + 1):
        news.still_failing(quarter * HOUR / 4, None, "503")


def warned(lines):
    return [line["failed_for"] / HOUR for line in lines if line["event"] == "connector.still_failing"]


@pytest.mark.parametrize(("expire_after", "steps"), [(48, [1, 24, 43.25]), (2, [0.5, 1, 2]), (24 * 30, [1, 360, 648])])
def test_warnings_come_once_each(lines, expire_after, steps):
    """After an hour, half and nine tenths of the time to expiry; of a short one the first comes after a quarter."""
    fail_on(News("shop", expire_after * HOUR), expire_after)
    assert steps == warned(lines)


def test_a_restart_does_not_warn_again(lines):
    """What was told is part of the state."""
    news = News("shop", 48 * HOUR)
    news.warned = 2
    fail_on(news, 48)
    assert [43.25] == warned(lines)


@pytest.mark.parametrize("remembered", [0, 3])
def test_another_outage_warns_anew(lines, remembered):
    """Whether this process saw the recovery, or a slot's state remembers an outage that is over."""
    news = News("shop", 48 * HOUR)
    news.warned = remembered
    news.changed(WORKING, FAILING, "503", 3.0)
    fail_on(news, 2)
    news.changed(FAILING, WORKING, None, 4.0)
    news.changed(WORKING, FAILING, "503", 5.0)
    fail_on(news, 2)
    assert [1, 1] == warned(lines)
    assert ["connector.failing", "connector.recovered", "connector.failing"] == [
        line["event"] for line in lines if line["event"] != "connector.still_failing"
    ]
