"""An S3 bucket that fails in the ways buckets do, under a run of the command line: named, tried again, nothing lost, nobody else disturbed."""

import itertools
import json

import pytest
from tests.system.rig import key
from tests.system.stores.proxy import Cut, Refuse
from tests.system.stores.servers import ADMIN, fill, store


@pytest.fixture
def source(s3, proxy, currents, request, tmp_path):
    """An export in a bucket of this test's own, behind the proxy, with its secret in a file."""
    url = f"s3://{request.node.name.replace('_', '-')}"
    fill(store(url, s3.options()), currents.folder)
    (tmp_path / "secret").write_text(ADMIN[1])
    return {"url": url, "poll": "200ms", "options": {**s3.options(url=proxy.url), "secret_access_key": f"file:{tmp_path / 'secret'}"}}


def beside(main, folder):
    """Another workspace in the same file, with a connector `other` that reads a folder."""
    whole = json.loads(main.config.read_text())
    shop = whole["workspaces"]["acme"]["connectors"]["shop"]
    main.key_file("other").write_text(key("other"))
    main.double.source("other", key=key("other"), expired=False)
    other = {**shop, "integration_name": "shop", "write_key": f"file:{main.key_file('other')}", "message_id": "raw"}
    whole["workspaces"]["club"] = {"sources": {"files": {"url": str(folder), "poll": "200ms"}}, "connectors": {"other": other}}
    main.config.write_text(json.dumps(whole))


def test_each_fault_is_named_and_passes(job, double, proxy, source, currents, tmp_path):  # noqa: PLR0917 - fixtures
    """`status` says which, one after the other; the other workspace delivers all meanwhile, and at the end nothing is missing."""
    (tmp_path / "secret").write_text("not-the-secret")
    main = job(source)
    beside(main, currents.folder)
    run = main.start()

    def named(words):
        main.until(lambda: words in (main.connector()["lag"]["error"] or ""), words)

    named("access denied")
    proxy.spoil = lambda request: None if request.key else Refuse(503, "SlowDown")
    (tmp_path / "secret").write_text(ADMIN[1])
    named("throttled")
    assert 0 == double.kept("shop")
    proxy.spoil = lambda request: Refuse(503, "SlowDown") if request.key else None
    named(".avro); list less often")
    some = itertools.count()
    proxy.spoil = lambda _: Refuse(400, "ExpiredToken") if next(some) >= 60 else None
    named("credentials expired")
    main.until_kept(currents.due(), "other")
    assert double.kept("shop") < currents.due()
    assert main.connector("other")["lag"]["error"] is None
    proxy.spoil = lambda _: None
    main.until_kept(currents.due())
    main.until(lambda: main.connector()["received"] == currents.ledgers["shop"]["received"], "all to be read")
    main.until(lambda: main.connector()["lag"]["error"] is None and not main.connector()["letters_pending"], "the end of the faults")
    run.stop()
    assert currents.ledgers["shop"]["outcomes"] == main.outcomes() == main.outcomes("other")
    assert ["source.failing", "source.recovered"] == list(
        dict.fromkeys(line["event"] for line in run.events() if line["event"].startswith("source."))
    )
    assert ADMIN[1] not in run.text()


def test_killed_on_the_way(job, double, proxy, source, currents):
    """SIGKILL while objects come in pieces over connections that are cut: the next run goes on from the last commit, as if nothing had happened."""
    numbers = itertools.count()
    proxy.spoil = lambda request: Cut(2_000, reset=True) if request.key and next(numbers) % 10 == 0 else None
    double.fault(do="pass", delay=0.2)
    main = job(source, {"shop": {"limits": {"batch_events": 100, "in_flight": 4}}})
    run = main.start("--once")
    main.until_kept(currents.due() / 3)
    run.kill()
    assert double.kept() < currents.due()
    double.clear()
    main.once()
    main.proved(currents)
    assert proxy.struck
