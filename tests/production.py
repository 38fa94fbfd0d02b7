"""A portal as docs/deployment.md describes it, on this machine: the very unit files, environment and nginx.conf of
deploy/, with this machine's paths and ports filled in. Everything it starts it stops again, by id.
"""

import html
import http.client
import json
import os
import re
import shlex
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect

from tests import services

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
WITHIN_S = 20.0
Frame = dict[str, Any]


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    cookies: list[str]
    body: bytes


@dataclass
class Front:
    """An nginx. One that knows a single web process pins everything there."""

    http: int
    https: int
    context: ssl.SSLContext

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.https}"

    def line(self, *, tls: bool = True) -> http.client.HTTPConnection:
        if tls:
            return http.client.HTTPSConnection("localhost", self.https, context=self.context, timeout=WITHIN_S)
        return http.client.HTTPConnection("localhost", self.http, timeout=WITHIN_S)

    def ask(
        self, path: str, method: str = "GET", *, body: bytes | None = None, tls: bool = True, **headers: str
    ) -> Answer:
        """Ask for exactly this path: nothing is tidied up, no redirect is followed."""
        line = self.line(tls=tls)
        try:
            line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = line.getresponse()
            cookies = response.headers.get_all("Set-Cookie") or []
            return Answer(response.status, response.headers, cookies, response.read())
        finally:
            line.close()


@dataclass
class Browser:
    """Somebody's browser in front of one nginx."""

    front: Front
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    def ask(self, path: str, method: str = "GET", **more: Any) -> Answer:
        answer = self.front.ask(path, method, Cookie=self.cookie, **more)
        self.set_cookies += answer.cookies
        self.cookies |= dict(line.split(";")[0].split("=", 1) for line in answer.cookies)
        return answer

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def sign_in(self, email: str, password: str, origin: str = "") -> Answer:
        page = self.ask("/account/login/").body.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, page[:500]
        form = {"csrfmiddlewaretoken": html.unescape(token[1]), "login": email, "password": password}
        return self.ask(
            "/account/login/", "POST", body=urlencode(form).encode(), Origin=origin or self.front.origin,
            Content_Type="application/x-www-form-urlencoded",
        )  # fmt: skip

    def at(self, front: Front) -> "Browser":
        return Browser(front, dict(self.cookies))

    @contextmanager
    def opens(self, consultation: str, origin: str = "") -> Iterator["Socket"]:
        address = f"wss://localhost:{self.front.https}/ws/consultations/{consultation}/"
        headers = {"Cookie": self.cookie, "Origin": origin or self.front.origin}
        with connect(address, ssl=self.front.context, additional_headers=headers) as connection:
            yield Socket(connection)


class Socket:
    """A person's line into a call."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.waiting: list[Frame] = []

    def hears(self, **pieces: Any) -> Frame:
        """Return the first frame with these pieces that nobody has looked at; keep the others."""
        for number, frame in enumerate(self.waiting):
            if pieces.items() <= frame.items():
                return self.waiting.pop(number)
        while True:
            frame = json.loads(self.connection.recv(timeout=WITHIN_S))
            if pieces.items() <= frame.items():
                return frame
            self.waiting.append(frame)

    def ask(self, t: str, **body: Any) -> Frame:
        request = uuid.uuid4().hex
        self.connection.send(json.dumps({**body, "v": 1, "t": t, "id": request}))
        return self.hears(id=request)

    def enters(self) -> Frame:
        welcome = self.ask("hello", tab=uuid.uuid4().hex)
        assert welcome["t"] == "welcome", welcome
        assert self.ask("ready", mic="on")["t"] == "ack"
        return welcome


def environment(directory: Path, **more: str) -> dict[str, str]:
    """Return what deploy/portal.env.example says, with this directory's paths."""
    given = dict(
        line.split("=", 1)
        for line in (DEPLOY / "portal.env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "PYTHONPATH"}}
    return kept | given | {name: here(value, directory) for name, value in given.items()} | more


def here(text: str, directory: Path) -> str:
    """Fill in this machine's paths."""
    for theirs, ours in {
        "/opt/portal/.venv/bin/python": sys.executable, "/opt/portal": str(ROOT),
        "/var/lib/portal": f"{directory}/data", "/var/cache/portal": f"{directory}/cache",
        "/run/portal-web-": f"{directory}/web-", "/var/log/nginx": str(directory), "/etc/ssl/portal": str(directory),
    }.items():  # fmt: skip
        text = text.replace(theirs, ours)
    return text


def commands(unit: str, directory: Path, instance: str = "") -> list[list[str]]:
    """Return what a unit file starts, as systemd would read it."""
    text = (DEPLOY / "systemd" / unit).read_text().replace("\\\n", " ").replace("%i", instance)
    lines = [line.removeprefix("ExecStart=") for line in text.splitlines() if line.startswith("ExecStart=")]
    return [shlex.split(here(line.replace("${WORKER_CONCURRENCY}", "1"), directory)) for line in lines]


def site(directory: Path, front: Front, webs: tuple[str, ...] = ("1", "2")) -> str:
    """Return deploy/nginx.conf for this machine, knowing these web processes only."""
    text = (DEPLOY / "nginx.conf").read_text()
    text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.M)
    text = re.sub(
        r"listen (80|443)\b", lambda m: f"listen 127.0.0.1:{front.https if m[1] == '443' else front.http}", text
    )
    text = text.replace("https://portal.example", front.origin).replace("portal.example", "localhost")
    for number in {"1", "2"} - set(webs):
        text = re.sub(rf"^ *server unix:/run/portal-web-{number}/.*\n", "", text, flags=re.M)
    return here(text, directory)


def new_front(directory: Path) -> Front:
    """Make a throw-away certificate and choose ports."""
    key, certificate = directory / "privkey.pem", directory / "fullchain.pem"
    if not certificate.exists():
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return Front(services.free_port(), services.free_port(), ssl.create_default_context(cafile=str(certificate)))


@contextmanager
def fronted(directory: Path, *webs: str) -> Iterator[Front]:
    front = new_front(directory)
    with services.nginx(site(directory, front, webs or ("1", "2")), front.https):
        yield front


@dataclass
class Production:
    """`front` knows both web processes, `first` and `second` one each."""

    directory: Path
    environment: dict[str, str]
    webs: dict[str, services.Server]
    front: Front
    first: Front
    second: Front

    def run(self, code: str) -> Any:
        """Run Python inside the portal's own code and data; return what it leaves in `result`."""
        code = f"import django, json; django.setup()\n{code}\nprint(json.dumps(result, default=str))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT, env=self.environment | {"DJANGO_SETTINGS_MODULE": "telehealth.settings"},
            check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def production(directory: Path, **more: str) -> Iterator[Production]:
    """Start it in the order of docs/deployment.md."""
    with ExitStack() as running:
        names = {
            "DATABASE_URL": running.enter_context(services.postgres()),
            "REDIS_URL": running.enter_context(services.redis()),
        }
        (directory / "data").mkdir(mode=0o700)
        facts: dict[str, Any] = {"cwd": ROOT, "env": environment(directory, **names, **more)}
        for command in commands("portal-release.service", directory):
            done = subprocess.run(command, **facts, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, f"{command}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}"
        webs = {}
        for number in ("1", "2"):
            (directory / f"web-{number}").mkdir()
            (command,) = commands("portal-web@.service", directory, number)
            webs[number] = running.enter_context(
                services.running(command, log=directory / f"web-{number}.log", **facts)
            )
        for name in ("worker", "beat"):
            (command,) = commands(f"portal-{name}.service", directory)
            running.enter_context(services.running(command, log=directory / f"{name}.log", **facts))
        for number, web in webs.items():
            web.wait_until((directory / f"web-{number}" / "web.sock").exists)
        fronts = [running.enter_context(fronted(directory, *only)) for only in ((), ("1",), ("2",))]
        yield Production(directory, facts["env"], webs, *fronts)
