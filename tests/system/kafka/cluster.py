"""Three nodes of a real Apache Kafka that are one cluster, each of which can be killed, stopped, and cut off from clients by a proxy."""

from pathlib import Path
from typing import Final

from confluent_kafka import ElectionType, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.system.kafka.administration import Administered
from tests.system.kafka.archive import archived
from tests.system.kafka.broker import SETTINGS
from tests.system.kafka.node import Node
from tests.system.kafka.proxy import Proxy
from tests.system.rig import PATIENCE, free_port, wait

NUMBERS: Final = (1, 2, 3)
HEAP: Final = 256  # MB
THREE: Final = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "min.insync.replicas": "2",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "auto.leader.rebalance.enable": "false",  # tests say when leaders change
    "unclean.leader.election.enable": "false",
}


class Cluster(Administered):
    """Clients come through the proxies; the administrator, and the brokers among themselves, do not.

    Attributes:
        nodes: by number.
        proxies: by number, in front of each node.
    """

    replicas = 3

    def __init__(self, home: Path) -> None:
        first = free_port(3 * len(NUMBERS))
        ports = {number: range(first + 3 * index, first + 3 * index + 3) for index, number in enumerate(NUMBERS)}
        self.proxies = {number: Proxy(client) for number, (_, client, _) in ports.items()}
        self.plain = ",".join(f"127.0.0.1:{plain}" for plain, _, _ in ports.values())
        self.nodes = {
            number: Node(
                home / str(number),
                {
                    **SETTINGS,
                    **THREE,
                    "node.id": str(number),
                    "controller.quorum.voters": ",".join(f"{each}@127.0.0.1:{last}" for each, (_, _, last) in ports.items()),
                    "listeners": f"PLAINTEXT://127.0.0.1:{plain},CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
                    "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},CLIENT://127.0.0.1:{self.proxies[number].port}",
                    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                    "inter.broker.listener.name": "PLAINTEXT",
                    "log.dirs": str(home / str(number) / "log"),
                },
                java_options=archived(),
                heap=HEAP,
            )
            for number, (plain, client, controller) in ports.items()
        }
        try:
            for node in self.nodes.values():
                node.launch()
            for node in self.nodes.values():
                node.until_it_serves(len(NUMBERS) * PATIENCE)  # they start at once, and none before the others
        except AssertionError:
            self.close()
            raise
        self.admin = AdminClient({"bootstrap.servers": self.plain})

    def address(self, listener: str = "PLAINTEXT") -> str:
        """The brokers, past the proxies, or with `CLIENT` through them."""
        return self.plain if listener == "PLAINTEXT" else ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies.values())

    def place(self, number: int) -> str:
        """Where clients find a node."""
        return f"127.0.0.1:{self.proxies[number].port}"

    def create_on(self, topic: str, number: int) -> None:
        """A topic of one partition that only this node has."""
        for future in self.admin.create_topics(
            [NewTopic(topic, 1, replica_assignment=[[number]], config={"min.insync.replicas": "1"})]
        ).values():
            future.result(PATIENCE)
        wait(lambda: self.exists(topic), f"topic {topic}")

    def leader(self, topic: str, partition: int) -> int:
        """Number of the node that leads it; -1 while none does."""
        return int(self.admin.list_topics(topic, timeout=PATIENCE).topics[topic].partitions[partition].leader)

    def whole(self, topic: str, partition: int) -> bool:
        """All its replicas are up to date."""
        return len(self.admin.list_topics(topic, timeout=PATIENCE).topics[topic].partitions[partition].isrs) == self.replicas

    def elect(self, topic: str, partition: int) -> None:
        """The preferred leader takes over."""
        place = TopicPartition(topic, partition)
        found = self.admin.elect_leaders(ElectionType.PREFERRED, [place]).result(PATIENCE)
        error = found[place]
        if error is not None and error.code() != KafkaError.ELECTION_NOT_NEEDED:
            raise KafkaException(error)

    def until_whole(self, *places: tuple[str, int]) -> None:
        """Every replica has caught up."""
        for topic, partition in places:
            wait(lambda: self.whole(topic, partition), f"all replicas of {topic} [{partition}]")  # noqa: B023 - called at once

    def close(self) -> None:
        """End all of it."""
        for node in self.nodes.values():
            node.close()
        for proxy in self.proxies.values():
            proxy.close()
