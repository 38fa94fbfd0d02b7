"""Reads a file of people: its bytes to lines of named values, or to what is wrong, by line and column.

Knows nothing of HTTP or the ORM.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

MOST_BYTES, MOST_PEOPLE = 200_000, 200
# A spreadsheet runs what begins so; such a value never gets in, so it can never get out into somebody's export.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Kind:
    """What the columns of a file are called, and an invented line that shows how to fill them."""

    name: str
    columns: tuple[str, ...]
    required: frozenset[str]
    example: tuple[str, ...]


PATIENTS = Kind(
    "patients",
    ("name", "email", "language", "date_of_birth", "nhs_number", "communication_needs", "clinicians"),
    frozenset({"name", "email", "date_of_birth"}),
    ("Ada Example", "ada@example.org", "en-gb", "29/02/1980", "", "Larger text", ""),
)
CLINICIANS = Kind(
    "clinicians",
    ("name", "email", "language", "title", "registration_number", "speciality"),
    frozenset({"name", "email", "registration_number", "speciality"}),
    ("Sam Example", "sam@example.org", "en-gb", "Dr", "1234567", "General practice"),
)


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong in one place; without a column it is the whole line, and line 0 is the whole file."""

    line: int
    column: str
    says: str


class Unreadable(Exception):
    """The file is none that lines could be read from; `fault` says why."""

    def __init__(self, says: str, line: int = 0, column: str = "") -> None:
        super().__init__(says)
        self.fault = Fault(line, column, says)


@dataclass(frozen=True)
class Row:
    line: int
    values: dict[str, str]


def template(kind: Kind) -> str:
    """Return a file with the heading and one invented person."""
    out = io.StringIO()
    csv.writer(out).writerows([kind.columns, kind.example])
    return out.getvalue()


def read(data: bytes, kind: Kind) -> tuple[list[Row], list[Fault]]:
    """Return the lines that have all of their values, and what is wrong with the others. Errors: Unreadable."""
    lines = _lines(_text(data))
    heading_line, heading = next(lines, (0, []))
    columns = _columns(heading, heading_line, kind)
    rows, faults = [], []
    for line, values in lines:
        if len(values) != len(columns):
            says = _("The heading has %(wanted)d columns, this line has %(found)d.")
            faults.append(Fault(line, "", says % {"found": len(values), "wanted": len(columns)}))
            continue
        row = Row(line, dict(zip(columns, (value.strip() for value in values), strict=True)))
        faults += [
            Fault(line, column, _("A value cannot begin with =, +, - or @: a spreadsheet would calculate it."))
            for column, value in zip(columns, values, strict=True)
            if value.lstrip(" ").startswith(FORMULA)
        ]
        if row.values.get("email", "").lower() in kind.example:
            faults.append(Fault(line, "email", _("This line only shows how to fill the others. Take it out.")))
        rows.append(row)
    if len(rows) + len(faults) == 0:
        raise Unreadable(_("There is nobody in this file, only its heading."))
    if len(rows) > MOST_PEOPLE:
        raise Unreadable(
            _("There are more than %(most)d people in this file. Cut it into parts.") % {"most": MOST_PEOPLE}
        )
    return rows, faults


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise Unreadable(_("This file is too large. Cut it into parts of %(n)d people.") % {"n": MOST_PEOPLE})
    if not data.strip():
        raise Unreadable(_("This file is empty."))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Unreadable(_("This is no UTF-8 text. Save the file as “CSV UTF-8” and choose it again."), line) from error
    if "\0" in text:
        raise Unreadable(_("This is no table of text. Save the file as “CSV UTF-8” and choose it again."))
    return text


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line it begins on, values), without empty lines."""
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for values in reader:
            if any(value.strip() for value in values):
                yield begins, values
            begins = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(_("The quotation marks of this line do not close."), begins) from error


def _columns(heading: list[str], line: int, kind: Kind) -> list[str]:
    columns = [name.strip().lower().replace(" ", "_") for name in heading]
    for name in columns:
        if name not in kind.columns:
            known = ", ".join(kind.columns)
            raise Unreadable(
                _("There is no column of this name. The columns are: %(known)s.") % {"known": known}, line, name
            )
        if columns.count(name) > 1:
            raise Unreadable(_("This column stands here twice."), line, name)
    if missing := sorted(kind.required - set(columns)):
        raise Unreadable(_("These columns are missing: %(missing)s.") % {"missing": ", ".join(missing)}, line)
    return columns
