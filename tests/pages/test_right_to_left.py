"""Pages turn round for languages that are written from right to left: rules speak of start and end, never of sides."""

import re
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, name_of

SHEETS = sorted((ROOT / "static/css").glob("*.css"))
COMMENT = re.compile(r"/\*.*?\*/", re.S)
RULE = re.compile(r"([\w-]+)\s*:\s*([^;{}]+)(?=[;}])")
SIDED = re.compile(r"left|right|(margin|padding|border|inset|scroll-margin|scroll-padding)-(left|right)\b.*")
TAKES_A_SIDE = {"text-align", "float", "clear"}
FOUR_SIDES = {"margin", "padding", "inset"}
CALLED = re.compile(r"\([^()]*\)")


def speaks_of_sides(name: str, value: str) -> bool:
    if SIDED.fullmatch(name) or (name in TAKES_A_SIDE and re.search(r"\b(left|right)\b", value)):
        return True
    while "(" in value:
        value = CALLED.sub("", value)
    sides = value.split()
    return name in FOUR_SIDES and len(sides) == 4 and sides[1] != sides[3]


@pytest.mark.parametrize("sheet", SHEETS, ids=name_of)
def test_a_style_sheet_speaks_of_no_side(sheet: Path) -> None:
    # What is commented out keeps its line breaks, so that the numbers of lines are right.
    text = COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), sheet.read_text())
    wrong = [
        f"{name_of(sheet)}:{text.count(chr(10), 0, rule.start()) + 1} {rule[0]}"
        for rule in RULE.finditer(text)
        if speaks_of_sides(rule[1], rule[2])
    ]
    assert not wrong, "Use start and end:\n" + "\n".join(wrong)
