"""An identity provider for tests: it gives tokens for client credentials (RFC 6749, 4.4), whose signature a broker checks with its key set."""

import base64
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Provider:
    """Serves `/token` on 127.0.0.1.

    Attributes:
        secrets: by client, its secret.
        lifetime: s that a token is good for.
        answers: how many questions were answered with which status.
        scopes: that were asked for.
        keys: file with the public key, as a JSON Web Key Set.

    Args:
        home: folder of its own.
        secrets: see above.
    """

    def __init__(self, home: Path, secrets: dict[str, str]) -> None:
        self.secrets, self.lifetime, self.answers, self.scopes = secrets, 3600.0, Counter[int](), Counter[str]()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        found = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "test", "n": _number(numbers.n), "e": _number(numbers.e)}
        self.keys = home / "keys.json"
        self.keys.write_text(json.dumps({"keys": [found]}))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, name="provider", daemon=True).start()

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def token(self, client: str) -> str:
        """A signed one."""
        now = int(time.time())
        claims = {"iss": "test", "sub": client, "aud": "kafka", "iat": now, "exp": now + round(self.lifetime), "scope": "kafka"}
        signed = f"{_part({'alg': 'RS256', 'kid': 'test', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{signed}.{_text(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_POST(self) -> None:
        """A question for a token."""
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        client, _, secret = base64.b64decode(self.headers["Authorization"].partition(" ")[2]).decode().partition(":")
        good = self.provider.secrets.get(client) == secret and "grant_type=client_credentials" in asked
        self.provider.scopes.update(part.partition("=")[2] for part in asked.split("&") if part.startswith("scope="))
        answer: dict[str, Any] = {"error": "invalid_client"}
        if good:
            answer = {"access_token": self.provider.token(client), "token_type": "Bearer", "expires_in": round(self.provider.lifetime)}
        self.provider.answers[200 if good else 401] += 1
        body = json.dumps(answer).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
