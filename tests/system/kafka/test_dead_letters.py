"""The main job with its dead letters in a topic of a real broker: what is in it is what the ledger says, whatever goes down on the way; and the commands work on it."""

import json
import os
import signal
import subprocess

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from tests.system.exports import export
from tests.system.jobs import OFFSET_FILE
from tests.system.kafka.letters import records, settings
from tests.system.kafka.security import PASSWORD, Secured
from tests.system.rig import CLI, command, wait

HOUR = 3600.0  # s
PARTITIONS = dict.fromkeys(range(3), 0)


@pytest.fixture
def topic(kafka):
    """A topic for letters, beside one for events."""
    name = f"{kafka.name}.letters"[-249:]
    kafka.broker.create(name, len(PARTITIONS))
    return name


def test_letters_are_what_the_ledger_says(job, kafka, topic, events):
    """Everything that is to be kept of events from Kafka is in the topic, is listed, counted and shown; `check` and `doctor` find nothing wrong with it."""
    kafka.broker.create(kafka.name, 5)
    kafka.publish(events, partitions=5)
    main = job(kafka.source(), dead_letters=settings(kafka.broker, topic))
    main.once(2)
    main.proved(events)
    letters = main.letters()
    assert len(letters) == len(records(kafka.broker, topic, PARTITIONS)) > 0
    assert not main.dead_letters.exists()
    listed = [json.loads(line)["id"] for line in command("dead-letters", "list", main.config, "--limit", 0, "--json").stdout.splitlines()]
    assert sorted(letter.id for letter in letters) == sorted(listed)
    counted = [json.loads(line) for line in command("dead-letters", "count", main.config, "--json").stdout.splitlines()]
    assert main.letter_counts() == {("shop", row["outcome"]): row["events"] for row in counted}
    shown = command("dead-letters", "show", letters[0].id, main.config).stdout
    assert f"origin:     {letters[0].origin.log} | {letters[0].origin.object} | " in shown
    assert "fault: dead_letters" not in command("check", main.config).stdout
    found = json.loads(command("doctor", main.config, "--json").stdout)["dead_letters"]
    assert (f"topic {topic} at {kafka.broker.address()}", len(letters)) == (found["place"], found["letters"])


def test_a_broker_that_is_down_holds_what_is_to_be_kept(job, double, kafka, topic, currents):
    """The events stay in the state, over a SIGKILL too, and the fault is named; when it is back each is written, and who reads has it once."""
    main = job(currents.folder, dead_letters=settings(kafka.broker, topic))
    kafka.broker.kill()
    main.start()
    main.until(lambda: main.connector()["letters_error"], "the fault")
    assert f"{topic}: " in main.connector()["letters_error"]
    main.until_kept(currents.due() / 2)
    assert main.connector()["letters_pending"] > 0
    main.runs[-1].kill()
    run = main.start()
    main.until(lambda: "dead_letters.failing" in run.text(), "the fault to be said again, of what was held")
    kafka.broker.start()
    main.until_kept(currents.due())
    main.until(lambda: main.connector()["lag"]["objects"] == 0 == main.connector()["letters_pending"], "all letters to be written")
    assert main.connector()["letters_error"] is None
    run.stop()
    main.proved(currents)
    assert ["dead_letters.failing", "dead_letters.recovered"] == [
        line["event"] for line in run.events() if line["event"].startswith("dead_letters.")
    ]


def test_killed_between_the_write_and_the_commit(job, kafka, topic, currents):
    """What was written is written again by the next run, since no commit knows of it; who reads has it once."""
    main = job(currents.folder, dead_letters=settings(kafka.broker, topic), epoch="10s")
    run = main.start()  # what its first epoch decides is written when the second one begins, which commits that ten seconds later
    main.until(lambda: records(kafka.broker, topic, PARTITIONS), "letters")
    run.kill()
    before = len(records(kafka.broker, topic, PARTITIONS))
    main.settings["epoch"] = "200ms"
    main.configure()
    main.once()
    main.proved(currents)
    assert before + len(main.letters()) == len(records(kafka.broker, topic, PARTITIONS))


def test_what_expired_is_sent_again_once_and_dropped(job, double, kafka, topic, tmp_path):
    """A replay that is killed on its way goes on; a second one sends nothing; what was sent is dropped, and the rest stays."""
    made = export(tmp_path / "export", count=3_000)
    offset = tmp_path / "offset"
    offset.write_text("0")
    down = double.fault(do="status", status=503)
    main = job(made.folder, dead_letters=settings(kafka.broker, topic))
    run = main.start(env={OFFSET_FILE: str(offset)})
    main.until(lambda: main.connector()["requests"].get("503"), "a failed attempt")
    offset.write_text(str(49 * HOUR))
    main.until(
        lambda: main.connector()["outcomes"].get("expired", 0) == made.due() and not main.connector()["letters_pending"], "all to expire"
    )
    run.stop()
    double.clear(name=down)
    double.fault(do="pass", delay=0.05)
    replay = ("dead-letters", "replay", main.config, "--reason", "expired", "--yes")
    process = subprocess.Popen([*CLI, *map(str, replay)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    wait(lambda: double.kept() >= 600, "the first messages")
    process.send_signal(signal.SIGKILL)
    process.wait()
    double.clear()
    assert 0 < double.kept() < made.due()
    others = {letter.digest for letter in main.letters() if letter.outcome != "expired"}

    assert " 0 refused again, 0 left" in command(*replay).stdout
    assert (
        "missing=0 spurious=0 corrupted=0 repeated=0" in main.compare(made, code=1).splitlines()[0]
    )  # 1: the run's own ledger says expired
    assert 200 >= sum(double.summary()["duplicates"].values())  # one batch: what was under way when it was killed
    requests = len(double.requests("shop"))
    assert "2,000" not in command(*replay).stderr
    assert requests == len(double.requests("shop"))

    told = command("dead-letters", "drop", main.config, "--replayed").stdout
    assert f"{made.due():,} letters would be dropped; --yes drops them\nthe brokers keep their bytes until retention" in told
    assert f"{made.due():,} letters dropped" in command("dead-letters", "drop", main.config, "--replayed", "--yes").stdout
    assert others == {letter.digest for letter in main.letters()}


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A broker with users and grants."""
    broker = Secured(tmp_path_factory.mktemp("secured") / "broker")
    yield broker
    broker.close()


def test_a_denied_grant_is_told_and_the_grants_of_the_page_are_enough(job, secured, currents, tmp_path):
    """`check` says what to grant before a run, the run holds what is to be kept and says so, and goes on when the grant is there."""
    secured.create("letters", 2)
    (tmp_path / "password").write_text(PASSWORD)
    sasl = {"mechanism": "SCRAM-SHA-512", "username": "segment", "password": f"file:{tmp_path / 'password'}"}
    secure = {"bootstrap": secured.address("SECURE"), "tls": {"ca": str(secured.authority.ca)}, "sasl": sasl}
    main = job(currents.folder, dead_letters=settings(secured, "letters", **secure))
    assert "fault: dead_letters: topic letters at " in command("check", main.config, code=1).stdout
    secured.grant("segment", ResourceType.TOPIC, "letters", AclOperation.DESCRIBE)
    denied = command("check", main.config, code=1).stdout
    assert f"fault: dead_letters: topic letters at {secured.address('SECURE')}: we may not write it: grant WRITE on the topic" in denied
    assert "warning: dead_letters: topic letters at" in denied
    run = main.start()
    main.until(lambda: main.connector()["letters_error"], "the fault")
    assert "letters: we may not write it: grant WRITE and DESCRIBE on the topic" in main.connector()["letters_error"]
    secured.grant("segment", ResourceType.TOPIC, "letters", AclOperation.WRITE, AclOperation.READ, AclOperation.DESCRIBE_CONFIGS)
    main.until(lambda: main.connector()["lag"]["objects"] == 0 == main.connector()["letters_pending"], "all letters to be written")
    main.until_kept(currents.due())
    run.stop()
    main.proved(currents)
    assert "dead_letters" not in command("check", main.config).stdout
    (tmp_path / "password").write_text("wrong")
    assert "the brokers refuse who we are: check mechanism, name and password" in command("check", main.config, code=1).stdout
    command("dead-letters", "list", main.config, code=2)
