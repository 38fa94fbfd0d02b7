"""docs/tour.md says what its stops say, and each has its sheet."""

from tests.browser.tour.page import written
from tests.browser.tour.stops import STOPS
from tests.test_architecture import ROOT

PICTURES = ROOT / "docs/images/tour"
MOST_BYTES, MOST_BYTES_IN_ALL = 150_000, 6_000_000


def test_the_page_is_what_its_stops_say() -> None:
    assert (ROOT / "docs/tour.md").read_text() == written(), "Run `python -m tests.browser.tour`."


def test_every_stop_has_its_sheet_and_none_is_left_over_or_heavy() -> None:
    sizes = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert set(sizes) == {stop.picture for stop in STOPS}
    assert max(sizes.values()) <= MOST_BYTES
    assert sum(sizes.values()) <= MOST_BYTES_IN_ALL
