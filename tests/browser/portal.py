"""A really started portal on a data directory of its own, driven from outside."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "telehealth-demo"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def inside(environment: dict[str, str], expression: str, imports: str = "") -> str:
    """Return what a Python expression prints inside a portal's own code and data."""
    setup = "import django; django.setup()\nfrom recordings.models import *\nfrom consultations.models import *"
    done = subprocess.run(
        [sys.executable, "-c", f"{setup}\n{imports}\nprint({expression})"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=300, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def scene(environment: dict[str, str], name: str, *arguments: object) -> Any:
    """Let `module.function` of these folders happen inside a portal's code and data; return what it returns."""
    module, function = name.rsplit(".", 1)
    imports = f"import json\nimport tests.browser.{module} as scenes"
    said = inside(environment, f"json.dumps(scenes.{function}(*{arguments!r}))", imports)
    return json.loads(said.splitlines()[-1])


@dataclass
class Portal:
    """`url` without a slash at the end; `manage` runs a command against the same data; `made` is what the scene that it
    was started with returned."""

    url: str
    data_dir: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    made: Any = None

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout

    def ask(self, expression: str) -> str:
        return inside(self.environment, expression)

    def scene(self, name: str, *arguments: object) -> Any:
        return scene(self.environment, name, *arguments)

    @property
    def log(self) -> str:
        return (self.data_dir / "portal.log").read_text(errors="replace")


def _prepare(environment: dict[str, str]) -> None:
    for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True, timeout=180)


@cache
def _prepared() -> Path:
    """Return a data directory as `make run` leaves it before the first start: made once, copied for each portal."""
    folder = Path(tempfile.mkdtemp(prefix="portal-prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _prepare(_environment(folder))
    return folder


def _environment(data_dir: Path, **more: str) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}},
        "DATA_DIR": str(data_dir), "DEMO": "1", "SMALL_PICTURES": "1", "DJANGO_SETTINGS_MODULE": "telehealth.settings",
        **more,
    }  # fmt: skip


def start(data_dir: Path, *, begin: str = "", **more: str) -> Portal:
    """Start a portal with demo people and small pictures; wait until it answers. `more` are environment names.

    `begin` is a scene of before the start: no worker is there yet to take what it leaves.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = _environment(data_dir, **more)
    if "DATABASE_URL" in more:
        _prepare(environment)
    else:
        shutil.copytree(_prepared(), data_dir, dirs_exist_ok=True)
    made = scene(environment, begin) if begin else None
    with (data_dir / "portal.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "portal", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    portal = Portal(f"http://127.0.0.1:{port}", data_dir, environment, process, made)
    _wait(portal)
    return portal


def _wait(portal: Portal, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if portal.process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{portal.url}/readyz", timeout=2)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    stop(portal)
    raise AssertionError(f"the portal did not start:\n{portal.log[-3000:]}")


def stop(portal: Portal) -> None:
    """Stop as Ctrl-C would, then make sure."""
    if portal.process.poll() is None:
        portal.process.send_signal(signal.SIGINT)
        try:
            portal.process.wait(25)
        except subprocess.TimeoutExpired:
            portal.process.kill()
