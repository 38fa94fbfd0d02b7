"""Figures of the isolation proofs: a test says what it found, `make isolation-report` prints them as one table."""

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from django.db import connection


class Figure(NamedTuple):
    what: str
    found: str
    target: str
    database: str


def record(what: str, found: object, target: str) -> None:
    """Print a figure, and keep it for the report. `target` is what the security figures ask for, in words."""
    figure = Figure(what, str(found), target, connection.vendor)
    print(f"\n{figure.what}: {figure.found} (target {figure.target}, {figure.database})")
    if path := os.environ.get("ISOLATION_FIGURES"):
        with Path(path).open("a") as file:
            file.write(json.dumps(figure) + "\n")


def table(figures: list[Figure]) -> str:
    """Return a Markdown table, one row per figure and database."""
    rows = [("What", "Found", "Target", "Database"), ("---",) * 4, *figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(table([Figure(*json.loads(line)) for line in Path(sys.argv[1]).read_text().splitlines()]))
