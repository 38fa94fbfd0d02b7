"""What the leak guard costs: requests with it against the same ones without it, alternating in one run.

    python -m tests.bench.guard [ROUNDS]

Prints a ratio per page; its own data directory is gone afterwards. Figures of a busy machine mean nothing.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tests.cast import World

WARM_UP = 10


def measure(ask: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Return the median seconds of one request with and without the guard, and the median ratio within a round."""
    from recordings import guard

    everything = mock.MagicMock()
    everything.__contains__.return_value = True
    ways = {True: nullcontext, False: lambda: mock.patch.object(guard, "_own", lambda viewer, ids: everything)}
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(WARM_UP + rounds):
        for is_guarded in (True, False) if number % 2 else (False, True):
            with ways[is_guarded]():
                began = perf_counter()
                ask()
                lasted = perf_counter() - began
            if number >= WARM_UP:
                took[is_guarded].append(lasted)
    # The two of a round are neighbours in time: what else the machine does slows down both.
    ratio = median(guarded / bare for guarded, bare in zip(took[True], took[False], strict=True))
    return median(took[True]), median(took[False]), ratio


def requests_of(world: "World") -> "dict[str, Callable[[], HttpResponse]]":
    """Give a patient 25 replays; return the requests by name."""
    from django.test import Client

    from consultations.booking import book
    from tests.cast import A_WEEK, FIFTEEN, make_ended_call, make_ready_recording
    from tests.replays import Viewer

    for number in range(2, 26):
        at = world.held.starts_at - number * timedelta(hours=1)
        visit = book(
            world.patient, world.clinician, starts_at=at, ends_at=at + FIFTEEN, reason="Again", now=at - A_WEEK
        )
        make_ready_recording(make_ended_call(visit), b"a replay")
    viewer, clinic, one = Viewer(world.patient.user), Client(), world.recording.pk
    clinic.force_login(world.clinician.user)
    return {
        "list of 25": lambda: viewer.client.get("/recordings/"),
        "player": lambda: viewer.client.get(f"/recordings/{one}/"),
        "media, one range": lambda: viewer.get(one, Range="bytes=0-99"),
        "clinic list of 25": lambda: clinic.get("/clinic/recordings/recording/"),
    }


def main(rounds: int) -> None:
    from django.core.management import call_command
    from django.test import override_settings

    from recordings import safe
    from tests.cast import make_cast

    call_command("migrate", verbosity=0)
    safe.prepare_storage()
    safe.prepare_master_key()
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES={"staticfiles": static}, ALLOWED_HOSTS=["testserver"]):
        for name, ask in requests_of(make_cast().ada).items():
            guarded, bare, ratio = measure(ask, rounds)
            facts = f"{1000 * guarded:.2f} ms with, {1000 * bare:.2f} ms without"
            print(f"{name:20} {facts}: {100 * (ratio - 1):+.1f} %")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "telehealth.settings"}
        import django

        django.setup()
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
