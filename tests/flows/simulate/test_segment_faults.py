"""Which request a scripted fault strikes, and what it makes of the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.simulate.segment_edge import ACCEPTED, UNAUTHORIZED, Answer
from currents_segment.flows.simulate.segment_faults import Script, parse

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
JSON = {"Content-Type": "application/json"}


def script(*faults, seed=0):
    """A script with these faults in force."""
    made = Script(seed)
    made.add(parse(list(faults)), NOW)
    return made


def strikes(made, times=1, *, source="shop", messages=(), retries=None, now=NOW):
    """For each of some equal requests, whether it was struck."""
    return [made.strike(source, messages, retries, now) is not None for _ in range(times)]


@pytest.mark.parametrize(
    ("fault", "status", "body", "headers", "manner"),
    [
        ({"do": "pass"}, 200, ACCEPTED.body, JSON, "whole"),
        ({"do": "status"}, 503, b'{"success":false,"code":"fault","message":"scripted"}', JSON, "whole"),
        ({"do": "status", "status": 418, "body": "tea"}, 418, b"tea", JSON, "whole"),
        (
            {"do": "status", "status": 429, "retry_after": 5},
            429,
            b'{"success":false,"code":"fault","message":"scripted"}',
            JSON | {"Retry-After": "5"},
            "whole",
        ),
        (
            {"do": "status", "status": 503, "retry_after": 90, "retry_after_form": "date", "body": ""},
            503,
            b"",
            JSON | {"Retry-After": "Thu, 01 Jan 2026 00:01:30 GMT"},
            "whole",
        ),
        ({"do": "status", "status": 429, "rate_limit_reset": 7, "body": ""}, 429, b"", JSON | {"X-RateLimit-Reset": "7"}, "whole"),
        ({"do": "reset"}, 200, ACCEPTED.body, JSON, "reset"),
        ({"do": "hang"}, 200, ACCEPTED.body, JSON, "hang"),
        ({"do": "truncate"}, 200, ACCEPTED.body, JSON, "truncate"),
        ({"do": "drip"}, 200, ACCEPTED.body, JSON, "drip"),
        ({"do": "redirect"}, 302, b"", JSON | {"Location": "/elsewhere"}, "whole"),
        ({"do": "redirect", "status": 308, "location": "http://there/"}, 308, b"", JSON | {"Location": "http://there/"}, "whole"),
        ({"do": "html"}, 502, b"<html><body><h1>Bad Gateway</h1></body></html>", {"Content-Type": "text/html"}, "whole"),
        ({"do": "unsuccessful"}, 200, b'{"success":false}', JSON, "whole"),
        ({"do": "expire_key"}, 401, UNAUTHORIZED.body, JSON, "whole"),
        ({"do": "status", "headers": {"X-Any": "1"}, "body": ""}, 503, b"", JSON | {"X-Any": "1"}, "whole"),
    ],
)
def test_what_a_fault_makes_of_an_answer(fault, status, body, headers, manner):
    """Each kind of fault gives its answer in its manner; what the script names overrides it."""
    assert Answer(status, body, headers, manner, 0.0, 0.1) == parse(fault)[0].struck(ACCEPTED, NOW)


def test_a_fault_adds_to_the_usual_answer():
    """A fault that names no status leaves the one that would have been given, for instance the edge's 400."""
    assert Answer(400, b"no", {}, "drip", 2.0, 0.5) == parse({"do": "drip", "delay": 2, "interval": 0.5})[0].struck(
        Answer(400, b"no", {}), NOW
    )


def test_the_first_that_matches_strikes():
    """Faults are tried in the order in which they were scripted, and one strikes at most."""
    made = script({"do": "reset", "name": "a", "count": 1}, {"do": "hang", "name": "b"})
    assert ["a", "b", "b"] == [made.strike("shop", [], None, NOW).name for _ in range(3)]
    assert [1, 2] == [fault["strikes"] for fault in made.in_force()]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, [True, True, True, True]),
        ({"count": 2}, [True, True, False, False]),
        ({"skip": 2}, [False, False, True, True]),
        ({"skip": 1, "count": 1}, [False, True, False, False]),
        ({"source": "other"}, [False] * 4),
        ({"probability": 0}, [False] * 4),
    ],
)
def test_how_often(conditions, expected):
    """`skip` lets requests pass first, `count` ends it, a source's fault leaves the others alone."""
    assert expected == strikes(script({"do": "reset"} | conditions), 4)


def test_for_seconds():
    """A fault for 10 s strikes at 9.9 s and not at 10."""
    made = script({"do": "reset", "seconds": 10})
    assert ([True], [False]) == (strikes(made, now=NOW + 9.9), strikes(made, now=NOW + 10))


@pytest.mark.parametrize(("retries", "struck"), [(None, False), (0, False), (3, False), (4, True)])
def test_above_so_many_retries(retries, struck):
    """A server that limits X-Retry-Count to 3 strikes at 4, and never without the header."""
    assert [struck] == strikes(script({"do": "status", "status": 422, "retries_above": 3}), retries=retries)


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({"event": "Poison"}, True),
        ({"messageId": "m2"}, True),
        ({"properties.city": "Ulm"}, True),
        ({"properties.city": "Ulm", "event": "Poison"}, True),
        ({"properties.city": "Ulm", "messageId": "m1"}, False),
        ({"properties.city.name": "Ulm"}, False),
        ({"properties.absent": None}, False),
        ({"event": "Poiso"}, False),
    ],
)
def test_poison(match, struck):
    """A batch is poisoned when one of its messages has all the values; other JSON in it does no harm."""
    messages = [None, 7, {"messageId": "m1", "event": "Fine"}, {"messageId": "m2", "event": "Poison", "properties": {"city": "Ulm"}}]
    assert [struck] == strikes(script({"do": "status", "status": 400, "match": match}), messages=messages)


@given(st.integers(0, 2**32), st.floats(0.2, 0.8))
def test_chance_is_reproducible(seed, probability):
    """The same seed strikes the same requests, whatever other faults are in force."""
    fault = {"do": "reset", "name": "x", "probability": probability}
    other = {"do": "hang", "name": "y", "probability": 0.5, "source": "other"}
    alone = strikes(script(fault, seed=seed), 50)
    assert alone == strikes(script(other, fault, seed=seed), 50)
    assert alone != strikes(script(fault, seed=seed + 1), 50) or sum(alone) in (0, 50)


def test_names_and_clearing():
    """Faults get names, are ended by name, by source or all, and a taken name adds nothing."""
    made = Script(0)
    assert ["fault-1", "mine", "fault-3"] == made.add(
        parse([{"do": "hang"}, {"do": "hang", "name": "mine", "source": "a"}, {"do": "hang", "source": "a"}]), NOW
    )
    with pytest.raises(ValueError, match="mine is in force"):
        made.add(parse([{"do": "reset"}, {"do": "reset", "name": "mine"}]), NOW)
    assert 3 == len(made.in_force())
    assert ["mine"] == made.clear(name="mine")
    assert ["fault-3"] == made.clear(source="a")
    assert ["fault-1"] == made.clear()
    assert [] == made.in_force()


def test_all_mistakes_at_once():
    """A script with mistakes is refused whole, one line for each mistake, saying which fault and which field."""
    with pytest.raises(ValueError, match="fault 1") as refused:
        parse([{"do": "explode"}, {"do": "hang"}, {"do": "hang", "count": 0, "sourse": "a"}, 5])
    lines = str(refused.value).splitlines()
    assert ["fault 1: do", "fault 3: count", "fault 3: sourse", "fault 4: Input"] == [
        line[: len(start)]
        for line, start in zip(lines, ("fault 1: do", "fault 3: count", "fault 3: sourse", "fault 4: Input"), strict=True)
    ]
