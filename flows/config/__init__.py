"""The configuration: one strict YAML file, read once at the start; every mistake in it is reported at once, with its line.

It knows no network and no clock. Secrets stay references until they are used: `SecretRef.read()`.
"""

from currents_segment.flows.config.kafka import Access, Kafka, KafkaLetters, KafkaSource, LettersTopic, Registry, Sasl, Tls
from currents_segment.flows.config.loading import load
from currents_segment.flows.config.model import Config, Connector, Dedup, Http, Limits, Names, Source, Workspace
from currents_segment.flows.config.references import SecretRef

__all__ = [
    "Access",
    "Config",
    "Connector",
    "Dedup",
    "Http",
    "Kafka",
    "KafkaLetters",
    "KafkaSource",
    "LettersTopic",
    "Limits",
    "Names",
    "Registry",
    "Sasl",
    "SecretRef",
    "Source",
    "Tls",
    "Workspace",
    "load",
]
