"""Runs a module's tests against all of its mutants."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.changes import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
# What the outer run has set for itself.
OUTER = {"DJANGO_SETTINGS_MODULE", "DATA_DIR", "ISOLATION_FIGURES", "PYTEST_ADDOPTS", "DATABASE_URL"}


class NotRun(Exception):
    """The tests could not be run, or fail by themselves."""


@dataclass(frozen=True)
class Outcome:
    mutants: list[Mutant]
    survivors: list[Mutant]

    @property
    def killed(self) -> int:
        return len(self.mutants) - len(self.survivors)


def outcome_of(path: str, tests: Sequence[str], folder: Path) -> Outcome:
    """Return what became of all mutants of the module at `path`, on SQLite. Errors: NotRun."""
    survivors = folder / "survivors.json"
    names = {"MUTANTS_OF": path.removesuffix(".py").replace("/", "."), "SURVIVORS": str(survivors)}
    environment = {name: value for name, value in os.environ.items() if name not in OUTER}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "-p", "tests.mutation.plugin", *tests],
        cwd=ROOT,
        env=environment | names,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if not survivors.exists():
        raise NotRun(run.stdout[-4000:])
    mutants = mutants_of((ROOT / path).read_text())
    return Outcome(mutants, [mutants[number] for number in json.loads(survivors.read_text())])
