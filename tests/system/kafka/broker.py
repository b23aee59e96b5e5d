"""A real Apache Kafka of one node (KRaft) on this machine, that can be killed and started again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient
from tests.system.kafka.administration import Administered
from tests.system.kafka.archive import archived
from tests.system.kafka.node import Node
from tests.system.rig import free_port

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


class Broker(Node, Administered):
    """The only node of its cluster, with plain text for its administrator; `settings` and `listeners` add to what it has.

    Args:
        home: folder of its own.
        listeners: further ones by name, with the protocol: {"SECURE": "SASL_SSL"}.
        settings: further ones.
        users: of SCRAM-SHA-512, with their passwords.
        java_options: further ones.
    """

    def __init__(
        self,
        home: Path,
        *,
        listeners: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        java_options: tuple[str, ...] = (),
    ) -> None:
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
        super().__init__(home, whole, users=users, java_options=(*archived(), *java_options))
        self.start()
        self.admin = AdminClient({"bootstrap.servers": self.address(), "log_level": 0})

    def address(self, listener: str = "PLAINTEXT") -> str:
        """host:port of a listener."""
        return f"127.0.0.1:{self.ports[listener]}"
