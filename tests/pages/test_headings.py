"""Pages are sound for whoever hears them: one main heading, no level skipped, names for everything one can fill in."""

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from tests.pages.every import Page
from tests.pages.test_words import EMPTY

pytestmark = pytest.mark.django_db
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
CONTROLS = {"input", "select", "textarea"}
NAMED_BY_THEMSELVES = {"hidden", "submit", "button", "reset", "image"}
TALKS = {"aria-label", "aria-labelledby", "title"}


class Outline(HTMLParser):
    """Notes what the tests ask: `all` is every element in order, `links` what leads somewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str]]] = []
        self.inside: list[str] = []
        self.labelled: set[str] = set()
        self.unnamed: list[str] = []
        self.wrapped: list[dict[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        self.all.append((tag, facts))
        if "label" in self.inside:
            self.labelled.add(facts.get("id", str(len(self.all) - 1)))
        if tag == "label":
            self.labelled.add(facts.get("for", ""))
        if tag not in EMPTY:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            del self.inside[len(self.inside) - 1 - self.inside[::-1].index(tag) :]

    def of(self, tag: str) -> list[dict[str, str]]:
        return [facts for name, facts in self.all if name == tag]


def faults_of(html: str) -> Iterator[str]:
    page = Outline(html)
    levels = [int(tag[1]) for tag, _ in page.all if tag in HEADINGS]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} h1"
    yield from (f"h{now} after h{before}" for before, now in zip(levels, levels[1:], strict=False) if now > before + 1)
    if levels and levels[0] != 1:
        yield f"begins with h{levels[0]}"
    mains = len(page.of("main")) + sum(facts.get("role") == "main" for _, facts in page.all)
    if mains != 1:
        yield f"{mains} main"
    ids = Counter(facts["id"] for _, facts in page.all if "id" in facts)
    yield from (f"id {name} {times} times" for name, times in ids.items() if times > 1)
    links = page.of("a")
    first = links[0].get("href", "") if links else ""
    if not (first.startswith("#") and first[1:] in ids):
        yield f"the first link leads to {first or 'nothing'}, not to the content"
    (root,) = page.of("html")
    if (root.get("lang"), root.get("dir")) != ("ar", "rtl"):
        yield f"lang {root.get('lang')}, dir {root.get('dir')} in Arabic"
    yield from _nameless(page)


def _nameless(page: Outline) -> Iterator[str]:
    for number, (tag, facts) in enumerate(page.all):
        if tag not in CONTROLS or facts.get("type", "") in NAMED_BY_THEMSELVES or "hidden" in facts:
            continue
        if facts.get("id", str(number)) not in page.labelled and not any(facts.get(name) for name in TALKS):
            yield f"{tag} {facts.get('name', '')} has no label"


def test_every_page_is_sound(pages: list[Page]) -> None:
    told = [f"{page}: {fault}" for page in pages if page.is_whole for fault in faults_of(page.html)]
    assert not told, "\n" + "\n".join(told)
