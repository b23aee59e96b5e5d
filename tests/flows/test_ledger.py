from hypothesis import given
from hypothesis import strategies as st

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.ledger import Account

tallies = st.dictionaries(st.sampled_from(list(Outcome)), st.integers(0, 1000))


@given(st.lists(st.tuples(st.integers(0, 1000), tallies)), tallies)
def test_what_came_in_is_what_ended_and_what_is_in_flight(arrivals, ends):
    """received = the sum over outcomes + in flight, whatever happens in whatever order."""
    account, in_flight = Account(), 0
    for alive, tally in arrivals:
        account.arrive(alive + sum(tally.values()), tally)
        in_flight += alive
    for outcome, events in ends.items():
        account.end(outcome, min(events, in_flight))
        in_flight -= min(events, in_flight)
    assert 0 == account.balance(in_flight)
    assert account == Account.restore(account.state())


def test_an_event_that_is_nowhere_shows():
    """An imbalance is what is missing, or too much."""
    account = Account()
    account.arrive(3, {Outcome.ANONYMOUS_USER: 1})
    assert 1 == account.balance(1)
    assert -1 == account.balance(3)
