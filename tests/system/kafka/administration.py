"""What tests do with brokers as their administrator: topics, records, groups."""

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType
from tests.system.rig import PATIENCE, wait


class Administered:
    """Brokers that are spoken to in plain text.

    Attributes:
        admin: to them.
        replicas: of each partition that is created.
    """

    admin: AdminClient
    replicas = 1

    def address(self, listener: str = "PLAINTEXT") -> str:
        """Where clients begin."""
        raise NotImplementedError

    def create(self, topic: str, partitions: int = 1, **config: str) -> None:
        """A topic; settings by their names with `_` for the dot."""
        new = NewTopic(topic, partitions, self.replicas, config={key.replace("_", "."): value for key, value in config.items()})
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
