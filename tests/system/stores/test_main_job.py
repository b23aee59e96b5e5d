"""The main job from object stores over their own protocols: the command line, what Segment would keep, and dead letters in the same store."""

import json

import pytest
from tests.system.rig import command
from tests.system.stores.servers import fill, store


@pytest.fixture
def letters_in(monkeypatch):
    """Lets this process and the commands find a store without options, as dead letters do."""

    def allow(server):
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)

    return allow


def secret(tmp_path, name, value):
    """A reference to a file that holds it."""
    (tmp_path / name).write_text(value)
    return f"file:{tmp_path / name}"


def test_s3(job, double, s3, small, letters_in, tmp_path):  # noqa: PLR0917 - fixtures
    """From S3, with more objects than an answer to a listing holds; what Segment refuses is kept in the bucket, is sent from there, and is deleted there."""
    options = s3.options()
    assert 1_000 < fill(store("s3://acme/currents/export", options), small.folder)
    letters_in(s3)
    hidden = {name: secret(tmp_path, name, options[name]) for name in ("access_key_id", "secret_access_key")}
    double.fault(do="status", status=501, count=1)
    main = job({"url": "s3://acme/currents", "poll": "200ms", "options": {**options, **hidden}}, dead_letters="s3://acme/dead-letters")
    main.once()
    outcomes = main.outcomes()
    refused = outcomes["rejected/refused"]
    assert small.due() == outcomes["delivered"] + refused
    kept = {("shop", outcome): count for outcome, count in outcomes.items() if outcome.partition("/")[0] in {"rejected", "undecodable"}}
    assert kept == main.letter_counts()
    replay = command("dead-letters", "replay", main.config, "--reason", "refused", "--yes")
    assert " sent, 0 refused again, 0 left" in replay.stdout
    assert small.due() == double.kept()
    assert (
        "missing=0 spurious=0 corrupted=0 repeated=0" in main.compare(small, code=1).splitlines()[0]
    )  # 1: the run's own ledger says refused
    command("dead-letters", "drop", main.config, "--replayed", "--yes")
    del kept["shop", "rejected/refused"]
    assert kept == main.letter_counts()


def test_azure(job, azure, currents, letters_in, tmp_path):
    """From Azure, with dead letters there."""
    azure.create("acme")
    options = azure.options()
    fill(store("az://acme/currents", options), currents.folder)
    letters_in(azure)
    hidden = {"account_key": secret(tmp_path, "key", options["account_key"])}
    main = job({"url": "az://acme/currents", "poll": "200ms", "options": {**options, **hidden}}, dead_letters="az://acme/dead-letters")
    main.once()
    main.proved(currents)


def test_google(job, s3, currents, tmp_path):
    """From a server that speaks the XML dialect which is used of Google Cloud Storage; its signatures and tokens are not tried."""
    fill(store("s3://public/currents", s3.options()), currents.folder)
    nobody = {"gcs_base_url": s3.url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    options = {"service_account_key": secret(tmp_path, "account", json.dumps(nobody)), "allow_http": True}
    main = job({"url": "gs://public/currents", "poll": "200ms", "options": options})
    main.once()
    main.proved(currents)
