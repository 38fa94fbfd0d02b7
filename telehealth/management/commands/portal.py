"""Runs the whole portal on one machine: web, worker and beat as child processes."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from recordings import safe
from telehealth import demo
from telehealth.checks import refuse_unsafe_start

RESTART_PAUSE_S = 1.0
STOP_WITHIN_S = 15.0


@dataclass
class Child:
    """One process that should be running."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        self.starts = [*self.starts[-9:], time.monotonic()]
        # A group of its own: Ctrl-C reaches the parent alone, which then stops all in order.
        self.process = subprocess.Popen(self.command, cwd=settings.BASE_DIR, start_new_session=True)

    def ended(self) -> int | None:
        return self.process.poll() if self.process else 0


class Command(BaseCommand):
    help = "Run web, worker and beat on this machine; restarts one that dies, stops all on Ctrl-C."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *, host: str, port: int, **_: Any) -> None:
        refuse_unsafe_start()
        safe.prepare_storage()
        safe.prepare_master_key()
        safe.vault()
        for folder in ("queue", "processed", "control"):
            Path(settings.BROKER_DIR, folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        if settings.IS_DEMO_ALLOWED:
            demo.renew()
        os.environ.setdefault("PORTAL_URL", f"http://{host}:{port}")  # where links in mail lead
        self._stop = False
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        children = self._children(host, port)
        for child in children:
            child.start()
        self.stdout.write(f"The portal is at http://{host}:{port}/ (Ctrl-C stops it).")
        self.stdout.flush()
        try:
            self._watch(children)
        finally:
            self._end(children)

    def _on_signal(self, *_: Any) -> None:
        self._stop = True

    def _children(self, host: str, port: int) -> list[Child]:
        python = sys.executable
        web = ["-m", "uvicorn", "telehealth.asgi:application", "--host", host, "--port", str(port)]
        web += ["--ws-per-message-deflate", "false", "--ws-max-size", "131072", "--ws-ping-interval", "20"]
        web += ["--no-server-header", "--log-level", "warning", "--timeout-graceful-shutdown", "5"]
        worker = ["-m", "celery", "-A", "telehealth", "worker", "--concurrency", "1", "--loglevel", "WARNING"]
        worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        beat = ["-m", "celery", "-A", "telehealth", "beat", "--loglevel", "WARNING"]
        beat += ["--pidfile", "", "--schedule", settings.CELERY_BEAT_SCHEDULE_FILENAME]
        return [Child("web", [python, *web]), Child("worker", [python, *worker]), Child("beat", [python, *beat])]

    def _watch(self, children: list[Child]) -> None:
        while not self._stop:
            time.sleep(0.2)
            for child in children:
                if (status := child.ended()) is not None and not self._stop:
                    self.stderr.write(f"{child.name} ended with status {status}; starting it again.")
                    quick = len(child.starts) > 4 and child.starts[-1] - child.starts[-5] < 20
                    time.sleep(RESTART_PAUSE_S * (10 if quick else 1))
                    child.start()

    def _end(self, children: list[Child]) -> None:
        for child in children:
            if child.process and child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        for child in children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
        self.stdout.write("The portal has stopped.")
