"""A stand-in for HashiCorp Vault on loopback: Transit's encrypt and decrypt, tokens, namespaces, and faults on demand.

It really encrypts, and like Vault overlooks what it does not know. What it answers is what Vault's source says.
"""

import base64
import datetime
import json
import os
import re
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Body = dict[str, Any]
PATH = re.compile(r"/v1/(?P<mount>.+)/(?P<verb>encrypt|decrypt)/(?P<name>[^/]+)")


class Refused(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        self.status, self.errors = status, errors


@dataclass(frozen=True)
class Asked:
    verb: str
    name: str
    body: Body


@dataclass(frozen=True)
class Answer:
    """What is said in place of the truth; `location` makes it a redirect."""

    status: int
    content: bytes = b""
    location: str = ""

    @classmethod
    def error(cls, status: int, *errors: str) -> "Answer":
        return cls(status, json.dumps({"errors": errors}).encode())

    @classmethod
    def data(cls, **data: Any) -> "Answer":
        return cls(200, json.dumps({"data": data}).encode())


SEALED = Answer.error(503, "Vault is sealed")
SLOW = Answer(0)


@dataclass
class Key:
    versions: list[AESGCM] = field(default_factory=list)
    min_decryption_version: int = 1
    is_aead: bool = True

    def rotate(self) -> None:
        self.versions.append(AESGCM(AESGCM.generate_key(256)))


class Transit:
    """One server for all tests; each begins with a key and a token of its own."""

    def __init__(self, certificate: Path | None = None) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"transit": self}))
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  a client that has gone
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.released = threading.Event()
        self.begin()

    def begin(self) -> None:
        self.released.set()
        self.released = threading.Event()
        self.mount, self.namespace, self.token = "transit", "", f"hvs.{os.urandom(12).hex()}"
        self.keys: dict[str, Key] = {}
        self.binds, self.may_create = True, False
        self._fault: Answer | None = None
        self._after = 0
        self.asked: list[Asked] = []

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def new_key(self, name: str = "portal") -> str:
        """Return the URI of a new master key."""
        self.keys[name] = Key()
        self.keys[name].rotate()
        return f"hcvault://{self.host}/{self.mount}/keys/{name}?tls=off"

    def fails(self, fault: Answer | None, *, after: int = 0) -> None:
        """Answer so from now on, after the next few were answered well."""
        self._fault, self._after = fault, after

    def answer(self, path: str, headers: Any, body: Body) -> Answer:
        """Say what Vault would."""
        try:
            return self._answer(path, headers, body)
        except Refused as refused:
            return Answer.error(refused.status, *refused.errors)

    def _answer(self, path: str, headers: Any, body: Body) -> Answer:
        asked = PATH.fullmatch(path)
        if asked is None or asked["mount"] != self.mount or headers.get("X-Vault-Namespace", "") != self.namespace:
            raise Refused(404, f'no handler for route "{path}". route entry not found.')
        self.asked.append(Asked(asked["verb"], asked["name"], body))
        self._after -= 1
        if self._fault and self._after < 0:
            return self._fault
        if headers.get("X-Vault-Token") != self.token:
            raise Refused(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
        if asked["verb"] == "encrypt":
            return Answer.data(ciphertext=self._encrypted(asked["name"], body))
        return Answer.data(plaintext=self._decrypted(asked["name"], body))

    def _encrypted(self, name: str, body: Body) -> str:
        if name not in self.keys:
            if not self.may_create:
                raise Refused(403, "1 error occurred:\n\t* permission denied\n\n")
            self.new_key(name)
        key, nonce = self.keys[name], os.urandom(12)
        sealed = key.versions[-1].encrypt(nonce, base64.b64decode(body["plaintext"]), self._bound(key, body))
        return f"vault:v{len(key.versions)}:{base64.b64encode(nonce + sealed).decode()}"

    def _decrypted(self, name: str, body: Body) -> str:
        if name not in self.keys:
            raise Refused(400, "encryption key not found")
        key = self.keys[name]
        bound = self._bound(key, body)
        prefix, _, encoded = body["ciphertext"].rpartition(":")
        if not prefix.startswith("vault:v"):
            raise Refused(400, "invalid ciphertext: no prefix")
        version = int(prefix.removeprefix("vault:v"))
        if version > len(key.versions):
            raise Refused(400, "invalid ciphertext: version is too new")
        if version < key.min_decryption_version:
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        content = base64.b64decode(encoded)
        try:
            plaintext = key.versions[version - 1].decrypt(content[:12], content[12:], bound)
        except InvalidTag as error:
            raise Refused(400, "cipher: message authentication failed") from error
        return base64.b64encode(plaintext).decode()

    def _bound(self, key: Key, body: Body) -> bytes:
        if not key.is_aead and body.get("associated_data"):
            raise Refused(400, "'[0].associated_data' provided for non-AEAD cipher suite rsa-4096")
        return base64.b64decode(body.get("associated_data", "")) if self.binds else b""


class Handler(BaseHTTPRequestHandler):
    transit: Transit

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.transit.answer(self.path, self.headers, body)
        if answer is SLOW:
            self.transit.released.wait()
            return
        self.send_response(answer.status)
        if answer.location:
            self.send_header("Location", answer.location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def make_certificate(directory: Path) -> Path:
    """Make a certificate for 127.0.0.1 that signs itself; return the file of it and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / "vault.pem"
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path
