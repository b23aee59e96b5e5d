"""Kafka: where the brokers are and how both sides trust each other; as a source, which topics and how messages are framed; for dead letters, which topic.

What is passed through to librdkafka is checked against it at once; what would break a guarantee is refused with the reason.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from currents_segment.flows.config import places
from currents_segment.flows.config.kinds import Brokers, File, KnownType, Option, Secret, Topic, TopicName, TypeFrom
from currents_segment.flows.config.quantities import WrongValueError, durations
from currents_segment.flows.config.section import Part, Section, setting

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
NEEDED: Final = {  # by mechanism: what it needs, and what it has no use for
    "OAUTHBEARER": (("token_url", "client_id", "client_secret"), ("username", "password")),
    "": (("username", "password"), ("token_url", "client_id", "client_secret", "scope")),
}


class Tls(Section):
    """Encryption, and with a certificate of our own mutual authentication. `tls: {}` trusts the machine's authorities."""

    ca: File | None = setting("PEM file of the authorities to trust; default: the machine's.", None)
    certificate: File | None = setting("PEM file of our own certificate, for mutual TLS.", None)
    key: File | None = setting("PEM file of its private key.", None)
    key_password: Secret | None = setting("Password of the private key, by reference.", None)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise WrongValueError("has one of certificate and key: write both for mutual TLS, or none")
        if self.key_password is not None and self.key is None:
            raise WrongValueError("has key_password and no key: write certificate and key, or leave it out")
        return self


class Sasl(Section):
    """Who we are, by SASL."""

    mechanism: Mechanism = setting("How we say who we are; ask who runs the brokers. Kerberos is not in the client's wheels.")
    username: Option | None = setting("Name, as text or by reference.", None)
    password: Secret | None = setting("Password, by reference; a replaced one is taken up while the brokers refuse the old one.", None)
    token_url: str | None = setting("OAUTHBEARER: where tokens are given for client credentials (OIDC).", None)
    client_id: Option | None = setting("OAUTHBEARER: our name there, as text or by reference.", None)
    client_secret: Secret | None = setting("OAUTHBEARER: our secret there, by reference.", None)
    scope: str | None = setting("OAUTHBEARER: what to ask for; default: nothing.", None)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed, useless = NEEDED.get(self.mechanism, NEEDED[""])
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise WrongValueError(f"{self.mechanism} needs {' and '.join(missing)}")
        if given := [name for name in useless if getattr(self, name) is not None]:
            raise WrongValueError(f"{self.mechanism} has no use for {' and '.join(given)}: remove it, or choose another mechanism")
        return self


class Registry(Section):
    """A schema registry with Confluent's API."""

    url: str = setting("Where it answers: http(s)://HOST:PORT, with its path if it has one; several, separated by commas.", min_length=1)
    username: Option | None = setting("For basic authentication: name, as text or by reference.", None)
    password: Secret | None = setting("For basic authentication: password, by reference.", None)
    token: Secret | None = setting("For bearer authentication: the token, by reference.", None)
    logical_cluster: str = setting("Confluent Cloud, with a token: the logical cluster (lsrc-…).", "")
    identity_pool: str = setting("Confluent Cloud, with a token: the identity pool (pool-…).", "")
    tls: Tls = setting("Whom to trust, and our own certificate.", default_factory=Tls)
    # A registry answers in milliseconds; its clients give it as long.
    timeout: Annotated[float, durations("1s", "1m")] = setting("How long a request may take before it is made again.", "10s")
    # Replicas of a registry agree within seconds; what is unknown for minutes will not become known by waiting.
    unknown_after: Annotated[float, durations("0s", "30d")] = setting(
        "How long a schema that the registry does not know is asked for again before its events become undecodable/unknown_schema.", "5m"
    )

    @field_validator("url", mode="after")
    @classmethod
    def _addresses(cls, url: str) -> str:
        for each in url.split(","):
            places.address(each.strip())
        return url

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise WrongValueError("has one of username and password: write both, or none")
        if self.username is not None and self.token is not None:
            raise WrongValueError("has both a username and a token: choose one way to say who we are")
        return self


class Access(Section):
    """How to reach an Apache Kafka cluster, or what speaks its protocol."""

    bootstrap: Brokers = setting("Some brokers to begin with: host:port, several separated by commas.")
    tls: Tls | None = setting("Encrypt, and check whom we talk to; without it nothing is encrypted.", None)
    sasl: Sasl | None = setting("Say who we are by SASL.", None)
    options: Mapping[str, Option] = setting(
        "Any other setting of librdkafka, by its own name; those that would break a guarantee are refused. Secrets by reference.",
        default_factory=dict,
    )


class LettersTopic(Access):
    """The topic of a cluster that dead letters go to."""

    topic: TopicName = setting("Its name. It must be there; see docs/kafka.md for the grants and settings that it needs.")


class KafkaLetters(Section):
    """A topic for events that were expired, rejected or undecodable."""

    kafka: LettersTopic = setting("A topic of a Kafka cluster.")


class Kafka(Access):
    """Topics of an Apache Kafka cluster, or of what speaks its protocol."""

    topics: Annotated[tuple[Topic, ...], Field(strict=False, min_length=1)] = setting(
        "Topics by name, or by a pattern that begins with ^ and is held against the whole name; a topic that appears later is read from its beginning."
    )
    format: Literal["auto", "confluent", "single_object", "container", "bare"] = setting(
        "How messages are framed: auto tells them apart by their first bytes or header; the others count everything else as undecodable/bad_frame.",
        "auto",
    )
    bare_schema: File | None = setting("Avro schema file (JSON) of messages that are a bare datum; for format bare, and auto.", None)
    schemas: Annotated[tuple[File, ...], Field(strict=False)] = setting(
        "Avro schema files (JSON) that single-object messages refer to by their fingerprints.", default_factory=tuple
    )
    type: TypeFrom = setting(
        "Where an event's type is written: schema (its name); topic or header:NAME where the schema's name is none that the catalogue knows.",
        "schema",
    )
    types: Mapping[str, KnownType] = setting(
        "With type topic: the event type by topic, for topics that are not named by it.", default_factory=dict
    )
    registry: Registry | None = setting("The schema registry that messages refer to; without it they are undecodable/unknown_schema.", None)
    group: Annotated[str, Field(min_length=1)] | None = setting(
        "Positions are also committed to the consumer group GROUP.CONNECTOR, for lag tools; nothing is ever read from there. null: not committed.",
        "currents-segment",
    )
    # What was skipped cannot be brought back: a person should know before events of a later time go out.
    on_loss: Literal["stop", "continue"] = setting(
        "What to do when events were deleted before they were read: stop the connector, or continue with the earliest that are left. Counted as lost_to_retention either way.",
        "stop",
    )
    # As often as tools look at lag; a new partition waits as long. It costs three small requests.
    poll: Annotated[float, durations("1s", "10m")] = setting("Time between two looks at topics, partitions and their ends.", "10s")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.format == "bare" and self.bare_schema is None:
            raise WrongValueError("format bare needs bare_schema: the file with the schema that the messages were written with")
        if self.bare_schema is not None and self.format not in ("bare", "auto"):
            raise WrongValueError(f"format {self.format} has no use for bare_schema: remove it, or set format to bare or auto")
        if self.types and self.type != "topic":
            raise WrongValueError("has types by topic, but does not take the type from the topic: set type to topic, or remove types")
        return self


class KafkaSource(Part):
    """Topics that Braze's Currents land in."""

    kafka: Kafka = setting("Topics of a Kafka cluster.")
