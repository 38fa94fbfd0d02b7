"""Walks through a started portal with the demo's people and takes every stop."""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import portal as portals
from tests.browser.people import AUTOPLAY, CHROMIUM, FLAGS, Somebody, sign_in, visit
from tests.browser.portal import ROOT, Portal
from tests.browser.tour.page import written
from tests.browser.tour.sheets import sheet_of, shots_of
from tests.browser.tour.stops import STOPS, Stop

PICTURES = ROOT / "docs" / "images" / "tour"


class Tour:
    """Everybody keeps one window open all the way."""

    def __init__(self, browser: Browser, portal: Portal) -> None:
        self.browser, self.portal = browser, portal
        self.people: dict[str, Somebody] = {}

    def somebody(self, email: str) -> Somebody:
        if email not in self.people:
            enter = sign_in if email else visit
            self.people[email] = enter(self.browser, self.portal, email, portrait=True)
        return self.people[email]

    def take(self, stop: Stop, *, wanted: bool) -> None:
        person = self.somebody(stop.person)
        if stop.address:
            person.opens(stop.address.format(**self.portal.made))
        if stop.does:
            stop.does(self.somebody)
        if wanted:
            sheet = sheet_of(self.browser, shots_of(person.page))
            (PICTURES / stop.picture).write_bytes(sheet)
            print(f"{stop.picture} {len(sheet) // 1000} kB", flush=True)


def take_all(names: set[str]) -> None:
    """Take the stops of these names, all without any, and write the page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        portal = portals.start(Path(folder) / "data", begin="tour.scene.prepared")
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, AUTOPLAY])
            tour = Tour(browser, portal)
            for stop in STOPS:
                tour.take(stop, wanted=not names or stop.name in names)
            browser.close()
        finally:
            portals.stop(portal)
    (ROOT / "docs" / "tour.md").write_text(written())
