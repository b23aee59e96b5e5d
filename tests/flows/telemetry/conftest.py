import copy

import pytest

from currents_segment.flows import status
from currents_segment.flows.status import Status

FAILING = {
    "in_transit": 40,
    "received": 130,
    "in_flight": 10,
    "outcomes": {"delivered": 100, "filtered/anonymous_user": 15, "expired": 5},
    "letters_pending": 2,
    "health": "failing",
    "why": "503",
    "failing_since": 700.0,
    "last_ok": 690.0,
    "wait_until": 1010.0,
    "time_to_loss": 3600.0,
    "losses": [
        {"within": 3600.0, "events": 4, "objects": 0, "bytes": 0, "unread": 0},
        {"within": 21600.0, "events": 10, "objects": 3, "bytes": 4096, "unread": 700},
    ],
    "requests": {"200": 4, "503": 9},
    "requests_in_flight": 1,
    "batches": 5,
    "lag": {
        "objects": 3,
        "bytes": 4096,
        "messages": 7,
        "lost": 2,
        "retention": 172800.0,
        "oldest": 940.0,
        "listed_at": 995.0,
        "error": None,
    },
    "unknown": {"users.messages.fax.Send": 7},
    "slow": {"number": 3, "schema": 1200},
    "restored": {"received": 30, "outcomes": {"delivered": 20}},
}
DOCUMENT: Status = {
    "version": "0.1.0",
    "process": {"id": 0, "of": 1, "pid": 7, "started": 500.0, "mode": "follow"},
    "phase": "running",
    "at": 1000.0,
    "connectors": {"crm": status.fresh("shop") | FAILING, "web": status.fresh("blog")},
    "dedup": {"ids": 42, "window": 86400.0, "effective_window": 43200.0},
}


@pytest.fixture
def document() -> Status:
    """One process with two connectors: `crm` of `shop` fails with everything that can be said of it, `web` of `blog` is fresh."""
    return copy.deepcopy(DOCUMENT)
