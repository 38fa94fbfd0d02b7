"""Everything a page says passes through gettext: in a language that puts marks around what it translates, no word of
ours stands outside of them."""

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from zoneinfo import available_timezones

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils.translation import trans_real

from consultations.wordings import FIRST
from tests.pages.conftest import ASKED, CLOSE, OPEN
from tests.pages.every import Page
from tests.pages.test_weight import LINKED, own_file, with_imports
from tests.test_architecture import name_of, templates

pytestmark = pytest.mark.django_db
# Attributes that people read or hear.
SPOKEN = {"alt", "aria-label", "aria-description", "data-announce", "placeholder", "title"}
# Not said to people, or a machine's own word: an id, a code of the ledger.
SILENT = {"script", "style", "code"}
EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
WORD = re.compile(r"[^\W\d_]{2,}")
# What is nobody's sentence, and so no text of ours.
DATA = re.compile(
    "|".join((
    r"[\w.-]+@cast\.test",  # addresses
    r"(Dr )?zq\w+zq( Lovell| Osei| Lind| came back)?",  # names and words of people
    r"Robin Vale|Ari Admin|share-holder|share-ran-out|Z[LO]",  # names, initials
    r"General practice|CAST-[0-9a-f]{10}",  # specialities and registration numbers are registered as people write them
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{64}\b",  # ids and digests
    r"\bTrue\b|\bFalse\b",  # Django gives its icons Python's words
    ))
)  # fmt: skip
# Zones have the names of the IANA database everywhere, languages their own; a wording is shown as it was agreed to.
ZONES, LANGUAGES = {name.replace("_", " ") for name in available_timezones()}, dict(settings.LANGUAGES)
WHOLE = ZONES | set(LANGUAGES.values()) | {FIRST.text}


class Texts(HTMLParser):
    """Collects what people read. A translation may hold markup, so it may begin and end in different texts."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.depth = 0
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self.inside.append(tag)
        self.found += [outside(value or "")[0] for name, value in attrs if name in SPOKEN]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            del self.inside[len(self.inside) - 1 - self.inside[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not SILENT & set(self.inside[-1:]):
            text, self.depth = outside(data, self.depth)
            self.found.append(text)


def outside(text: str, depth: int = 0) -> tuple[str, int]:
    """Return what no translation holds, and how many are open at the end; translations may stand in translations."""
    kept = []
    for character in text:
        depth += (character == OPEN) - (character == CLOSE)
        if depth == 0 and character != CLOSE:
            kept.append(character)
    return "".join(kept), depth


def untranslated(html: str) -> Iterable[str]:
    texts = Texts()
    texts.feed(html)
    assert texts.depth == 0
    for text in texts.found:
        rest = " ".join(DATA.sub("", text).split())
        if rest not in WHOLE and WORD.search(rest):
            yield rest


NOT_TEXT = re.compile(r"{#.*?#}|{% comment .*?{% endcomment %}|{% block body_?class %}.*?{% endblock %}", re.S)
SAID = re.compile(r"{% blocktrans(?:late)?\b.*?{% endblocktrans(?:late)? %}|{%.*?%}|{{.*?}}", re.S)


def test_no_template_holds_a_word_outside_of_a_translation() -> None:
    """Whatever the data are: pages have branches that no world of tests comes to."""
    left = {name_of(path): SAID.sub("", NOT_TEXT.sub("", path.read_text())) for path in templates()}
    told = [f"{text!r} in {name}" for name, html in left.items() for text in untranslated(html)]
    assert not told, "These words do not pass through gettext:\n" + "\n".join(told)


def test_no_page_says_a_word_that_cannot_be_translated(pages: list[Page]) -> None:
    found: dict[str, Page] = {}
    for page in pages:
        for text in untranslated(page.html):
            found.setdefault(text, page)
    told = [f"{text!r} on {page}" for text, page in found.items()]
    assert not told, "These words do not pass through gettext:\n" + "\n".join(told)


def test_every_sentence_of_a_page_is_in_every_language(pages: list[Page]) -> None:
    for code in LANGUAGES.keys() - {settings.LANGUAGE_CODE}:
        catalogue = trans_real.translation(code)._catalog
        missing = [said for said in sorted(ASKED) if said and said not in catalogue and (said, 0) not in catalogue]
        assert missing == [], f"python manage.py makemessages --locale {code}, and translate them"


def test_scripts_that_speak_come_after_the_catalogue(pages: list[Page]) -> None:
    """tests/js/translated.test.js says that their sentences pass through it."""
    speaking = set()
    for page in pages:
        addresses = LINKED.findall(page.html)
        for address in addresses:
            if any(name.endswith("/words.js") for name in with_imports(own_file(address) or "js/portal.js")):
                speaking.add(page.door)
                assert reverse("javascript-catalog") in addresses[: addresses.index(address)], f"{address} on {page}"
    assert len(speaking) == 3
