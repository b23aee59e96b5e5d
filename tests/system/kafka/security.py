"""A broker that encrypts, asks who one is and what one may; and grants given and taken back."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AclBinding, AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from tests.authority import DAY, Authority
from tests.system.kafka.broker import Broker
from tests.system.rig import PATIENCE

PASSWORD = "s3gment-pw"


class Secured(Broker):
    """Listeners beside the administrator's: `SECURE` (TLS with SCRAM or PLAIN), `MUTUAL` (TLS with certificates on both sides), `STALE` (TLS, expired).

    Attributes:
        authority: whose certificates are trusted.
    """

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.authority = Authority.new(home)
        store, stale = self._store("broker", DAY), self._store("stale-broker", -DAY)
        modules = "org.apache.kafka.common.security"
        super().__init__(
            home,
            listeners={"SECURE": "SASL_SSL", "MUTUAL": "SSL", "STALE": "SSL"},
            users={"segment": PASSWORD},
            settings={
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(store),
                "listener.name.stale.ssl.keystore.location": str(stale),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.authority.ca),
                "listener.name.mutual.ssl.client.auth": "required",
                "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
                "listener.name.secure.scram-sha-512.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
                "listener.name.secure.plain.sasl.jaas.config": f'{modules}.plain.PlainLoginModule required user_segment="{PASSWORD}";',
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
            },
        )

    def _store(self, name: str, lasts: timedelta) -> Path:
        """Key and certificate as a broker wants them."""
        certificate, key = self.authority.issue(name, lasts=lasts)
        store = certificate.with_name(f"{name}-store.pem")
        store.write_bytes(key.read_bytes() + certificate.read_bytes())
        return store

    def grant(self, user: str, resource: ResourceType, name: str, *operations: AclOperation) -> None:
        """The user may do this with what has this name."""
        bindings = [self._binding(user, resource, name, operation) for operation in operations]
        for future in self.admin.create_acls(bindings).values():
            future.result(PATIENCE)

    def revoke(self, user: str, resource: ResourceType, name: str) -> None:
        """Not any more."""
        anything = AclBindingFilter(
            resource, name, ResourcePatternType.LITERAL, f"User:{user}", None, AclOperation.ANY, AclPermissionType.ANY
        )
        for future in self.admin.delete_acls([anything]).values():
            future.result(PATIENCE)

    @staticmethod
    def _binding(user: str, resource: ResourceType, name: str, operation: AclOperation) -> Any:
        return AclBinding(resource, name, ResourcePatternType.LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
