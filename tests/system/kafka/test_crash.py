"""Crashes of the run, of the broker and of the registry: nothing is lost, nothing appears twice to who looks at Segment."""

SLOW = {"do": "pass", "delay": 0.2}  # so that there is a middle in which to crash
LIMITS = {"shop": {"limits": {"batch_events": 100, "in_flight": 4}}}


def test_killed_and_killed_again(job, double, kafka, events):
    """After a SIGKILL the next run goes on from the last commit, with another number of processes too; at the end all is as if nothing had happened."""
    kafka.broker.create(kafka.name, 5)
    kafka.publish(events, partitions=5)
    double.fault(**SLOW)
    main = job(kafka.source(), LIMITS)
    for part, processes in ((0.3, 1), (0.6, 2)):
        run = main.start("--once", processes=processes)
        main.until_kept(part * events.due())
        run.kill()
        assert double.kept() < events.due()
    double.clear()
    main.once()
    main.proved(events)


def test_broker_and_registry_go_and_come_back(job, double, kafka, events):
    """A kill -9 of the broker and a registry that is down are named and hold what they must; when they are back, all arrives."""
    kafka.broker.create(kafka.name, 3)
    kafka.publish(events, partitions=3)
    double.fault(**SLOW)
    main = job(kafka.source(options={"queued.max.messages.kbytes": 64}), LIMITS)
    kafka.registry.fault = (503, b"{}")
    run = main.start()
    main.until(lambda: "registry" in (main.connector()["lag"]["error"] or ""), "the registry's fault")
    assert 0 == double.kept()
    kafka.registry.fault = None
    main.until_kept(0.2 * events.due())
    main.until(lambda: main.connector()["lag"]["error"] is None, "the end of the registry's fault")
    kafka.broker.kill()
    main.until(lambda: main.connector()["lag"]["error"], "the broker's fault")
    double.clear()
    kafka.broker.start()
    main.until_kept(events.due())
    main.until(lambda: main.connector()["lag"]["error"] is None and main.connector()["lag"]["messages"] == 0, "the end of the faults")
    main.until(lambda: main.connector()["received"] == events.ledgers["shop"]["received"], "all to be read")
    run.stop()
    main.proved(events)
    changes = [line["event"] for line in run.events() if line["event"].startswith("source.")]
    assert ["source.failing", "source.recovered"] * 2 == changes


def test_a_stop_does_not_wait_for_a_broker_that_is_gone(job, double, kafka, events):
    """It ends in good order, and the next run goes on when the broker is back."""
    kafka.broker.create(kafka.name, 2)
    kafka.publish(events, partitions=2)
    double.fault(**SLOW)
    main = job(kafka.source(options={"queued.max.messages.kbytes": 64}), LIMITS)
    run = main.start()
    main.until_kept(0.1 * events.due())
    kafka.broker.kill()
    main.until(lambda: main.connector()["lag"]["error"], "the broker's fault")
    run.stop()
    double.clear()
    kafka.broker.start()
    main.once()
    main.proved(events)
