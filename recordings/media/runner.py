"""Runs the media process and answers for it. The one module that uses subprocess.

Writes nothing to disk: media goes in and out through memfds of the caller.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from recordings.media.faults import (
    MediaChildDied,
    MediaTimeout,
    Unreadable,
    UnreadableMedia,
    Unsound,
    UnsoundReplay,
)
from recordings.media.job import STAGES, Job, JoinResult, Stage

_PROJECT = Path(__file__).resolve().parents[2]
_LONGEST_LINE = 4 << 20
_COMMAND = (sys.executable, "-B", "-P", "-m", "recordings.media.child")


def default_timeout_s(job: Job) -> float:
    return max(60.0, 0.5 * job.wall_clock_ms / 1000)


def run_job(job: Job, *, timeout_s: float | None = None, on_stage: Callable[[Stage], None] | None = None) -> JoinResult:
    """Probe, plan, join and verify in a process of its own; the replay lies in job.output_fd.

    The fds stay the caller's. An exception from `on_stage` stops the process and is passed on.

    Errors: UnreadableMedia (what arrived), UnsoundReplay, MediaChildDied, MediaTimeout (ours).
    """
    limit_s = default_timeout_s(job) if timeout_s is None else timeout_s
    timed_out = threading.Event()
    with _start(job) as process:

        def stop() -> None:
            timed_out.set()
            _kill(process)

        timer = threading.Timer(limit_s, stop)
        timer.start()
        try:
            answer = _converse(process, job, limit_s, on_stage)
        finally:
            timer.cancel()
            _kill(process)
    if answer is None:
        raise MediaTimeout(limit_s) if timed_out.is_set() else MediaChildDied(process.returncode)
    return _result_of(answer, process.returncode)


def _start(job: Job) -> subprocess.Popen[bytes]:
    # SECURITY: an empty environment and only these fds: what breaks out of a decoder in there
    # finds no key, no database and no other person's recording.
    return subprocess.Popen(
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[*(segment.fd for segment in job.segments), job.output_fd],
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(_PROJECT)},
        cwd="/",
        start_new_session=True,
    )


def _converse(
    process: subprocess.Popen[bytes],
    job: Job,
    limit_s: float,
    on_stage: Callable[[Stage], None] | None,
) -> dict[str, Any] | None:
    """Return the last line the process says, or None if it ends without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        order = {"job": job.to_json(), "cpu_s": max(1, round(limit_s))}
        process.stdin.write(json.dumps(order).encode())
        process.stdin.close()
    while (line := _read_line(process.stdout)) is not None:
        if "result" in line or "error" in line:
            process.wait()
            return line
        stage = line.get("stage")
        if on_stage is not None and stage in STAGES:
            on_stage(stage)
    process.wait()
    return None


def _read_line(stream: IO[bytes]) -> dict[str, Any] | None:
    line = stream.readline(_LONGEST_LINE)
    with suppress(ValueError):
        said = json.loads(line)
        if isinstance(said, dict):
            return said
    return None


def _result_of(answer: dict[str, Any], returncode: int) -> JoinResult:
    if returncode != 0:
        raise MediaChildDied(returncode)
    # SECURITY: the process has read hostile bytes; its words are parsed, never trusted.
    try:
        if "result" in answer:
            return JoinResult.from_json(answer["result"])
        fault = _fault_of(answer)
    except (KeyError, TypeError, ValueError) as error:
        raise MediaChildDied(returncode) from error
    raise fault


def _fault_of(answer: dict[str, Any]) -> UnreadableMedia | UnsoundReplay:
    reason, segment = answer["error"], answer["segment"]
    if reason in set(Unsound):
        return UnsoundReplay(Unsound(reason))
    return UnreadableMedia(Unreadable(reason), None if segment is None else int(segment))


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
