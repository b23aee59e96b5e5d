"""Kafka's classes as a JVM keeps them once it has read and checked them (class data sharing): a broker's start then takes half the CPU time."""

import fcntl
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from deploy.broker.jars import CACHE, classpath, java, versions
from tests.system.kafka.node import Node
from tests.system.rig import free_port

SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
}


def archived() -> tuple[str, ...]:
    """Options of a JVM that takes the classes from there; at the first call on a machine a broker is started and stopped for it."""
    classpath()  # else there is no cache yet
    written = Path(java()).resolve().stat().st_mtime_ns  # a JVM takes nothing from the archive of another
    place = CACHE / f"kafka-{versions()['kafka']}-{written}.jsa"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _record(place)
    return (f"-XX:SharedArchiveFile={place}",) if place.stat().st_size else ()


def _record(place: Path) -> None:
    part, first = place.with_suffix(".part"), free_port(2)
    listeners = {"listeners": f"PLAINTEXT://127.0.0.1:{first},CONTROLLER://127.0.0.1:{first + 1}"}
    with TemporaryDirectory(prefix="kafka-") as home:
        where = {"controller.quorum.voters": f"1@127.0.0.1:{first + 1}", "log.dirs": f"{home}/log"}
        node = Node(Path(home), {**SETTINGS, **listeners, **where}, java_options=(f"-XX:ArchiveClassesAtExit={part}",))
        try:
            node.start()
            node.stop()
        finally:
            node.close()
    if part.exists():
        part.rename(place)
    else:
        place.touch()  # this JVM can do without archives only, and need not be asked again
