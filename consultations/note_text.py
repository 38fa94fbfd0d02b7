"""A note's plain text as headings and paragraphs. Knows nothing of Django."""

import re
from dataclasses import dataclass

LONGEST_HEADING = 60
BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Section:
    """`heading` is empty before the first one."""

    heading: str
    paragraphs: tuple[str, ...]


def sections(text: str) -> list[Section]:
    """Split a note at its headings: short lines of their own that end with a colon."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in text.strip().splitlines():
        if is_heading(line):
            found.append((line.strip().rstrip(":"), []))
        else:
            found[-1][1].append(line.rstrip())
    parts = (Section(heading, _paragraphs(lines)) for heading, lines in found)
    return [part for part in parts if part.heading or part.paragraphs]


def is_heading(line: str) -> bool:
    words = line.strip()
    return words.endswith(":") and 1 < len(words) <= LONGEST_HEADING


def _paragraphs(lines: list[str]) -> tuple[str, ...]:
    return tuple(part.strip("\n") for part in BLANK_LINES.split("\n".join(lines)) if part.strip())
