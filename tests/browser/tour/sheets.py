"""Takes a page as phone and desktop, light and dark, and lays the four out on one sheet, by Chromium itself."""

import base64
from html import escape

from playwright.sync_api import Browser, Page

DESKTOP, PHONE = (1280, 832), (390, 812)
SCHEMES = ("light", "dark")
LABELS = {DESKTOP: "Desktop", PHONE: "Phone"}
QUALITY, SCALE = 72, 1.25
STYLE = """
body { margin: 0; padding: 20px; width: max-content; background: #e7ecea; font: 600 14px system-ui, sans-serif; }
main { display: grid; grid-template-columns: 768px 240px; gap: 18px 20px; }
figure { margin: 0; } figcaption { color: #3b4d53; margin-bottom: 6px; }
img { display: block; width: 100%; border-radius: 8px; box-shadow: 0 1px 5px rgb(0 0 0 / .3); }
"""
SETTLED = "() => document.fonts.ready.then(() => !document.querySelector('.htmx-request, [hx-trigger=load]'))"


def shots_of(page: Page) -> list[tuple[str, bytes]]:
    """Return label and PNG of each size and scheme; leave the page on a light desktop."""
    shots = []
    page.wait_for_function(SETTLED)
    for scheme in SCHEMES:
        for size, label in LABELS.items():
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.evaluate("() => { scrollTo(0, 0); return new Promise(requestAnimationFrame); }")
            shots.append((f"{label}, {scheme}", page.screenshot()))
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    return shots


def sheet_of(browser: Browser, shots: list[tuple[str, bytes]]) -> bytes:
    """Return the sheet as WebP, which Chromium writes and Playwright does not."""
    figures = [
        f"<figure><figcaption>{escape(label)}</figcaption><img src='data:image/png;base64,"
        f"{base64.b64encode(shot).decode()}'></figure>"
        for label, shot in shots
    ]
    context = browser.new_context(device_scale_factor=SCALE, viewport={"width": 1100, "height": 1120})
    page = context.new_page()
    page.set_content(f"<style>{STYLE}</style><main>{''.join(figures)}</main>", wait_until="load")
    box = page.locator("body").bounding_box()
    assert box
    clip = {key: box[key] for key in ("x", "y", "width", "height")} | {"scale": 1}
    session = context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY, "clip": clip})
    context.close()
    return base64.b64decode(taken["data"])
