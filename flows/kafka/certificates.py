"""What TLS keeps to itself: which certificate has expired. Looked at only once a handshake has failed, and when files are told apart."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from currents_segment.flows.config import Access

TIMEOUT: Final = 2.0  # s for each broker that is asked for its certificate
FEW: Final = 3  # brokers that are asked: they have their certificates from one hand


def digest(kafka: Access) -> str:
    """Of the contents of all its TLS files: a file that was replaced is another one, under the same name. "" where one cannot be read."""
    found = hashlib.sha256()
    try:
        for path in _files(kafka):
            found.update(path.read_bytes())
    except OSError:
        return ""  # the client says so, when it is made
    return found.hexdigest()


def expired(kafka: Access, now: float) -> str:
    """Which certificates have expired, ours or the brokers', and who must do what; "" when none has, or when nobody shows one."""
    if kafka.tls is None:
        return ""
    return "; ".join([*_ours(kafka, now), *_theirs(kafka, now)])


def _ours(kafka: Access, now: float) -> Iterator[str]:
    path = kafka.tls.certificate if kafka.tls is not None else None
    if path is not None and (ended := _ended(path.read_bytes(), now)):
        yield f"our certificate {path} expired at {ended}: replace the file and its key; they are taken up without a restart"


def _theirs(kafka: Access, now: float) -> Iterator[str]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only to be shown it: nothing is said on this connection
    for address in kafka.bootstrap.split(",")[:FEW]:
        host, _, port = address.strip().rpartition(":")
        try:
            with (
                socket.create_connection((host.strip("[]"), int(port)), TIMEOUT) as plain,
                context.wrap_socket(plain, server_hostname=host.strip("[]")) as secure,
            ):
                shown = secure.getpeercert(binary_form=True)
        except OSError:
            continue  # it shows none: librdkafka's own words are all there is
        if shown is not None and (ended := _ended(shown, now)):
            yield f"the certificate of {address.strip()} expired at {ended}: who runs the brokers must renew it"


def _ended(certificate: bytes, now: float) -> str:
    """When its time was over, or ""."""
    from cryptography import x509  # noqa: PLC0415 - only who has such a fault needs it

    load = x509.load_pem_x509_certificate if certificate.lstrip().startswith(b"-----") else x509.load_der_x509_certificate
    try:
        ends = load(certificate).not_valid_after_utc
    except ValueError:
        return ""  # none that can be read: librdkafka says so
    return f"{ends:%Y-%m-%d %H:%M:%S} UTC" if ends < datetime.fromtimestamp(now, UTC) else ""


def _files(kafka: Access) -> Iterator[Path]:
    tls = kafka.tls
    if tls is not None:
        yield from (path for path in (tls.ca, tls.certificate, tls.key) if path is not None and path.is_file())
