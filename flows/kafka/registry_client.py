"""What a schema registry says of one schema, by Confluent's own client. It waits for the answer, so it is asked in a thread that may wait.

Source: Confluent, "Schema Registry API": `GET /schemas/ids/{id}`, `/schemas/guids/{guid}`, `/subjects/{subject}/versions/{version}`, and its error codes.
"""

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from currents_segment.codecs.references import inline
from currents_segment.codecs.shape import SchemaError
from currents_segment.flows.config.kafka import Registry
from currents_segment.flows.config.references import SecretRef
from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

MAX_REFERENCES: Final = 200  # schemas that one may refer to in all; it is a bound on requests, not a limit that anybody has met
_UNKNOWN: Final = frozenset({40401, 40402, 40403})  # no such subject, version, schema; any other 404 is a wrong path
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = frozenset({401, 403})


class RegistryError(Exception):
    """The registry cannot say: it is down, refuses us, or answers nonsense. One line, without credentials; all is to be asked again."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The registry does not know the schema; it may know it later.

    Attributes:
        detail: what it doesn't know, in words.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """The schema is known, or has been unknown for too long, and its messages cannot be read by it: undecodable/unknown_schema.

    Attributes:
        detail: why, in words.
    """

    detail: str


class Client:
    """One registry; secrets are read at each use, and one that was replaced is taken up.

    Used by one thread.
    """

    def __init__(self, settings: Registry) -> None:
        self._settings = settings
        self._secrets: dict[str, str] | None = None
        self._client: SchemaRegistryClient | None = None

    def ask(self, ref: int | str) -> str | Unknown | Unusable:
        """The schema by id or GUID, as one text that refers to no other.

        Raises:
            RegistryError: see there.
        """
        import httpx2  # noqa: PLC0415 - takes 0.3 s with the client, and only sources with a registry need it
        from confluent_kafka.schema_registry.error import SchemaRegistryError  # noqa: PLC0415 - as above

        name = f"schema {ref}"
        try:
            client = self._connected()
            schema = client.get_schema(ref) if isinstance(ref, int) else client.get_schema_by_guid(ref)
            if schema.schema_type not in {None, "AVRO"}:
                return Unusable(f"{name} is {str(schema.schema_type)[:40]}, not Avro")
            name = f"a schema that schema {ref} refers to"
            return _text(schema, _referred(client, schema))
        except SchemaRegistryError as error:  # its own text is left out: a server may repeat in it what we sent
            if error.http_status_code == _NOT_FOUND and isinstance(ref, str):
                self.ask(1)  # an older registry has no GUIDs, and answers as to a wrong path: that raises
            elif error.error_code not in _UNKNOWN:
                raise RegistryError(_refused(error.http_status_code)) from None
            return Unknown(f"{name} is not known to the registry")
        except SchemaError as error:
            return Unusable(f"schema {ref}: {error}")
        except httpx2.NetworkError as error:
            raise RegistryError(f"cannot be reached: {str(error) or type(error).__name__}") from None
        except httpx2.TransportError as error:  # its text may repeat a header that cannot be sent
            raise RegistryError(f"cannot be asked ({type(error).__name__})") from None
        except (ValueError, TypeError, AttributeError, KeyError) as error:  # what its client raises over an answer of another shape
            self.close()  # the client would remember the answer
            raise RegistryError(f"answers something else than a schema ({type(error).__name__}): is it the path of a registry?") from None

    def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> "SchemaRegistryClient":
        from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415 - as in `ask`

        secrets = self._read_secrets()
        if self._client is None or secrets != self._secrets:
            self.close()
            self._client = _opened(SchemaRegistryClient, self._options(secrets))
            self._secrets = secrets
        return self._client

    def _read_secrets(self) -> dict[str, str]:
        settings = self._settings
        wanted = {"username": settings.username, "password": settings.password, "token": settings.token, "key": settings.tls.key_password}
        try:
            return {
                name: secret.read() if isinstance(secret, SecretRef) else secret for name, secret in wanted.items() if secret is not None
            }
        except UserError as error:
            raise RegistryError(str(error)) from None

    def _options(self, secrets: dict[str, str]) -> dict[str, Any]:
        settings, tls = self._settings, self._settings.tls
        options: dict[str, Any] = {
            "url": settings.url,
            "timeout": settings.timeout,
            "max.retries": 0,
        }  # our caller asks again, without waiting
        files = {"ssl.ca.location": tls.ca, "ssl.certificate.location": tls.certificate, "ssl.key.location": tls.key}
        options |= {name: str(path) for name, path in files.items() if path is not None}
        if "ssl.ca.location" not in options and (machine := _authorities()):
            options["ssl.ca.location"] = machine
        if "key" in secrets:
            options["ssl.key.password"] = secrets["key"]
        if "username" in secrets:
            options["basic.auth.user.info"] = f"{secrets['username']}:{secrets['password']}"
        if "token" in secrets:
            options |= {
                "bearer.auth.credentials.source": "STATIC_TOKEN",
                "bearer.auth.token": secrets["token"],
                "bearer.auth.logical.cluster": settings.logical_cluster,
            }
            if settings.identity_pool:
                options["bearer.auth.identity.pool.id"] = settings.identity_pool
        return options


def _opened(kind: "type[SchemaRegistryClient]", options: dict[str, Any]) -> "SchemaRegistryClient":
    try:
        return kind(options)
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(value for name, value in options.items() if name.endswith(".location"))
        raise RegistryError(f"its TLS files cannot be used ({files}): {error.strerror or error}") from None


def _authorities() -> str | None:
    """The machine's own; the client's default would be those that it brings along."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath


def _refused(status: int) -> str:
    if status in _UNAUTHORIZED:
        return f"refuses our credentials (HTTP {status})"
    if status == _NOT_FOUND:
        return "has nothing at that path (HTTP 404): is it the path of a registry?"
    return f"answers HTTP {status}"


def _referred(client: "SchemaRegistryClient", schema: "Schema") -> list[str]:
    """The texts of all schemas that it refers to, directly or not; deleted ones too, as its messages are still there."""
    found: dict[tuple[str, int], str] = {}
    waiting = list(schema.references or ())
    while waiting:
        reference = waiting.pop()
        key = (str(reference.subject), int(reference.version or 0))
        if key in found:
            continue
        if len(found) == MAX_REFERENCES:
            raise SchemaError(f"it refers to more than {MAX_REFERENCES} others")
        referred = client.get_version(*key, deleted=True).schema
        found[key] = _string(referred)
        waiting += referred.references or ()
    return list(found.values())


def _text(schema: "Schema", referred: list[str]) -> str:
    return inline(_string(schema), referred) if referred else _string(schema)


def _string(schema: "Schema") -> str:
    if not isinstance(schema.schema_str, str):
        raise TypeError("no schema")
    return schema.schema_str
