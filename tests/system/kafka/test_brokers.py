"""Three brokers: leaders change, brokers die, come back and are restarted one after the other, and a network swallows everything to one or all of them."""

import json
from collections.abc import Iterator

import pytest
from tests.system import exports
from tests.system.exports import export
from tests.system.kafka.cluster import NUMBERS, Cluster
from tests.system.kafka.publishing import Topic
from tests.system.rig import command, key

PARTITIONS = (0, 1, 2)
LIMITS = {"shop": {"limits": {"batch_events": 100, "in_flight": 4}}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """Three brokers that serve when a test begins."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


@pytest.fixture
def topic(cluster, registry, request):
    """A topic of three partitions, each on all brokers and led by another one."""
    made = Topic(cluster, registry, request.node.name)
    cluster.create(made.name, len(PARTITIONS))
    return made


@pytest.fixture
def source(cluster, topic):
    """Settings of a source that reads the topic through the proxies."""

    def make(*topics, **settings):
        return topic.source(*topics, bootstrap=cluster.address("CLIENT"), **settings)

    return make


def told(log):
    """What is said to be wrong."""
    return log.log.error or ""


def put(topic, log, count):
    """So many more in each partition, and until they were read; each offset must come once, in order."""
    before = max((len(got) for got in log.got.values()), default=0)
    for partition in PARTITIONS:
        topic.put(count, partition=partition)
    for partition in PARTITIONS:
        log.until_got(topic.name, partition, list(range(before + count)))


def test_a_broker_that_is_killed_is_named_and_holds_only_what_it_alone_has(cluster, topic, source, reading):
    """Its other partitions are led by others within seconds; what nobody leads is named while it lasts, and goes on when the broker is back."""
    victim = cluster.leader(topic.name, 0)
    alone = Topic(cluster, topic.registry, f"{topic.name}-alone")
    cluster.create_on(alone.name, victim)
    alone.put(3)
    log = reading(source(topic.name, alone.name))
    put(topic, log, 5)
    log.until_got(alone.name, 0, [0, 1, 2])
    cluster.nodes[victim].kill()
    log.until(lambda: f"topic {alone.name} [0]: no broker leads them" in told(log), "the fault")
    log.until(lambda: cluster.leader(topic.name, 0) not in (victim, -1), "another leader")
    put(topic, log, 5)
    assert f"topic {alone.name} [0]: no broker leads them" in told(log)
    cluster.nodes[victim].start()
    log.until(lambda: not told(log), "the end of the fault")
    alone.put(2)
    log.until_got(alone.name, 0, [0, 1, 2, 3, 4])
    cluster.until_whole(*((topic.name, partition) for partition in PARTITIONS))


def test_leaders_change_and_all_brokers_are_restarted_in_turn(cluster, topic, source, reading):
    """Every message comes once and in order, whoever leads: after each restart, and after the preferred leaders took over again."""
    log = reading(source())
    put(topic, log, 5)
    for node in cluster.nodes.values():
        node.stop()
        put(topic, log, 5)
        node.start()
        cluster.until_whole(*((topic.name, partition) for partition in PARTITIONS))
    led = [cluster.leader(topic.name, partition) for partition in PARTITIONS]
    for partition in PARTITIONS:
        cluster.elect(topic.name, partition)
    assert led != [cluster.leader(topic.name, partition) for partition in PARTITIONS]
    put(topic, log, 5)
    log.until(lambda: not told(log), "the end of all faults")


def test_a_start_with_one_broker_behind_a_black_hole(cluster, topic, source, reading):
    """The others' partitions begin; the silent broker's are named with it, none of them begins anywhere but at its beginning, and all go on when it answers."""
    for partition in PARTITIONS:
        topic.put(5, partition=partition)
    silent = cluster.leader(topic.name, 0)
    cluster.proxies[silent].swallow()
    log = reading(source())
    log.until(lambda: log.got[topic.name, 1] == log.got[topic.name, 2] == [0, 1, 2, 3, 4], "the others' messages")
    log.until(
        lambda: f"topic {topic.name} [0]: their leader, broker {silent} at {cluster.place(silent)}, does not answer" in told(log),
        "its name",
    )
    assert [] == log.got[topic.name, 0]
    cluster.proxies[silent].forward()
    log.until_got(topic.name, 0, [0, 1, 2, 3, 4])
    log.until(lambda: not told(log), "the end of the fault")


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A small export for a connector that has nothing to do with Kafka."""
    return export(tmp_path_factory.mktemp("calm"), connectors=("calm",), count=600, seed=2)


def beside(job, calm, folder):
    """Another workspace in the same configuration, with the connector `calm`, that reads a folder."""
    whole = json.loads(job.config.read_text())
    job.key_file("calm").write_text(key("calm"))
    job.double.source("calm", key=key("calm"), expired=False)
    connector = {
        **whole["workspaces"]["acme"]["connectors"]["shop"],
        "integration_name": "calm",
        "write_key": f"file:{job.key_file('calm')}",
    }
    folder.mkdir()
    source = {"url": str(folder), "poll": "200ms"}
    whole["workspaces"]["beta"] = {"sources": {"files": source}, "connectors": {"calm": connector}}
    job.config.write_text(json.dumps(whole))


def test_a_network_that_swallows_everything(cluster, topic, source, job, double, events, calm, tmp_path):  # noqa: PLR0917 - fixtures
    """Nothing fails and nothing comes: status names silent brokers, `check` all of them, the connector beside notices nothing, and in the end all is there once."""
    topic.publish(events, partitions=3, end=1_000)
    main = job(source(), LIMITS)
    beside(main, calm, tmp_path / "bucket")
    run = main.start()
    main.until_kept(0.1 * events.due())
    for proxy in cluster.proxies.values():
        proxy.swallow()
    topic.publish(events, partitions=3, begin=1_000, **{"bootstrap.servers": cluster.plain})
    main.until(lambda: "the brokers do not answer in time" in (main.connector()["lag"]["error"] or ""), "the fault")
    said = command("check", main.config, code=1).stdout
    assert [] == [place for place in map(cluster.place, NUMBERS) if f"{place} says nothing" not in said]
    exports.put(calm, tmp_path / "bucket")
    main.until_kept(calm.due("calm"), "calm")
    assert any(f"{place} says nothing" in main.connector()["lag"]["error"] for place in map(cluster.place, NUMBERS))
    assert None is main.connector("calm")["lag"]["error"]
    assert double.kept("shop") < events.due()
    for proxy in cluster.proxies.values():
        proxy.forward()
    main.until_kept(events.due())
    main.until(lambda: main.connector()["lag"]["error"] is None and main.connector()["lag"]["messages"] == 0, "the end of the fault")
    run.stop()
    assert (events.due(), calm.due("calm")) == (double.kept("shop"), double.kept("calm"))
    assert events.ledgers["shop"]["outcomes"] == main.outcomes()
