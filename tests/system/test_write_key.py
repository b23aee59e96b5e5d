"""A write key that expires: everything waits for the new one, which is used at once; and no key is ever seen."""

import httpx
from tests.system.rig import command, everything_under, free_port, key

NEW = "a-n3w-k3y-for-shop"


def test_a_replaced_key_is_used_without_a_restart(job, double, currents):
    """An expired key holds the connector and costs nothing; when the key file holds the new one it goes on, and no output holds a key."""
    double.fault(do="pass", delay=0.1)
    main = job(currents.folder, {"shop": {"limits": {"batch_events": 100, "in_flight": 2}}}, http={"port": free_port(2)})
    run = main.start(processes=2)
    main.until_kept(currents.due() / 3)
    double.source("shop", expired=True)
    main.until(lambda: main.connector()["health"] == "held", "the connector to be held")
    seen = [page(main, "/status"), page(main, "/metrics"), command("status", main.config, code=1).stdout]
    at = double.kept()
    assert at < currents.due()
    double.source("shop", key=NEW, expired=False)
    part = main.key_file("shop").with_suffix(".part")
    part.write_text(NEW)
    part.rename(main.key_file("shop"))
    main.until_kept(currents.due())
    main.until(lambda: main.connector()["in_flight"] == 0, "the ledger to know")
    seen += [page(main, "/status"), page(main, "/metrics"), command("status", main.config).stdout]
    run.stop()
    main.proved(currents)
    assert {"200", "401"} == set(double.answers("shop"))
    events = [event["event"] for event in run.events()]
    assert 1 <= events.count("connector.held") <= 2  # once a process
    assert events.index("connector.held") < events.index("connector.key_replaced") < events.index("connector.recovered")
    seen += [file.read_bytes().decode("latin-1") for file in everything_under(main.home) if file.suffix != ".key"]
    assert [] == [text[:200] for text in seen for secret in (key("shop"), NEW) if secret in text]


def page(main, path):
    """What the running process serves."""
    port = main.settings["http"]["port"]
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=20).raise_for_status().text
