"""The media process: what it can reach, and what becomes of it."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from recordings.media import runner
from recordings.media.faults import MediaChildDied, MediaTimeout, UnreadableMedia
from recordings.media.job import STAGES, Job, JoinResult, Stage
from recordings.media.runner import default_timeout_s, run_job
from tests.media.conftest import TONE_1, TONE_2, Studio, audio, video


@pytest.fixture
def job(studio: Studio) -> Job:
    return studio.job(studio.segment(1, audio(TONE_1), 0), studio.segment(2, video(TONE_2), 4_000))


SLOWED = """
import sys, time
from recordings.media import child
probe = child.probe
def slow_probe(*args, **facts):
    time.sleep(0.3)
    return probe(*args, **facts)
child.probe = slow_probe
sys.exit(child.main())
"""


@pytest.fixture
def slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real process, which takes a moment to probe, so that it is alive while looked at."""
    monkeypatch.setattr(runner, "_COMMAND", (*runner._COMMAND[:3], "-c", SLOWED))


def children() -> list[int]:
    tasks = Path("/proc/self/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def at_first_stage(act: Callable[[int], None]) -> Callable[[Stage], None]:
    """Act on the process when it says its first word."""

    def on_stage(stage: Stage) -> None:
        if stage == "probing":
            (pid,) = children()
            act(pid)

    return on_stage


def test_it_tells_its_stages_and_gives_a_result_that_matches_the_file(job: Job) -> None:
    stages: list[Stage] = []
    result = run_job(job, on_stage=stages.append)
    assert tuple(stages) == STAGES
    assert os.fstat(job.output_fd).st_size == result.byte_length
    assert JoinResult.from_json(result.to_json()) == result


@pytest.mark.usefixtures("slowed")
def test_it_holds_nothing_but_the_media_it_was_given(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    opened: set[str] = set()
    environment: set[bytes] = set()

    def look(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        opened.update(os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir())
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        environment.update(pair.split(b"=")[0] for pair in pairs if pair)
        os.kill(pid, signal.SIGCONT)

    run_job(job, on_stage=at_first_stage(look))
    assert {name.split(":")[0] for name in opened} <= {"/memfd", "pipe", "/dev/null"}
    assert environment == {b"PATH", b"LANG", b"PYTHONPATH"}


@pytest.mark.usefixtures("slowed")
def test_a_process_that_hangs_is_killed_at_its_time_limit(job: Job) -> None:
    seen: list[int] = []

    def hang(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        seen.append(pid)

    began = time.monotonic()
    with pytest.raises(MediaTimeout):
        run_job(job, timeout_s=1.0, on_stage=at_first_stage(hang))
    assert time.monotonic() - began < 5
    assert seen
    assert not Path(f"/proc/{seen[0]}").exists()


@pytest.mark.usefixtures("slowed")
def test_a_process_that_dies_is_told_apart_and_the_next_run_gives_the_same_file(job: Job, studio: Studio) -> None:
    with pytest.raises(MediaChildDied) as died:
        run_job(job, on_stage=at_first_stage(lambda pid: os.kill(pid, signal.SIGKILL)))
    assert died.value.returncode == -signal.SIGKILL
    again = run_job(job)
    other = run_job(replace(job, output_fd=studio.make_fd(b"")))
    assert again.sha256 == other.sha256


def test_leftovers_of_a_broken_run_do_not_reach_the_next(job: Job) -> None:
    clean = run_job(job)
    os.pwrite(job.output_fd, b"x" * (clean.byte_length + 5_000), 0)
    assert run_job(job) == clean
    assert os.fstat(job.output_fd).st_size == clean.byte_length


def test_an_objection_from_the_caller_stops_the_process(job: Job) -> None:
    def object_to(stage: Stage) -> None:
        raise LookupError(stage)

    with pytest.raises(LookupError):
        run_job(job, on_stage=object_to)
    assert children() == []


def test_words_that_make_no_sense_are_not_a_result(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ('{"result": {"duration_ms": 1}}', '{"error": "made up", "segment": 1}', "[]"):
        program = ("/bin/sh", "-c", f"echo '{said}'; cat >/dev/null")
        monkeypatch.setattr(runner, "_COMMAND", program)
        with pytest.raises(MediaChildDied):
            run_job(job, timeout_s=5)


def test_a_result_of_a_process_that_failed_is_not_a_result(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    said = json.dumps({"result": run_job(job).to_json()})
    program = ("/bin/sh", "-c", f"echo '{said}'; cat >/dev/null; exit 3")
    monkeypatch.setattr(runner, "_COMMAND", program)
    with pytest.raises(MediaChildDied) as died:
        run_job(job, timeout_s=5)
    assert died.value.returncode == 3


@pytest.mark.usefixtures("slowed")
def test_what_it_may_use_is_limited(job: Job) -> None:
    limits: dict[str, str] = {}

    def look(pid: int) -> None:
        for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
            limits[line[:26].strip()] = line[26:].split()[0]

    run_job(job, timeout_s=70, on_stage=at_first_stage(look))
    assert limits["Max cpu time"] == "70"
    assert limits["Max core file size"] == "0"
    assert limits["Max address space"] == str(512 << 20)
    assert limits["Max open files"] == "34"
    assert 64 << 20 <= int(limits["Max file size"]) < 65 << 20


def test_more_cpu_than_allowed_ends_it(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"
    monkeypatch.setattr(runner, "_COMMAND", (*runner._COMMAND[:1], "-c", limit))
    with pytest.raises(MediaChildDied) as died:
        run_job(job, timeout_s=20)
    assert died.value.returncode in {-signal.SIGXCPU, -signal.SIGKILL}


def test_no_descriptor_and_no_file_is_left_behind(job: Job) -> None:
    package = Path(runner.__file__).parent
    run_job(job)
    fds = sorted(os.listdir("/proc/self/fd"))
    files = sorted(package.rglob("*"))
    for _ in range(3):
        run_job(job)
    with pytest.raises(UnreadableMedia):
        run_job(replace(job, cut_at_ms=0))
    assert sorted(os.listdir("/proc/self/fd")) == fds
    assert sorted(package.rglob("*")) == files


def test_time_is_allowed_by_the_length_of_the_call(job: Job) -> None:
    assert default_timeout_s(job) == 60
    assert default_timeout_s(replace(job, capture_end_ms=3_600_000)) == 1_800
