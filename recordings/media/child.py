"""The media process: one job as JSON on stdin, JSON lines on stdout, media through inherited fds.

Run as `python -m recordings.media.child`, with no secrets in its environment. It is the only
process that hands bytes from a browser to a media library.
"""

import hashlib
import json
import os
import resource
import sys
from typing import Any

from recordings.media.faults import Unreadable, UnreadableMedia, UnsoundReplay
from recordings.media.job import AUDIO_TYPE, VIDEO_TYPE, Job, JoinResult, SegmentFacts
from recordings.media.join import Source, join
from recordings.media.probe import probe
from recordings.media.timeline import Mode, SegmentSpan, plan
from recordings.media.verify import verify

_MIB = 1 << 20
_BLOCK = 1 << 20
# Measured peaks (PyAV 18.1, one decoding thread): 154 MB at 320x180 for any length up to an hour,
# 191 MB at 1280x720, 336 MB at the largest picture allowed, 2048x2048; 256 MiB fails there.
ADDRESS_SPACE = 512 * _MIB


def main() -> int:
    """Lines: {"stage": …}* then {"result": …} or {"error": reason, "segment": number or null}."""
    order = json.load(sys.stdin)
    job = Job.from_json(order["job"])
    _limit(job, order["cpu_s"])
    try:
        _say({"result": _run(job).to_json()})
    except UnreadableMedia as fault:
        _say({"error": fault.reason, "segment": fault.segment})
    except UnsoundReplay as fault:
        _say({"error": fault.reason, "segment": None})
    return 0


def _limit(job: Job, cpu_s: int) -> None:
    taken = sum(os.fstat(s.fd).st_size for s in job.segments)
    # Silence and cards add at most 8 bytes per millisecond.
    written = 64 * _MIB + taken * 5 // 4 + 8 * job.wall_clock_ms
    limits = {
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: written,
        resource.RLIMIT_NOFILE: len(job.segments) + 32,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: ADDRESS_SPACE,
    }
    for kind, value in limits.items():
        resource.setrlimit(kind, (value, value))


def _run(job: Job) -> JoinResult:
    _say({"stage": "probing"})
    facts = tuple(probe(segment, size=job.size) for segment in job.segments)
    laid_out = plan(
        [_span(job, found) for found in facts],
        absences=job.absences,
        cut_at_ms=job.cut_at_ms,
        capture_end_ms=job.capture_end_ms,
    )
    if not laid_out.parts:
        raise UnreadableMedia(Unreadable.NO_MEDIA)
    _say({"stage": "joining"})
    sources = {s.number: Source(s.fd, s.t0_ms, s.gaps) for s in job.segments}
    size = job.size if laid_out.has_video else None
    join(laid_out, sources, job.output_fd, size)
    _say({"stage": "checking"})
    verify(job.output_fd, laid_out)
    return JoinResult(
        timeline=laid_out.parts,
        duration_ms=laid_out.duration_ms,
        segments=facts,
        byte_length=os.fstat(job.output_fd).st_size,
        sha256=_digest(job.output_fd),
        content_type=VIDEO_TYPE if laid_out.has_video else AUDIO_TYPE,
    )


def _span(job: Job, facts: SegmentFacts) -> SegmentSpan:
    t0_ms = next(s.t0_ms for s in job.segments if s.number == facts.number)
    mode: Mode = "video" if facts.has_video else "audio"
    return SegmentSpan(facts.number, mode, t0_ms, facts.duration_ms, facts.holes)


def _digest(fd: int) -> str:
    digest = hashlib.sha256()
    offset = 0
    while block := os.pread(fd, _BLOCK, offset):
        digest.update(block)
        offset += len(block)
    return digest.hexdigest()


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
