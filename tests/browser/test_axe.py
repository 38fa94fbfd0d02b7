"""Nothing on any page is a barrier: axe's rules, no scrolling to the side, all reached by Tab with a visible ring."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser import portal as portals
from tests.browser.people import Somebody, sign_in, visit
from tests.browser.portal import Portal
from tests.browser.tour.stops import ADA, ADMINISTRATOR, BEN, OSEI, STAFF, STOPS, VISITOR

pytestmark = [pytest.mark.browser, pytest.mark.long]
STARTS = {VISITOR: "/account/login/", ADA: "/", BEN: "/", OSEI: "/clinic/", STAFF: "/admin/", ADMINISTRATOR: "/admin/"}
# What is no page, or ends the visit.
NO_PAGE = re.compile(r"logout|\.ics$|\.csv$|/media/|/download/|^/static/|^/api/|^/jsi18n/")
AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
DESKTOP, NARROW = {"width": 1280, "height": 860}, {"width": 320, "height": 640}
LOOKS: dict[str, dict[str, str]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "dark, more contrast": {"color_scheme": "dark", "contrast": "more"},
    "forced colours": {"forced_colors": "active"},
}
# Forced colours are the system's, and axe reads ours.
OPTIONS = {"forced colours": {"rules": {"color-contrast": {"enabled": False}}}}
USUAL = {"color_scheme": "light", "forced_colors": "none", "contrast": "no-preference", "reduced_motion": "reduce"}
MOST_PAGES, PAUSED = 120, 503


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """With something on every page: what the tour is taken of."""
    started = portals.start(tmp_path_factory.mktemp("axe") / "data", begin="tour.scene.prepared")
    yield started
    portals.stop(started)


@pytest.fixture
def people(browser: Browser, portal: Portal) -> Iterator[Callable[[str], Somebody]]:
    """Everybody keeps one window; the visitor is not signed in."""
    known: dict[str, Somebody] = {}

    def somebody(email: str) -> Somebody:
        if email not in known:
            known[email] = sign_in(browser, portal, email) if email else visit(browser, portal)
        return known[email]

    yield somebody
    for one in known.values():
        one.context.close()


def faults_of(page: Page) -> Iterator[str]:
    """Say what is wrong with a page as it stands: wide and narrow, light and dark, and in forced colours."""
    for size in (DESKTOP, NARROW):
        page.set_viewport_size(size)
        for look, media in LOOKS.items():
            page.emulate_media(**(USUAL | media))  # type: ignore[arg-type]
            for violation in Axe().run(page, options=OPTIONS.get(look)).response["violations"]:
                where = violation["nodes"][0]
                yield f"{size['width']} px, {look}: {violation['id']}, {where['target']} {where['html'][:160]}"
        page.emulate_media(**USUAL)  # type: ignore[arg-type]
        if (wide := page.evaluate("document.scrollingElement.scrollWidth - innerWidth")) > 0:
            yield f"{size['width']} px: {wide} px too wide"
    page.set_viewport_size(DESKTOP)


def kind_of(address: str) -> str:
    """One page per kind: ids and what is asked for do not make a new one."""
    return AN_ID.sub("_", urlparse(address).path)


def links_on(page: Page, portal: Portal) -> Iterator[str]:
    for address in page.eval_on_selector_all("a[href]", "links => links.map((link) => link.href)"):
        path = urlparse(address).path
        if address.startswith(portal.url) and not NO_PAGE.search(path):
            yield address.split("#")[0].removeprefix(portal.url)


@pytest.mark.parametrize("email", STARTS)
def test_every_page_that_links_lead_to_is_without_barriers(
    email: str, people: Callable[[str], Somebody], portal: Portal
) -> None:
    person, waiting, seen, told = people(email), [STARTS[email]], set[str](), list[str]()
    while waiting:
        address = waiting.pop(0)
        if kind_of(address) in seen:
            continue
        seen.add(kind_of(address))
        assert len(seen) <= MOST_PAGES, "more kinds of pages than there can be: addresses that kind_of() tells apart?"
        assert person.opens(address) in (200, PAUSED), address
        told += [f"{address}: {fault}" for fault in faults_of(person.page)]
        waiting += links_on(person.page, portal)
    print(f"{email or 'visitor'}: {len(seen)} pages")
    assert not told, "\n" + "\n".join(told)


def test_every_state_of_the_tour_is_without_barriers(people: Callable[[str], Somebody], portal: Portal) -> None:
    """The waiting room, the call, forms with faults, refusals: what no link leads to."""
    told = []
    for stop in STOPS:
        page = people(stop.person).page
        if stop.address:
            page.goto(portal.url + stop.address.format(**portal.made))
        if stop.does:
            stop.does(people)
        if stop.does or stop.name == "patient-refused":
            told += [f"{stop.name}: {fault}" for fault in faults_of(page)]
    assert not told, "\n" + "\n".join(told)


EMPTY = ["/recordings/", "/consultations/", "/", "/account/consents/", "/book/"]
FAULTY = {
    ADA: ["/account/", "/account/needs/", "/account/password/change/", "/account/notices/"],
    OSEI: ["/clinic/consultations/timeoff/add/", "/clinic/consultations/availability/add/"],
    ADMINISTRATOR: [
        "/admin/patients/patient/add/",
        "/admin/patients/clinician/add/",
        "/admin/patients/patient/import/",
    ],
}


@pytest.mark.parametrize("email", FAULTY)
def test_forms_with_faults_are_without_barriers(email: str, people: Callable[[str], Somebody]) -> None:
    person, told = people(email), []
    for address in FAULTY[email]:
        person.opens(address)
        # What the browser would ask for first is not asked for: the server answers.
        with person.page.expect_navigation():
            person.page.evaluate("""() => {
              const form = document.querySelector("main form, #content form");
              for (const field of form.elements) if (field.type !== "hidden" && "value" in field) field.value = "";
              form.noValidate = true;
              form.requestSubmit();
            }""")
        told += [f"{address}: {fault}" for fault in faults_of(person.page)]
    assert not told, "\n" + "\n".join(told)


def test_empty_pages_are_without_barriers(people: Callable[[str], Somebody], portal: Portal) -> None:
    portal.scene("scenes.newcomer")
    newcomer = people("new@demo.test")
    told = []
    for address in EMPTY:
        assert newcomer.opens(address) == 200
        told += [f"{address}: {fault}" for fault in faults_of(newcomer.page)]
    assert not told, "\n" + "\n".join(told)


# Where the focus is, and whether a ring is drawn around it or what covers it.
FOCUS = """() => {
  const here = document.activeElement;
  if (!here || here === document.body) return null;
  const style = (part) => getComputedStyle(here, part);
  const isRing = (one) => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) >= 2;
  // The parts of a player or a date are the browser's own, and so are their rings.
  const isPart = "reached" in here.dataset;
  const rings = isPart || [style(null), style("::after")].some(isRing);
  here.dataset.reached = "";
  const box = here.getBoundingClientRect();
  const name = here.outerHTML.slice(0, 120);
  return { name, rings, isSeen: box.width > 0 && box.height > 0, isMain: here.id === "main" };
}"""
NOT_REACHED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((one) => !("reached" in one.dataset) && !one.disabled && one.type !== "hidden" && one.tabIndex >= 0)
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[inert]"))
  .filter((one) => one.type !== "radio" || !document.querySelector(`[name="${one.name}"][data-reached]`))
  .map((one) => one.outerHTML.slice(0, 120))"""
MAIN_PAGES = [
    (ADA, "/"), (ADA, "/book/"), (ADA, "/recordings/{recording}/"), (ADA, "/recordings/{recording}/sharing/"),
    (OSEI, "/clinic/"), (OSEI, "/clinic/consultations/consultation/{late}/change/"), (OSEI, "/clinic/week/"),
    (STAFF, "/admin/"), (STAFF, "/admin/patients/patient/"), (ADMINISTRATOR, "/admin/patients/patient/add/"),
]  # fmt: skip


@pytest.mark.parametrize(("email", "address"), MAIN_PAGES)
def test_everything_is_reached_by_tab_with_a_visible_ring(
    email: str, address: str, people: Callable[[str], Somebody], portal: Portal
) -> None:
    person = people(email)
    person.opens(address.format(**portal.made))
    # What renews itself would take its marks along.
    person.page.route("**/*", lambda route: route.abort())
    told = []
    for _ in range(400):
        person.page.keyboard.press("Tab")
        if (focus := person.page.evaluate(FOCUS)) is None:
            break
        if not focus["rings"] or not focus["isSeen"]:
            told.append(f"no ring around {focus['name']}")
    told += [f"not reached: {name}" for name in person.page.evaluate(NOT_REACHED)]
    person.page.unroute("**/*")
    assert not told, "\n" + "\n".join(told)
