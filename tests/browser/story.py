"""What two people do in a consultation, step by step."""

from tests.browser.people import Somebody

CLINICIAN_OF = {"ada@demo.test": "dr.osei@demo.test", "ben@demo.test": "dr.lind@demo.test"}


def consultation_of(patient: Somebody) -> str:
    """Return the id of the consultation on this patient's home page that can be joined."""
    patient.opens("/")
    link = patient.page.get_by_role("link", name="Join consultation").first.get_attribute("href")
    assert link
    return link.split("/")[2]


def enters_call(person: Somebody, consultation: str, *, allows: bool = True) -> None:
    person.opens(f"/consultations/{consultation}/call/")
    person.press("Join consultation")
    person.press("Allow recording" if allows else "Do not record")


def begin(patient: Somebody, clinician: Somebody, *, patient_allows: bool = True, consultation: str = "") -> str:
    """Both join, answer, and the clinician admits; returns once both are in the room."""
    consultation = consultation or consultation_of(patient)
    enters_call(patient, consultation, allows=patient_allows)
    enters_call(clinician, consultation)
    name = patient.page.evaluate("JSON.parse(document.getElementById('call-config').textContent).me.name")
    clinician.press(f"Admit {name}")
    for person in (patient, clinician):
        person.page.get_by_role("button", name="Mute").wait_for(state="visible", timeout=15_000)
    return consultation


def switch_to_video(asker: Somebody, other: Somebody) -> float:
    """Return the seconds from accepting to the first new picture of the asker, by the clock of the other's page."""
    watch_for_a_picture(asker, other)
    asker.press("Turn on video")
    other.press("Accept video")
    sees_a_picture(asker)
    return sees_a_picture(other)


def watch_for_a_picture(*people: Somebody) -> None:
    for person in people:
        person.page.evaluate(WATCH_FOR_A_PICTURE)


def sees_a_picture(person: Somebody) -> float:
    """Return the seconds from watching, or from accepting video, to the first new picture of the other person."""
    took_ms = person.page.wait_for_function("() => window.__pictureTookMs", timeout=20_000).json_value()
    return float(took_ms) / 1000


def back_to_audio(person: Somebody, other: Somebody) -> None:
    person.press("Back to audio")
    for each in (person, other):
        each.page.get_by_role("button", name="Turn on video").wait_for(state="visible", timeout=15_000)


# A picture that arrived since the click (for the asker: since now). The tile still holds one of an earlier switch.
WATCH_FOR_A_PICTURE = """() => {
  window.__pictureTookMs = 0;
  let since = performance.now();
  const onAccept = ({ target }) => {
    if (target.closest('[data-part="accept"]')) since = performance.now();
  };
  document.addEventListener("click", onAccept, { capture: true });
  const video = document.querySelector('[data-part="other_picture"]');
  const look = (now, { receiveTime }) => {
    if (receiveTime > since && video.checkVisibility()) {
      document.removeEventListener("click", onAccept, { capture: true });
      window.__pictureTookMs = Math.max(1, now - since);
    } else video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}"""


def is_recording(person: Somebody, *, within_s: float = 20) -> None:
    person.page.wait_for_function("() => /REC \\d\\d:\\d\\d/.test(document.body.innerText)", timeout=within_s * 1000)


def ends(clinician: Somebody) -> None:
    clinician.press("End consultation")


def replay_ready(person: Somebody, *, within_s: float = 40) -> str:
    """Return the address of the replay once the page says that it is there."""
    link = person.page.get_by_role("link", name="Watch the replay").first
    link.wait_for(state="visible", timeout=within_s * 1000)
    return str(link.get_attribute("href"))


def media_of(person: Somebody, replay: str) -> bytes:
    """Fetch the whole replay as this person's browser would, range by range."""
    collected, length = b"", None
    while length is None or len(collected) < length:
        answer = person.context.request.get(
            f"{person.portal.url}{replay}media/", headers={"Range": f"bytes={len(collected)}-"}
        )
        assert answer.status == 206, answer.status
        length = int(answer.headers["content-range"].split("/")[1])
        body = answer.body()
        assert 0 < len(body) <= 2 * 1024 * 1024
        collected += body
    return collected
