"""A real Apache Kafka of one node (KRaft) on this machine, that can be killed and started again; and what tests do with it as its administrator."""

import ctypes
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType
from tests.system.kafka.jars import classpath, java
from tests.system.rig import PATIENCE, free_port, wait

CLUSTER: Final = "MkU3OEVBNTcwNTJENDM2Qk"
JVM: Final = ("-Xms128m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true")
SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "3",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "broker.session.timeout.ms": "1500",  # else a start after kill -9 takes 13 s
    "broker.heartbeat.interval.ms": "300",
    "group.initial.rebalance.delay.ms": "0",
    "log.retention.check.interval.ms": "500",
    "log.segment.delete.delay.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "2",
}


def _die_with_the_tests() -> None:
    """Tests that are killed leave no broker behind: Linux' prctl(PR_SET_PDEATHSIG, SIGKILL)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Broker:
    """One node, with plain text for its administrator; `settings` and `listeners` add to what it has.

    Args:
        home: folder of its own.
        listeners: further ones by name, with the protocol: {"SECURE": "SASL_SSL"}.
        settings: further ones.
        users: of SCRAM-SHA-512, with their passwords.
    """

    def __init__(
        self,
        home: Path,
        *,
        listeners: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        protocols = {"PLAINTEXT": "PLAINTEXT", **(listeners or {})}
        first = free_port(len(protocols) + 1)
        self.ports = {name: first + number for number, name in enumerate(protocols)}
        controller = first + len(protocols)
        addresses = [f"{name}://127.0.0.1:{port}" for name, port in self.ports.items()]
        whole = {
            **SETTINGS,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": ",".join([*addresses, f"CONTROLLER://127.0.0.1:{controller}"]),
            "advertised.listeners": ",".join(addresses),
            "listener.security.protocol.map": ",".join([*(f"{name}:{kind}" for name, kind in protocols.items()), "CONTROLLER:PLAINTEXT"]),
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(home / "log"),
            **(settings or {}),
        }
        home.mkdir(parents=True, exist_ok=True)
        self._settings, self._out = home / "server.properties", home / "server.out"
        self._settings.write_text("".join(f"{key}={value}\n" for key, value in whole.items()))
        more = [
            word for name, password in (users or {}).items() for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]
        done = subprocess.run(
            [*self._java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._settings), *more],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert 0 == done.returncode, f"{done.stdout}{done.stderr}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self.admin = AdminClient({"bootstrap.servers": self.address()})

    def _java(self) -> list[str]:
        return [java(), *JVM, f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}", "-cp", classpath()]

    def address(self, listener: str = "PLAINTEXT") -> str:
        """host:port of a listener."""
        return f"127.0.0.1:{self.ports[listener]}"

    def start(self) -> None:
        """Until it serves."""
        before = self._out.stat().st_size if self._out.exists() else 0
        with self._out.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", str(self._settings)],
                stdout=out,
                stderr=out,
                preexec_fn=_die_with_the_tests,  # noqa: PLW1509 - it calls one C function and takes no lock
            )
        process = self._process

        def serves() -> bool:
            said = self._out.read_bytes()[before:]
            assert process.poll() is None, f"the broker died:\n{said[-4000:].decode(errors='replace')}"
            return b"Kafka Server started" in said

        wait(serves, "the broker")

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, at once: what it holds is thrown away."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def create(self, topic: str, partitions: int = 1, **config: str) -> None:
        """A topic; settings by their names with `_` for the dot."""
        new = NewTopic(topic, partitions, 1, config={key.replace("_", "."): value for key, value in config.items()})
        for future in self.admin.create_topics([new]).values():
            future.result(PATIENCE)
        wait(lambda: self.exists(topic), f"topic {topic}")

    def exists(self, topic: str) -> bool:
        """The topic is there, with leaders."""
        found = self.admin.list_topics(timeout=PATIENCE).topics.get(topic)
        return found is not None and found.error is None and all(each.leader >= 0 for each in found.partitions.values())

    def delete(self, topic: str) -> None:
        """Until it is gone."""
        for future in self.admin.delete_topics([topic]).values():
            future.result(PATIENCE)
        wait(lambda: not self.exists(topic), f"the end of topic {topic}")

    def grow(self, topic: str, partitions: int) -> None:
        """To so many partitions in all."""
        for future in self.admin.create_partitions([NewPartitions(topic, partitions)]).values():
            future.result(PATIENCE)

    def purge(self, topic: str, partition: int, offset: int) -> None:
        """What stands before an offset is deleted, as retention would."""
        for future in self.admin.delete_records([TopicPartition(topic, partition, offset)]).values():
            future.result(PATIENCE)

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """Where a group stands; None while nobody says."""
        consumer = Consumer({"bootstrap.servers": self.address(), "group.id": group, "log_level": 0})
        try:
            (found,) = consumer.committed([TopicPartition(topic, partition)], timeout=PATIENCE)
        except KafkaException as fault:
            if fault.args[0].code() in (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS):
                return None  # it is just coming up
            raise
        finally:
            consumer.close()
        return found.offset if found.error is None and found.offset >= 0 else None

    def set(self, topic: str, **config: str) -> None:
        """Change settings of a topic."""
        entries = [ConfigEntry(key.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()]
        for future in self.admin.incremental_alter_configs(
            [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)]
        ).values():
            future.result(PATIENCE)
