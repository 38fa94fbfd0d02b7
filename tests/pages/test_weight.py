"""Pages are light: what a page other than the call's loads of our own style sheets and scripts stays small."""

import re
from functools import cache
from posixpath import dirname, join, normpath
from urllib.parse import urlparse

import pytest
from django.conf import settings

from tests.pages.every import CALL, Page
from tests.test_architecture import ROOT

pytestmark = pytest.mark.django_db
MOST_BYTES = 60_000  # not compressed
STATIC = ROOT / "static"
LINKED = re.compile(r"""<(?:link\b[^>]*\brel="stylesheet"[^>]*\bhref|script\b[^>]*\bsrc)="([^"]+)""")
IMPORTED = re.compile(r"""(?:^|[;\s])(?:import|export)\s[^"';()]*?["'](\.[^"']+)["']""")


def own_file(address: str) -> str:
    """Return the name below static/ of what we wrote ourselves; empty for htmx, Django's admin and other origins."""
    name = urlparse(address).path.removeprefix(settings.STATIC_URL)
    return name if (STATIC / name).is_file() else ""


@cache
def with_imports(name: str) -> frozenset[str]:
    """Return a script, all that it imports, and what they import; not what `import()` fetches when it is needed."""
    found, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        if one.endswith(".js"):
            paths = IMPORTED.findall((STATIC / one).read_text())
            waiting += [normpath(join(dirname(one), path)) for path in paths]
    return frozenset(found)


def loaded_by(page: Page) -> dict[str, int]:
    names = {name for address in LINKED.findall(page.html) if (own := own_file(address)) for name in with_imports(own)}
    return {name: (STATIC / name).stat().st_size for name in sorted(names)}


def test_no_page_but_the_calls_is_heavy(pages: list[Page]) -> None:
    loads = {str(page): loaded_by(page) for page in pages if page.is_whole and page.door != CALL}
    heaviest = max(loads, key=lambda name: sum(loads[name].values()))
    print(f"Heaviest: {heaviest}, {sum(loads[heaviest].values())} bytes")
    told = [
        f"{name}: {sum(sizes.values())} bytes, {sizes}"
        for name, sizes in loads.items()
        if sum(sizes.values()) > MOST_BYTES
    ]
    assert not told, f"More than {MOST_BYTES} bytes:\n" + "\n".join(told)


def test_a_script_weighs_what_it_imports() -> None:
    assert with_imports("js/replay/main.js") == {f"js/replay/{name}.js" for name in ("main", "timeline", "watching")}
