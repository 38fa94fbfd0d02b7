"""What deploy/nginx.conf hands on and how: before it stands a client, behind it a listener that sees every byte."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.production import Front, fronted

pytestmark = pytest.mark.services
FORGED = {
    "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9", "Upgrade": "h2c",
    "Connection": "Upgrade",
}  # fmt: skip


class Behind:
    """In place of a web process: takes one connection at a time and does what a test says, in the test's own thread."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.listener.settimeout(20)

    @contextmanager
    def taken(self) -> Iterator[socket.socket]:
        line, _ = self.listener.accept()
        line.settimeout(20)
        with line:
            yield line


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def behind(directory: Path) -> Iterator[Behind]:
    (directory / "web-1").mkdir()
    behind = Behind(directory / "web-1/web.sock")
    yield behind
    behind.listener.close()


@pytest.fixture(scope="module")
def front(directory: Path, behind: Behind) -> Iterator[Front]:
    with fronted(directory, "1") as front:
        yield front


def asked(line: socket.socket) -> tuple[str, dict[str, str], bytes]:
    """Return the request line, its headers by lower-case name and what of the body has come with them."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += line.recv(65536)
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return first, {name.lower(): value for name, value in (one.split(": ", 1) for one in rest)}, body


def seen_behind(front: Front, behind: Behind, path: str, headers: dict[str, str]) -> dict[str, str]:
    line = front.line()
    line.request("GET", path, headers=headers)
    with behind.taken() as taken:
        _, seen, _ = asked(taken)
        taken.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    assert line.getresponse().status == 204
    line.close()
    return seen


def test_nothing_a_client_says_about_where_it_comes_from_is_handed_on(front: Front, behind: Behind) -> None:
    seen = seen_behind(front, behind, "/account/login/", FORGED)
    assert seen["x-forwarded-for"] == "127.0.0.1" and seen["x-forwarded-proto"] == "https"
    assert seen["host"] == f"localhost:{front.https}"
    assert {"x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded", "upgrade"}.isdisjoint(seen)


@pytest.mark.parametrize(("path", "wanted", "upgraded"), [
    ("/ws/consultations/1/", "websocket", True), ("/ws/consultations/1/", "h2c", False), ("/", "websocket", False),
])  # fmt: skip
def test_only_sockets_are_upgraded(front: Front, behind: Behind, path: str, wanted: str, upgraded: bool) -> None:
    seen = seen_behind(front, behind, path, FORGED | {"Upgrade": wanted})
    assert (seen.get("upgrade"), seen.get("connection")) == (("websocket", "upgrade") if upgraded else (None, None))
    assert seen["x-forwarded-for"] == "127.0.0.1" and "forwarded" not in seen


def test_a_replay_arrives_while_it_is_still_being_sent(front: Front, behind: Behind) -> None:
    line = front.line()
    line.request("GET", "/recordings/1/media/")
    with behind.taken() as taken:
        asked(taken)
        taken.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\n\r\nfirst")
        response = line.getresponse()
        assert response.read(5) == b"first"
        taken.sendall(b"later")
        assert response.read() == b"later"
    line.close()


def test_a_chunk_reaches_the_portal_while_it_is_still_being_sent(front: Front, behind: Behind) -> None:
    line = front.line()
    line.putrequest("PUT", "/api/v1/segments/1/chunks/0/")
    line.putheader("Content-Length", "10")
    line.endheaders(b"first")
    with behind.taken() as taken:
        _, _, body = asked(taken)
        while len(body) < 5:
            body += taken.recv(100)
        assert body == b"first"
        line.send(b"later")
        assert taken.recv(100) == b"later"
        taken.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert line.getresponse().status == 201
    line.close()
