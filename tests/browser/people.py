"""People in browsers: one context each, with an own tone and an own colour."""

import json
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from telehealth.demo import BY_EMAIL
from tests.browser.portal import PASSWORD, Portal

CHROMIUM = "/usr/bin/chromium"
DEVICES = Path(__file__).with_name("fake_devices.js").read_text()
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
# One story runs without it: it hides a recorder whose AudioContext was never resumed.
AUTOPLAY = "--autoplay-policy=no-user-gesture-required"

DEVICES_ALLOWED = ["camera", "microphone"]


def colour_of(email: str) -> str:
    return "#{:02x}{:02x}{:02x}".format(*BY_EMAIL[email].colour)


@dataclass
class Somebody:
    """One signed-in person; `problems` collects what the browser's console complained about."""

    email: str
    context: BrowserContext
    page: Page
    portal: Portal
    problems: list[str]

    @property
    def tone_hz(self) -> int:
        return BY_EMAIL[self.email].tone_hz

    def press(self, name: str, *, within_s: float = 15) -> None:
        """Press what is called so. What stands in the name for those who hear it alone comes after a space."""
        button = self.page.get_by_role("button", name=name, exact=True).or_(
            self.page.get_by_role("link", name=name, exact=True)
        )
        button.first.click(timeout=within_s * 1000)

    def fills(self, label: str, value: str) -> None:
        self.page.get_by_label(label).and_(self.page.locator("input, textarea")).fill(value)

    def sees(self, text: str, *, within_s: float = 15) -> None:
        expect(self.page.get_by_text(text).locator("visible=true").first).to_be_visible(timeout=within_s * 1000)

    def opens(self, path: str) -> int:
        answer = self.page.goto(self.portal.url + path)
        return answer.status if answer else 0


def visit(browser: Browser, portal: Portal, email: str = "", *, portrait: bool = False) -> Somebody:
    """Open a window of somebody's own; nobody is signed in yet. `portrait`: their camera shows a head."""
    context = browser.new_context(permissions=DEVICES_ALLOWED, locale="en-GB")
    return visit_in(context, portal, email, portrait=portrait)


def visit_in(context: BrowserContext, portal: Portal, email: str, *, portrait: bool = False) -> Somebody:
    person = BY_EMAIL.get(email)
    if person:
        facts = {"hertz": person.tone_hz, "colour": colour_of(email), "portrait": portrait}
        context.add_init_script(f"window.__person = {json.dumps(facts)};")
        context.add_init_script(DEVICES)
    page = context.new_page()
    somebody = Somebody(email, context, page, portal, [])
    page.on("pageerror", lambda error: somebody.problems.append(str(error)))
    page.on("console", lambda m: somebody.problems.append(m.text) if "Content Security Policy" in m.text else None)
    return somebody


def sign_in(browser: Browser, portal: Portal, email: str, *, portrait: bool = False) -> Somebody:
    return signed_in(visit(browser, portal, email, portrait=portrait))


def sign_in_with(context: BrowserContext, portal: Portal, email: str) -> Somebody:
    return signed_in(visit_in(context, portal, email))


def signed_in(somebody: Somebody) -> Somebody:
    page, portal = somebody.page, somebody.portal
    page.goto(f"{portal.url}/account/login/")
    page.fill("input[name=login]", somebody.email)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    return somebody
