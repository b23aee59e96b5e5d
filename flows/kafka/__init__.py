"""Events from topics of Apache Kafka."""
