"""What a page costs when the portal holds 100,000 recordings, against the same page while it held a hundred.

    python -m tests.bench.pages [RECORDINGS] [ROUNDS]
    python -m tests.services postgres -- python -m tests.bench.pages

Prints the server's time per page: median, 95th percentile, and the ratio of the medians. Its own data directory is gone
afterwards; on PostgreSQL it fills the database it is given. Figures of a busy machine mean nothing.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from statistics import median, quantiles
from time import perf_counter
from typing import Any

PATIENTS, CLINICIANS, FEW, WARM_UP = 200, 10, 100, 5
TARGET_MS = 50


def measure(ask: Callable[[], object], rounds: int) -> list[float]:
    """Return the milliseconds of so many answers."""
    for _ in range(WARM_UP):
        ask()
    took = []
    for _ in range(rounds):
        began = perf_counter()
        ask()
        took.append(1000 * (perf_counter() - began))
    return took


def everything(requests: dict[str, Callable[[], object]], rounds: int) -> Iterator[tuple[str, list[float]]]:
    for name, ask in requests.items():
        yield name, measure(ask, rounds)


def main(recordings: int, rounds: int) -> None:
    from django.core.management import call_command
    from django.test import override_settings

    from recordings import safe
    from telehealth.warm import warm_up
    from tests.cast import make_cast, make_clinician, make_patient

    warm_up()
    call_command("migrate", verbosity=0)
    safe.prepare_storage()
    safe.prepare_master_key()
    cast = make_cast()
    pairs = [(cast.ada.patient, cast.ada.clinician)]
    clinicians = [make_clinician(f"Clinician {number}") for number in range(CLINICIANS)]
    patients = [make_patient(f"Patient {number}") for number in range(PATIENTS)]
    pairs += [(patient, clinicians[number % CLINICIANS]) for number, patient in enumerate(patients)]
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES={"staticfiles": static}, ALLOWED_HOSTS=["testserver"]):
        fill(pairs, FEW)
        before = dict(everything(requests_of(cast), rounds))
        fill(pairs, recordings)
        for name, took in everything(requests_of(cast), rounds):
            p95 = quantiles(took, n=20)[-1]
            ratio = median(took) / median(before[name])
            print(f"{name:64} {median(took):6.1f} ms, p95 {p95:6.1f} ms (target {TARGET_MS}), {ratio:.2f} ×")


def fill(pairs: Any, number: int) -> None:
    """Fill the tables from a process of its own: one that answers requests never held all these rows in memory."""
    from django.db import connection

    if connection.vendor == "postgresql":
        connection.close_pool()
    connection.close()
    filling = get_context("fork").Process(target=_fill, args=(pairs, number))
    filling.start()
    filling.join()
    if filling.exitcode:
        raise SystemExit("The tables could not be filled.")


def _fill(pairs: Any, number: int) -> None:
    from django.db import connection

    from tests.crowded import hold

    hold(pairs, number)
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        # What has long been done about rows of three years, and would go on beside the first pages otherwise.
        for statement in ("VACUUM ANALYZE", "CHECKPOINT") if is_postgresql else ("ANALYZE",):
            cursor.execute(statement)


def requests_of(cast: Any) -> dict[str, Callable[[], object]]:
    from django.test import Client

    from tests.test_query_counts import PAGES, path_of

    requests: dict[str, Callable[[], object]] = {}
    for actor, paths in PAGES.items():
        client = Client()
        client.force_login(cast.actors()[actor])
        for path in paths:
            requests[f"{path} as {actor}"] = partial(client.get, path_of(cast, path))
    return requests


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "telehealth.settings"}
        import django

        django.setup()
        given = [int(word) for word in sys.argv[1:3]]
        main(*given, *(100_000, 100)[len(given) :])
