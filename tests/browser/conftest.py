"""A started portal and a real browser for every story."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser import portal as portals
from tests.browser.people import AUTOPLAY, CHROMIUM, FLAGS, Somebody, sign_in

FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, AUTOPLAY])
    yield launched
    launched.close()


@pytest.fixture
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Take a measured figure; all of them are printed at the end of the run, green or not."""
    return pytestconfig.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if figures := config.stash.get(FIGURES, []):
        terminalreporter.section("measured in browsers")
        for figure in figures:
            terminalreporter.write_line(figure)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[portals.Portal]:
    started = portals.start(tmp_path / "data")
    yield started
    portals.stop(started)


@pytest.fixture
def enter(browser: Browser, portal: portals.Portal) -> Iterator[Callable[[str], Somebody]]:
    """Sign somebody in by their email address; everybody must leave without a complaint of the page."""
    entered: list[Somebody] = []

    def enter_as(email: str) -> Somebody:
        entered.append(sign_in(browser, portal, email))
        return entered[-1]

    yield enter_as
    for somebody in entered:
        somebody.context.close()
        assert somebody.problems == []
