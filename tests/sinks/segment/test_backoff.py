"""When a batch, and when a connector, tries again."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.sinks.segment.answers import Delivered, Refused, Retry, SetupFault, Split, Wait, WithoutRetryCount
from currents_segment.sinks.segment.backoff import Again, Done, Halve, Health, Hold, Reject, due, merge, pause, rekeyed, step

NOW = 1_800_000_000.0
FAILING = Health(failing_since=NOW - 100, last_ok=NOW - 200, failures=4, wait_until=NOW - 1)
HELD = Health(failing_since=NOW - 100, failures=2, wait_until=NOW - 1, fault="401")

answers = st.one_of(
    st.just(Delivered()),
    st.builds(Retry, st.sampled_from(["503", "timeout"]), st.none() | st.floats(0, 300)),
    st.builds(Wait, st.just("429"), st.floats(0, 300)),
    st.just(Split("413", 413)),
    st.just(Refused(409, "409")),
    st.just(SetupFault("401")),
    st.just(WithoutRetryCount("422")),
)
unit = st.floats(0, 1, exclude_max=True)
moments = st.none() | st.integers(0, 9).map(float)


@pytest.mark.parametrize(("tries", "wait"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (5000, 300)])
def test_batch_alone(tries, wait):
    """A batch that fails alone waits min(0.5 s * 2^n, 300 s); its connector goes on."""
    health, action = step(Health(last_ok=NOW - 1), Retry("503", None), tries=tries, now=NOW, random=0.0)
    assert Again(NOW + wait, tries + 1) == action
    assert Health(failing_since=NOW, last_ok=NOW - 1, failures=1, wait_until=0.0) == health


def test_connector():
    """A second failure without a success between them makes the connector wait, longer after each."""
    health, waits = Health(), []
    now = NOW
    for _ in range(14):
        health, action = step(health, Retry("503", None), tries=0, now=now, random=0.0)
        assert isinstance(action, Again)
        waits.append(max(health.wait_until - now, 0))
        now = max(action.at, health.wait_until)
    assert [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300] == waits
    assert NOW == health.failing_since


def test_one_round():
    """Requests that were in flight together and fail together are one round: the wait does not grow with their number."""
    health, _ = step(Health(), Retry("timeout", None), tries=0, now=NOW, random=0.0)
    health, _ = step(health, Retry("timeout", None), tries=0, now=NOW, random=0.0)
    first = health
    for _ in range(20):
        health, action = step(health, Retry("timeout", None), tries=3, now=NOW + 0.1, random=0.9)
        assert Again(first.wait_until + 0.5, 4) == action
    assert first == health


def test_failing_next_to_successes():
    """A batch that fails again and again while others succeed never makes the connector wait."""
    health = Health()
    for tries in range(12):
        health, _ = step(health, Retry("500", None), tries=tries, now=NOW + tries, random=0.5)
        assert NOW + tries >= health.wait_until
        health, _ = step(health, Delivered(), tries=0, now=NOW + tries, random=0.5)
    assert health.working


def test_jitter():
    """Jitter is 0 to 10 % of the wait, on top of it."""
    assert 2.0 == pause(2, 0.0)
    assert pytest.approx(2.1) == pause(2, 0.5)
    assert pytest.approx(32.0 * 1.1) == pause(0, 1 - 1e-9, 32.0)


@pytest.mark.parametrize("health", [Health(), FAILING])
@pytest.mark.parametrize("asked", [2.0, 77.0])
def test_retry_after(health, asked):
    """A retry waits what the server asks for, be it more or less than the backoff; while the connector fails, it waits as a whole."""
    after, action = step(health, Retry("503", asked), tries=9, now=NOW, random=0.0)
    assert Again(NOW + asked + (0.5 if after.failures > 1 else 0), 10) == action


def test_429():
    """A 429 makes the whole connector wait, uses up no attempt, and the clock of expiry runs."""
    health, action = step(Health(last_ok=NOW - 1), Wait("429", 60.0), tries=2, now=NOW, random=0.0)
    assert Again(NOW, 2) == action
    assert Health(failing_since=NOW, last_ok=NOW - 1, failures=1, wait_until=NOW + 60) == health


def test_429_without_a_time():
    """A 429 that names no time is waited for by the connector's own backoff."""
    health, action = step(FAILING, Wait("429", 0.0), tries=2, now=NOW, random=0.0)
    assert Again(NOW, 2) == action
    assert (NOW + 8, 5) == (health.wait_until, health.failures)


def test_429_then_late_success():
    """The success of a request that was sent before a 429 ends the failing, but not the wait."""
    waiting, _ = step(Health(), Wait("429", 60.0), tries=0, now=NOW, random=0.0)
    health, action = step(waiting, Delivered(), tries=0, now=NOW + 1, random=0.0)
    assert Done() == action
    assert Health(last_ok=NOW + 1, wait_until=NOW + 60) == health


def test_longer_429_of_the_same_round():
    """A longer wait that is asked for while one is on lengthens it; a shorter one does not shorten it."""
    waiting, _ = step(Health(), Wait("429", 60.0), tries=0, now=NOW, random=0.0)
    longer, _ = step(waiting, Wait("429", 200.0), tries=0, now=NOW + 1, random=0.0)
    shorter, _ = step(waiting, Wait("429", 2.0), tries=0, now=NOW + 1, random=0.0)
    assert (NOW + 201, 1) == (longer.wait_until, longer.failures)
    assert waiting == shorter


@pytest.mark.parametrize("health", [Health(), FAILING, HELD])
@pytest.mark.parametrize(
    ("action", "answer"),
    [(Done(), Delivered()), (Halve(400), Split("400", 400)), (Halve(413), Split("413", 413)), (Reject(409), Refused(409, "409"))],
)
def test_proof(health, answer, action):
    """A delivery, and a refusal too, proves endpoint and key to work: failing ends."""
    after, done = step(health, answer, tries=3, now=NOW, random=0.5)
    assert action == done
    assert (None, NOW, 0, None, True) == (after.failing_since, after.last_ok, after.failures, after.fault, after.working)


def test_setup_fault():
    """A setup fault holds everything, names itself, and is probed ever more seldom."""
    health, action = step(Health(last_ok=NOW - 1), SetupFault("401"), tries=0, now=NOW, random=0.0)
    assert Hold(NOW + 1) == action
    assert Health(failing_since=NOW, last_ok=NOW - 1, failures=1, wait_until=NOW + 0.5, fault="401") == health
    health, action = step(health, SetupFault("403"), tries=0, now=NOW + 1, random=0.0)
    assert (Hold(NOW + 2.5), NOW + 2, "403", NOW) == (action, health.wait_until, health.fault, health.failing_since)


def test_fault_stays_through_other_failures():
    """A setup fault is over only when something proves it, not when the probe fails in another way."""
    health, _ = step(HELD, Retry("503", None), tries=0, now=NOW, random=0.0)
    assert ("401", NOW - 100) == (health.fault, health.failing_since)


@pytest.mark.parametrize("answer", [SetupFault("403"), Retry("500", None)])
def test_poison(answer):
    """A batch that can never succeed does not keep the probe: when the connector's wait is over, any other batch goes before it and proves that all is well."""
    health, now = Health(), NOW
    for tries in range(8):
        health, action = step(health, answer, tries=tries, now=now, random=0.5)
        assert isinstance(action, Again | Hold)
        assert health.wait_until < action.at
        now = action.at
    health, _ = step(health, Delivered(), tries=0, now=health.wait_until, random=0.5)
    assert health.working


def test_rekeyed():
    """A replaced key is tried at once, and the clock of expiry goes on."""
    assert Health(failing_since=NOW - 100, failures=2) == rekeyed(HELD)


def test_without_retry_count():
    """A 422 for the header sends the batch again at once without it; it is neither a try nor a failure."""
    assert (FAILING, Again(NOW, 7, with_retry_count=False)) == step(FAILING, WithoutRetryCount("422"), tries=7, now=NOW, random=0.5)


@given(st.integers(0, 10**6), unit, st.none() | st.floats(0, 1e9))
def test_no_wait_over_330(failures, random, asked):
    """No wait exceeds 330 s, or is shorter than 0.5 s unless the server asks for it."""
    wait = pause(failures, random, asked)
    assert min(asked or 0.5, 0.5) <= wait <= 330


@given(unit)
def test_monotone(random):
    """Waits never get shorter as failures go on."""
    waits = [pause(failures, random) for failures in range(20)]
    assert all(a <= b for a, b in pairwise(waits))


@given(st.lists(st.tuples(answers, st.floats(0, 400), unit, st.integers(0, 20))))
def test_story(story):
    """Through any story: failing_since moves only by a proof, is there if and only if something failed since, and no action or wait lies over 330 s ahead."""
    health, now = Health(), NOW
    for answer, gap, random, tries in story:
        now += gap
        before = health
        health, action = step(health, answer, tries=tries, now=now, random=random)
        proved = isinstance(answer, Delivered | Split | Refused)
        if proved:
            assert health.working
            assert now == health.last_ok
        else:
            assert before.last_ok == health.last_ok
            if not before.working:
                assert before.failing_since == health.failing_since
            elif not isinstance(answer, WithoutRetryCount):
                assert now == health.failing_since
        assert health.working == (health.failures == 0)
        assert health.fault is None or not health.working
        assert now + 330 >= health.wait_until >= before.wait_until
        if isinstance(action, Again | Hold):
            assert now <= action.at <= now + 330 + 0.5
        if isinstance(action, Again):
            assert action.tries - tries == isinstance(answer, Retry)


def test_clock_set_back():
    """A wall clock that is set back never puts a failure before the success that it follows."""
    health, _ = step(Health(last_ok=NOW), Retry("503", None), tries=0, now=NOW - 3600, random=0.0)
    assert NOW == health.failing_since


views = st.builds(Health, failing_since=moments, last_ok=moments, failures=st.just(0), wait_until=st.just(0.0), fault=st.just(None))


@pytest.mark.parametrize(
    ("since", "a", "b"),
    [
        (5.0, Health(failing_since=5.0, last_ok=3.0), Health(failing_since=7.0, last_ok=4.0)),
        (None, Health(failing_since=5.0, last_ok=3.0), Health(last_ok=6.0)),
        (7.0, Health(failing_since=5.0), Health(failing_since=7.0, last_ok=6.0)),
        (5.0, Health(failing_since=5.0), Health()),
        (None, Health(last_ok=3.0), Health()),
    ],
)
def test_merge(since, a, b):
    """Of several views the latest success wins, and failing counts from the earliest failure after it."""
    assert since == merge(a, b).failing_since


def test_merge_keeps_waits():
    """A wait asked for, and a setup fault, outlive a restart."""
    assert Health(failing_since=5.0, wait_until=60.0, fault="401") == merge(Health(failing_since=5.0, fault="401"), Health(wait_until=60.0))


@given(views, views)
def test_merge_in_any_order(a, b):
    """Merging knows no order, says the same twice as once, and never puts a failure before a success."""
    merged = merge(a, b)
    assert merge(b, a) == merged
    assert merge(merged, merged) == merged
    assert merge(merged, a) == merged
    assert merged.failing_since is None or merged.last_ok is None or merged.failing_since >= merged.last_ok


@pytest.mark.parametrize(("ahead", "is_due"), [(-1, True), (0, True), (1, False), (330, False), (331, True), (10_800, True)])
def test_no_wait_outlasts_the_longest_one_whatever_the_clock_does(ahead, is_due):
    """A wall clock that is set back by hours holds nothing up."""
    assert is_due is due(1_800_000_000 + ahead, 1_800_000_000)
