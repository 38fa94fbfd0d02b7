"""What pages say can be read at eleven: by the measure of Flesch and Kincaid, after six years of school.

Source: Kincaid et al., "Derivation of new readability formulas", Naval Technical Training Command, 1975. Syllables are
counted as groups of vowels, which is near enough for a whole surface.
"""

import re
from collections.abc import Iterable

import pytest

from tests.pages.conftest import CLOSE, OPEN
from tests.pages.every import PEOPLE, Page

pytestmark = pytest.mark.django_db
MOST_YEARS = 6
# Of a page of at least so many words: few sentences measure less exactly, and some are Django's and allauth's own.
MOST_YEARS_OF_A_PAGE, A_PAGE = 8, 40
SAID = re.compile(f"{OPEN}(.*?){CLOSE}", re.DOTALL)
SENTENCE_ENDS = re.compile(r"[.!?:;](?:\s|$)")
# What is shorter is a name or a label, which would make every page look simpler than what it explains.
FEWEST_WORDS = 5


def syllables(word: str) -> int:
    groups = len(re.findall("[aeiouy]+", word.lower()))
    is_silent = word.lower().endswith("e") and not word.lower().endswith("le")
    return max(1, groups - is_silent)


def sentences_of(texts: Iterable[str]) -> list[list[str]]:
    sentences = [re.findall(r"[A-Za-z’']+", part) for text in texts for part in SENTENCE_ENDS.split(text)]
    return [words for words in sentences if len(words) >= FEWEST_WORDS]


def years_of_school(texts: Iterable[str]) -> float:
    sentences = sentences_of(texts)
    words = [word for sentence in sentences for word in sentence]
    per_sentence, per_word = len(words) / len(sentences), sum(map(syllables, words)) / len(words)
    return 0.39 * per_sentence + 11.8 * per_word - 15.59


@pytest.mark.parametrize("person", PEOPLE)
def test_what_somebody_reads_is_plain(person: str, pages: list[Page]) -> None:
    texts = {text for page in pages if page.person == person for text in SAID.findall(page.html)}
    assert len(texts) > 20
    years = years_of_school(texts)
    print(f"{person}: {years:.1f} years of school")
    assert years <= MOST_YEARS


def test_no_page_hides_behind_the_others(pages: list[Page]) -> None:
    said = [(page, set(SAID.findall(page.html))) for page in pages]
    judged = [(page, years_of_school(texts)) for page, texts in said if sum(map(len, sentences_of(texts))) >= A_PAGE]
    assert len(judged) > 100
    assert [f"{page}: {years:.1f} years of school" for page, years in judged if years > MOST_YEARS_OF_A_PAGE] == []


def test_what_is_not_plain_is_measured_as_such() -> None:
    assert years_of_school(["The cat sat on the mat. It was a warm day."]) < 1
    assert (
        years_of_school(["Utilisation of this facility constitutes irrevocable acceptance of applicable regulations."])
        > 15
    )
