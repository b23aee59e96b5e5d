"""What Segment would keep, and why not the rest."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.simulate.segment_edge import Limits
from currents_segment.flows.simulate.segment_keep import Pipeline, Refusal, Repeat, Request, Tally, corrected, instant, refusal

AT = 1_767_225_600.0  # 2026-01-01T00:00:00Z
TRACK = {"type": "track", "event": "E", "userId": "u", "messageId": "m"}
TIMES = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone


def request(at=AT, source="shop", acknowledged=False):
    """The record of a request."""
    return Request(at, source, "/v1/batch", "200", 0, 0, None, None, {}, acknowledged)


def take(pipeline, messages, *, sent_at=None, whole=None, tally=None, of=None):
    """The tally after one request."""
    tally = tally or Tally()
    pipeline.take(of or request(), messages, sent_at, whole, tally)
    return tally


def seen(pipeline, source=None):
    """The view, parsed."""
    return [orjson.loads(line) for line in pipeline.view(source)]


def sized(size):
    """A message of so many bytes of compact JSON."""
    return TRACK | {"x": "a" * (size - len(orjson.dumps(TRACK | {"x": ""})))}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (TRACK, None),
        (TRACK | {"userId": None, "anonymousId": "a"}, None),
        (TRACK | {"userId": 7}, None),
        (TRACK | {"messageId": None}, None),
        (TRACK | {"messageId": "x" * 99}, None),
        (TRACK | {"event": "E", "properties": None, "unheardOf": 1}, None),
        ({"type": "identify", "anonymousId": "a"}, None),
        ({"type": "alias", "previousId": "old"}, None),
        ({"type": "group", "groupId": "g", "userId": "u"}, None),
        (sized(32_000), None),
        (sized(32_001), Refusal.EVENT_TOO_LARGE),
        (None, Refusal.NOT_AN_OBJECT),
        ([TRACK], Refusal.NOT_AN_OBJECT),
        ({}, Refusal.UNKNOWN_TYPE),
        (TRACK | {"type": "Track"}, Refusal.UNKNOWN_TYPE),
        (TRACK | {"type": ["track"]}, Refusal.UNKNOWN_TYPE),
        (TRACK | {"userId": None}, Refusal.NO_IDENTITY),
        (TRACK | {"userId": ""}, Refusal.NO_IDENTITY),
        (TRACK | {"userId": True}, Refusal.NO_IDENTITY),
        (TRACK | {"userId": "", "anonymousId": None}, Refusal.NO_IDENTITY),
        (TRACK | {"userId": None, "previousId": "old"}, Refusal.NO_IDENTITY),
        (TRACK | {"event": ""}, Refusal.NO_EVENT_NAME),
        (TRACK | {"event": None}, Refusal.NO_EVENT_NAME),
        ({"type": "track", "userId": "u"}, Refusal.NO_EVENT_NAME),
        (TRACK | {"messageId": 5}, Refusal.BAD_MESSAGE_ID),
        (TRACK | {"messageId": ""}, Refusal.BAD_MESSAGE_ID),
        (TRACK | {"messageId": "x" * 100}, Refusal.LONG_MESSAGE_ID),
    ],
)
def test_what_segment_drops_of_what_it_answered_200(message, reason):
    """A message is kept only with a known type, an identity, a name if it is a track, a messageId under 100 characters and 32,000 bytes at most."""
    assert reason == refusal(message, len(orjson.dumps(message)), Limits())


def test_a_request_of_too_many_events_is_lost_whole():
    """2,500 events are kept, 2,501 are lost, all of them."""
    messages = [TRACK | {"messageId": str(n)} for n in range(2_501)]
    assert {Refusal.TOO_MANY_EVENTS: 2_501} == take(Pipeline(Limits()), messages).refused
    assert take(Pipeline(Limits()), messages[1:]).kept == 2_500


@pytest.mark.parametrize("whole", [Refusal.UNKNOWN_WRITE_KEY, Refusal.DISABLED_SOURCE, Refusal.BATCH_TOO_LARGE])
def test_a_refused_request_leaves_no_ids_behind(whole):
    """What is refused does not make a later delivery a duplicate."""
    pipeline = Pipeline(Limits())
    assert {whole: 1} == take(pipeline, [TRACK], whole=whole).refused
    assert take(pipeline, [TRACK]).kept == 1


def test_deduplication_is_global():
    """A messageId kept for one source is a duplicate for every other; the content is ignored, the first one wins."""
    pipeline = Pipeline(Limits())
    take(pipeline, [TRACK | {"event": "first"}], of=request(source="a"))
    assert take(pipeline, [TRACK | {"event": "second"}], of=request(source="b")).duplicates.total() == 1
    assert [("a", "first")] == [(line["source"], line["message"]["event"]) for line in seen(pipeline)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (False, False, [Repeat.AMBIGUOUS, Repeat.AMBIGUOUS]),
        (True, False, [Repeat.ANSWERED, Repeat.ANSWERED]),
        (False, True, [Repeat.AMBIGUOUS, Repeat.ANSWERED]),
    ],
)
def test_a_repeat_is_rightful_until_an_answer_said_delivered(first, second, expected):
    """Retries of unanswered requests are `ambiguous`; after any answer that said delivered they are `answered`."""
    pipeline = Pipeline(Limits())
    repeats = []
    for acknowledged in (first, second, False):
        tally = take(pipeline, [TRACK], of=(this := request()))
        this.acknowledged = acknowledged
        repeats += tally.duplicates
    assert expected == repeats


def test_an_answer_that_comes_late_counts_from_then_on():
    """An acknowledgement after the retry came still makes later repeats `answered`."""
    pipeline, slow = Pipeline(Limits()), request()
    take(pipeline, [TRACK], of=slow)
    assert {Repeat.AMBIGUOUS: 1} == take(pipeline, [TRACK]).duplicates
    slow.acknowledged = True
    assert {Repeat.ANSWERED: 1} == take(pipeline, [TRACK]).duplicates


def test_twice_in_one_request():
    """A messageId twice in one request is told apart from a retry, in a first request and in a retry."""
    pipeline = Pipeline(Limits())
    assert {Repeat.SAME_REQUEST: 1} == take(pipeline, [TRACK, TRACK]).duplicates
    assert {Repeat.AMBIGUOUS: 1, Repeat.SAME_REQUEST: 1} == take(pipeline, [TRACK, TRACK]).duplicates


def test_messages_without_an_id_are_never_duplicates():
    """Segment gives an id of its own to a message that has none."""
    assert take(Pipeline(Limits()), [TRACK | {"messageId": None}] * 3).kept == 3


def test_the_promise_of_deduplication_ends_after_24_hours():
    """A retry within 24 h of the first is a duplicate, later it is kept again, however often it was repeated between."""
    pipeline = Pipeline(Limits())
    kept = [take(pipeline, [TRACK], of=request(at=AT + hours * 3600)).kept for hours in (0, 12, 23.99, 24, 36, 48)]
    assert [1, 0, 0, 1, 0, 1] == kept


@given(st.lists(st.tuples(st.lists(st.sampled_from([*"abcdefgh", None]), max_size=6), st.booleans()), max_size=12))
def test_dedup_against_a_set(requests):
    """Kept are the first sightings, in order; received = kept + duplicates + refused; `answered` are exactly those an earlier answer confirmed."""
    pipeline, tally = Pipeline(Limits()), Tally()
    known, confirmed, answered, first_sightings = set(), set(), 0, []
    for ids, acknowledged in requests:
        for one in ids:
            answered += one in confirmed
            if one is None or one not in known:
                first_sightings.append(one)
            known |= {one} - {None}
        pipeline.take(this := request(), [TRACK | {"messageId": one} for one in ids], None, None, tally)
        this.acknowledged = acknowledged
        confirmed |= (set(ids) - {None}) if acknowledged else set()
    assert first_sightings == [line["message"]["messageId"] for line in seen(pipeline)]
    assert tally.received == tally.kept + tally.duplicates.total() + tally.refused.total()
    assert answered == tally.duplicates[Repeat.ANSWERED]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00+00:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T01:00:00.123456+01:00", datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2026-01-01T00:00:00.5", datetime(2026, 1, 1, 0, 0, 0, 500000, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_are_read_in_every_usual_form(text, time):
    """`Z`, an offset, or neither (UTC); null is no time."""
    assert time == instant(text)


@pytest.mark.parametrize("timestamp", ["yesterday", "", 1767225600, True, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_is_refused(timestamp):
    """A message whose time is no time, or outside the calendar, is not kept."""
    assert {Refusal.BAD_TIMESTAMP: 1} == take(Pipeline(Limits()), [TRACK | {"timestamp": timestamp}]).refused


def test_a_sent_at_that_cannot_be_read_refuses_its_batch():
    """Without a readable sentAt no time of the batch can be corrected."""
    assert {Refusal.BAD_TIMESTAMP: 2} == take(Pipeline(Limits()), [TRACK, TRACK], sent_at="now").refused


@given(TIMES, TIMES, TIMES, st.timedeltas(min_value=timedelta(days=-800), max_value=timedelta(days=800)))
def test_a_wrong_clock_of_the_sender_does_no_harm(received_at, sent_at, original, error):
    """Shifting the sender's clock shifts neither; sent when received means delivered as stamped."""
    assert corrected(received_at, sent_at, original) == corrected(received_at, sent_at + error, original + error)
    assert original == corrected(received_at, received_at, original)


@given(TIMES, st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=48)))
def test_a_frozen_sent_at_shifts_the_event_by_the_delay(original, delay):
    """A sentAt that is not stamped anew at each attempt moves the event by the time that the retries took."""
    assert original + delay == corrected(original + delay, original, original)


@given(TIMES, st.none() | TIMES)
def test_missing_times(received_at, sent_at):
    """Without an original time the receipt stands; without sentAt the original."""
    assert received_at == corrected(received_at, sent_at, None)
    assert received_at == corrected(received_at + timedelta(days=1), None, received_at)


def test_the_view_shows_message_source_and_times():
    """Each line has the message as received, the time that Segment would deliver, and the receipt; a message's own sentAt stands before its batch's."""
    pipeline = Pipeline(Limits())
    east = timezone(timedelta(hours=2))
    noon = datetime.fromtimestamp(AT - 3600, east).isoformat()
    own = TRACK | {"messageId": "n", "originalTimestamp": noon, "sentAt": "2026-01-01T00:00:00Z", "null": None, "ü": "\n"}
    take(pipeline, [TRACK | {"timestamp": noon}, own], sent_at="2025-12-31T23:00:00.250Z")
    expected = [
        {
            "source": "shop",
            "message": TRACK | {"timestamp": noon},
            "timestamp": "2025-12-31T23:59:59.750Z",
            "receivedAt": "2026-01-01T00:00:00.000Z",
        },
        {"source": "shop", "message": own, "timestamp": "2025-12-31T23:00:00.000Z", "receivedAt": "2026-01-01T00:00:00.000Z"},
    ]
    assert expected == seen(pipeline)
    assert [] == seen(pipeline, "another")


def test_counting_without_keeping():
    """`keep="none"` counts and deduplicates as ever, and the view is empty."""
    pipeline, tally = Pipeline(Limits(), keep="none"), Tally()
    take(pipeline, [TRACK, TRACK], tally=tally)
    assert (1, 1, []) == (tally.kept, tally.duplicates.total(), seen(pipeline))
