import io

import pytest
from hypothesis import given
from rich.console import Console
from tests.flows.documents import connectors, document, documents

from currents_segment.flows import status
from currents_segment.flows.status import at_rest

BALANCED = {"received": 1234, "in_flight": 4, "outcomes": {"delivered": 1200, "filtered/anonymous_user": 20, "expired": 10}}


def test_ledger_reads_as_an_equation():
    """The ledger is an equation: received = delivered + what ended otherwise, by reason + in flight."""
    assert status.ledger_text(document(shop_crm=BALANCED)) == (
        "shop-crm (workspace shop)\n"
        "    received                      1,234\n"
        "  = delivered                     1,200\n"
        "  + filtered: anonymous_user         20\n"
        "  + expired                          10\n"
        "  + in flight                         4"
    )


@given(documents())
def test_ledger_leaves_nothing_out(drawn):
    """The terms of the ledger are all that the document counts, whatever the outcome."""
    for connector in drawn["connectors"].values():
        (_, _, _, received), *terms = status.ledger(connector)
        assert (connector["received"], status.imbalance(connector)) == (received, received - sum(events for *_, events in terms))


def test_unheard_of_outcome():
    """An outcome that this version does not know is shown under its own name, not left out."""
    assert ("+", "lost/in_space", "", 3) in status.ledger(status.fresh("shop") | {"received": 3, "outcomes": {"lost/in_space": 3}})


@pytest.mark.parametrize(("received", "words"), [(1240, "6 events are in no state"), (1230, "4 more events ended than came in")])
def test_imbalance_is_shouted(received, words):
    """An imbalance is shouted with its size in every form of the ledger; the connector is named."""
    bad = document(crm=BALANCED | {"received": received}, web=BALANCED)
    assert {"crm": received - 1234} == status.balance(bad)
    paper = io.StringIO()
    Console(file=paper, width=200).print(status.ledger_table(bad))
    for form in (status.ledger_text(bad), paper.getvalue()):
        assert form.count("LEDGER OUT OF BALANCE") == 1
        assert words in form
    assert "crm: LEDGER OUT OF BALANCE" in paper.getvalue()


def test_table():
    """The table shows every term of every connector, names are never taken for markup."""
    paper = io.StringIO()
    odd = document(crm=BALANCED, web={})
    odd["connectors"]["[red]odd"] = status.fresh("shop")
    Console(file=paper, width=120).print(status.ledger_table(odd))
    shown = paper.getvalue()
    for word in ("crm", "web", "[red]odd", "1,234", "1,200", "97.2%", "anonymous_user", "in flight"):
        assert word in shown
    assert "OUT OF BALANCE" not in shown


@given(connectors())
def test_a_connector_is_at_rest_when_all_that_its_log_is_known_to_hold_has_ended(connector):
    """Of a log that was not looked at, or cannot be read, nothing is known."""
    resting = connector | {"in_transit": 0, "in_flight": 0, "lag": status.NO_LAG | {"listed_at": 1.0}}
    assert at_rest(resting)
    for more in (
        {"in_transit": 1},
        {"in_flight": 1},
        *({"lag": resting["lag"] | one} for one in ({"objects": 1}, {"messages": 1}, {"error": "x"}, {"listed_at": None})),
    ):
        assert not at_rest(resting | more)
