"""The doctor holds the state against the cluster: what lies ahead, what was deleted unread, what is not there any more; and changes nothing."""

import json

from tests.system.rig import command, everything_under


def examined(main, *options, code):
    """What the doctor says, having changed nothing."""
    before = {path: path.read_bytes() for path in everything_under(main.state, main.dead_letters) if not path.name.endswith("-shm")}
    said = command("doctor", main.config, *options, code=code).stdout
    assert before == {path: path.read_bytes() for path in everything_under(main.state, main.dead_letters) if not path.name.endswith("-shm")}
    return said


def test_before_and_after_a_run_all_is_well(job, kafka):
    """It says what the first start reads, where the next one goes on, and how far behind it is."""
    kafka.broker.create(kafka.name, 2)
    kafka.put(3)
    main = job(kafka.source())
    assert "shop: begins anew at `start` (earliest) and reads 3 messages" in examined(main, code=0)
    main.once()
    assert "shop: goes on at its offsets in 2 partitions of Kafka and has read all there is" in examined(main, code=0)
    kafka.put(4, partition=1)
    assert "2 partitions of Kafka and reads 4 messages" in examined(main, code=0)
    (source,) = json.loads(examined(main, "--json", code=0))["connectors"]["shop"]["sources"].values()
    assert (4, {}, []) == (source["ahead"], source["lost"], source["gone"])


def test_what_stands_in_the_way_of_a_start_is_told_with_the_way_out(job, kafka):
    """Messages that were deleted unread, a topic of another identity, one that is gone, a retention that is short, a registry that is down."""
    anew, gone = f"{kafka.name}-anew", f"{kafka.name}-gone"
    for name in (kafka.name, anew, gone):
        kafka.broker.create(name, 1)
        kafka.put(2, topic=name)
    main = job(kafka.source(kafka.name, anew, gone))
    main.once()
    kafka.put(5)
    kafka.broker.purge(kafka.name, 0, 5)
    kafka.broker.set(kafka.name, retention_ms=str(36 * 3_600_000))
    kafka.broker.delete(anew)
    kafka.broker.create(anew, 1)
    main.source = kafka.source(kafka.name, anew, registry={"url": "http://127.0.0.1:1"})
    main.configure()
    said = examined(main, code=1)
    out = "a start stops there; to go on: on_loss: continue, or connectors rewind shop --to earliest"
    assert f"fault: shop, source currents: 3 messages were deleted before they were read ({kafka.name} [0]): {out}" in said
    assert f"fault: shop, source currents: deleted and created again: {anew}; what was not read of the old is gone: {out}" in said
    assert f"offsets in topics that are not there any more, or that no setting names: {gone}" in said
    assert f"topic {kafka.name} keeps messages for 36 h, 12 h less than events may have to wait (expire_after)" in said
    assert "the schema registry at http://127.0.0.1:1 cannot be reached" in said
    main.source = kafka.source(kafka.name, gone, bootstrap="127.0.0.1:1")
    main.configure()
    assert "the brokers cannot be reached" in examined(main, code=1)
    assert "the brokers cannot be reached" not in examined(main, "--offline", code=0)
