"""Private PostgreSQL, Redis and nginx for tests: started on this machine and always stopped again.

`python -m tests.services postgres -- COMMAND…` runs a command with DATABASE_URL set; `redis` sets
REDIS_URL; both can be named. Ends only the processes it started. Knows nothing of Django.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

START_WITHIN_S = 30.0
STOP_WITHIN_S = 15.0
UNPRIVILEGED = ("postgres", "nobody")
# One machine, one run, thrown away after it: nothing has to survive a power cut.
POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
}


class ServiceMissing(RuntimeError):
    """A program that a test needs is not installed; the text says how to get it."""


def program(name: str) -> str:
    """Return the path of a server's program. Debian keeps those of PostgreSQL out of PATH."""
    by_version = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]), reverse=True
    )
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or (
        str(by_version[0]) if by_version else None
    )
    if found is None:
        raise ServiceMissing(f"{name} is not installed. Run tests/bin/install-system-packages.")
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _as_somebody() -> dict[str, Any]:
    """Return who a server runs as, in Popen's words: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = next(names[name] for name in UNPRIVILEGED if name in names)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextmanager
def _directory() -> Iterator[Path]:
    owner = _as_somebody()
    # Not under TMPDIR: the path of a unix socket has room for about 100 characters only.
    path = Path(tempfile.mkdtemp(prefix="portal-test-", dir="/tmp"))
    try:
        if owner:
            os.chown(path, owner["user"], owner["group"])
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass
class Server:
    """A process of ours and where it writes what it has to say."""

    process: subprocess.Popen[bytes]
    log: Path

    def demand_alive(self) -> None:
        if self.process.poll() is not None:
            said = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.process.args} ended with status {self.process.returncode}:\n{said}")

    def wait_until(self, is_ready: Callable[[], bool], within_s: float = START_WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not is_ready():
            self.demand_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.process.args} was not ready within {within_s:.0f} s.")
            time.sleep(0.05)


@contextmanager
def running(
    command: list[str], *, log: Path, stop_by: int = signal.SIGTERM, cwd: Path | str = "/", **facts: Any
) -> Iterator[Server]:
    """Run a server for the block. `facts` are Popen's: who it runs as, its environment."""
    with log.open("wb") as output:
        # A session of its own: Ctrl-C in the terminal reaches the tests, which then stop it in order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd, start_new_session=True, **facts
        )
    try:
        yield Server(process, log)
    finally:
        if process.poll() is None:
            process.send_signal(stop_by)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """Run a new, empty cluster for the block; yield its DATABASE_URL.

    Reached by a unix socket only: no port, no clash.
    """
    with _directory() as directory:
        cluster, sockets = directory / "cluster", directory
        initdb = [program("initdb"), "-D", str(cluster), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run(
            [*initdb, "--locale", "C.UTF-8", "--no-sync", "--no-instructions"],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", **_as_somebody(),
        )  # fmt: skip
        options = {**POSTGRES_OPTIONS, "unix_socket_directories": str(sockets)}
        command = [program("postgres"), "-D", str(cluster)]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with running(command, log=directory / "log", stop_by=signal.SIGINT, **_as_somebody()) as server:
            ask = [program("psql"), "-qAt", "-h", str(sockets), "-U", "postgres", "-d", "postgres", "-c"]
            server.wait_until(lambda: _succeeds([*ask, "SELECT 1"]))
            subprocess.run([*ask, "CREATE DATABASE portal"], check=True, stdin=subprocess.DEVNULL)
            yield f"postgresql://postgres@{quote(str(sockets), safe='')}/portal"


@contextmanager
def redis() -> Iterator[str]:
    """Run an empty Redis that keeps nothing on disk for the block; yield its REDIS_URL."""
    port = free_port()
    with _directory() as directory:
        command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
        command += ["--save", "", "--appendonly", "no"]
        with running(command, log=directory / "log", **_as_somebody()) as server:
            server.wait_until(lambda: _answers(port))
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def nginx(sites: str, port: int) -> Iterator[None]:
    """Run nginx with what would stand in its `sites-enabled`; return once it listens on `port`."""
    with _directory() as directory:
        own = directory / "nginx.conf"
        own.write_text(
            _NGINX_MAIN.format(user="user root;" if os.geteuid() == 0 else "", directory=directory, sites=sites)
        )
        command = [program("nginx"), "-c", str(own), "-p", str(directory), "-e", "stderr"]
        with running(command, log=directory / "log") as server:
            server.wait_until(lambda: _listens(port))
            yield


# What Debian's own nginx.conf says around a site, as far as a site builds on it.
_NGINX_MAIN = """{user}
daemon off; worker_processes 1; pid {directory}/pid; error_log stderr error;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types; access_log {directory}/access.log;
    sendfile on;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    {sites}
}}
"""


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _succeeds(command: list[str]) -> bool:
    nothing = subprocess.DEVNULL
    return subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing).returncode == 0


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


SERVICES = {"postgres": (postgres, "DATABASE_URL"), "redis": (redis, "REDIS_URL")}


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(words: list[str]) -> int:
    """Run `NAME… -- COMMAND…`; return the command's status."""
    if "--" not in words or not words[: words.index("--")] or not set(words[: words.index("--")]) <= set(SERVICES):
        print(f"Usage: python -m tests.services {'|'.join(SERVICES)}… -- COMMAND…", file=sys.stderr)
        return 2
    names, command = words[: words.index("--")], words[words.index("--") + 1 :]
    signal.signal(signal.SIGTERM, _leave)  # so that the services are stopped then, too
    environment = dict(os.environ)
    with ExitStack() as running:
        for name in names:
            start, variable = SERVICES[name]
            environment[variable] = running.enter_context(start())
        return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
