"""Writes docs/tour.md from the stops."""

from collections.abc import Iterator

from tests.browser.tour.stops import STOPS, SURFACES

HEAD = """# A tour

Every page as the demo's people see it, on a desktop and a phone, light and dark. The pictures are taken from a started
portal by `python -m tests.browser.tour`, which also writes this page.
"""


def written() -> str:
    return "\n".join(_parts()) + "\n"


def _parts() -> Iterator[str]:
    yield HEAD
    for surface, (title, where) in SURFACES.items():
        yield f"## {title}\n\n{where}\n"
        for stop in STOPS:
            if stop.name.startswith(f"{surface}-"):
                yield f"### {stop.title}\n\n{stop.words}\n\n![{stop.title}](images/tour/{stop.picture})\n"
