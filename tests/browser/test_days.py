"""A day on each surface, told from its beginning to its end: a patient's, a clinician's, and staff's."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser import portal as portals
from tests.browser import story
from tests.browser.people import Somebody
from tests.browser.portal import Portal
from tests.browser.scenes import ADA, ADMINISTRATOR, BEN, CLEO, HADDAD, LIND, OSEI, STAFF

pytestmark = [pytest.mark.browser, pytest.mark.long]
Enter = Callable[[str], Somebody]
SEEN_BY_CLEO = re.compile(r"Cleo Marsh.*(opened it|watched)", re.S)
A_TIME = re.compile(r"^\d\d:\d\d")
SOME_SECONDS = "() => /REC \\d\\d:(0[3-9]|[1-5]\\d)/.test(document.body.innerText)"
NOTE = "Assessment:\nYour asthma is well controlled.\n\nPlan:\nGo on with the same inhaler."
HEADING = "name,email,date_of_birth,nhs_number,communication_needs,clinicians\n"
WITH_A_FAULT = HEADING + "Dee Larch,dee@demo.test,31/02/1980,,,\nEli Moss,eli@demo.test,12/05/1974,,Larger text,\n"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One for all days, which are about different consultations."""
    started = portals.start(tmp_path_factory.mktemp("days") / "data", begin="scenes.three_days")
    yield started
    portals.stop(started)


def test_a_patient_books_talks_watches_shares_and_questions_who_looked(enter: Enter, portal: Portal) -> None:
    ben, lind, cleo = enter(BEN), enter(LIND), enter(CLEO)
    books_the_first_free_time(ben, with_whom="Dr Karin Lind")
    story.begin(ben, lind, consultation=held_with(ben, "Dr Karin Lind"))
    lind.page.wait_for_function(SOME_SECONDS, timeout=30_000)
    story.ends(lind)
    replay = story.replay_ready(ben)
    ben.press("Watch the replay")
    watches(ben)
    ben.press("Share it with somebody")
    ben.fills("Their name", "Cleo Marsh")
    ben.fills("Their email address", CLEO)
    ben.fills("What for", "To hear what you think")
    ben.fills("Until the end of", (timezone.localdate() + timedelta(days=3)).isoformat())
    ben.press("Share")
    ben.sees("Shared. They get an email with the way in.")
    cleo.opens("/recordings/")
    cleo.page.get_by_role("listitem").filter(has_text="Shared with you until").get_by_role("link").click()
    watches(cleo)
    ben.press("End it – Cleo Marsh")
    ben.sees("Ended. They cannot watch it any more.")
    assert cleo.opens(replay) == 404
    ben.opens(f"{replay}access/")
    row = ben.page.get_by_role("listitem").filter(has_text=SEEN_BY_CLEO).first
    row.get_by_role("button", name="I don’t recognise this").click()
    ben.sees("Staff have been told and look into it.")
    expect(row).to_contain_text("Staff are looking into it.")

    facts = portal.scene("scenes.facts")
    mine = facts["ledger"][BEN]
    assert [line for line in mine if line.split()[0] in {"shared", "unshared", "reported"}] == [
        "shared", "unshared withdrawn", "reported",
    ]  # fmt: skip
    assert "granted booked" in mine and "refused stranger" in facts["ledger"][CLEO]
    assert {"booked", "replay_ready", "new_viewer"} <= set(facts["notices"][BEN])
    assert "shared" in facts["notices"][CLEO] and "taken" in facts["notices"][LIND]
    assert facts["shares"] == [["Cleo Marsh", False]]
    assert [BEN, "", ""] in facts["reports"]
    assert [BEN, LIND, "completed"] in facts["consultations"] and [BEN, LIND, "planned"] in facts["consultations"]


def books_the_first_free_time(patient: Somebody, *, with_whom: str) -> None:
    patient.opens("/")
    patient.press("Book another consultation")
    patient.page.get_by_role("link", name=with_whom).click()
    patient.page.get_by_role("link", name=A_TIME).first.click()
    patient.fills("What is it about?", "Palpitations at night")
    patient.page.get_by_label("By voice and video").check()
    patient.press("Book this consultation")
    expect(patient.page.get_by_role("heading", level=1)).to_have_text("Your consultation is booked")
    patient.press("See details")
    patient.sees("Palpitations at night")


def watches(person: Somebody) -> None:
    """Play the first second; the portal hears of it."""
    person.page.wait_for_url("**/recordings/*/")
    player = person.page.locator("video, audio")
    player.evaluate("player => { player.muted = true; return player.play(); }")
    person.page.wait_for_function("() => document.querySelector('video, audio').currentTime > 1", timeout=20_000)


def test_a_clinician_has_a_morning_with_three_patients(enter: Enter, portal: Portal) -> None:
    osei, ada, ben = enter(OSEI), enter(ADA), enter(BEN)
    osei.opens("/clinic/")
    names = osei.page.locator("#today").get_by_role("link", name=re.compile("^(Ada|Ben|Cleo) [A-Z][a-z]+$"))
    expect(names).to_have_text(["Cleo Marsh", "Ben Carrow", "Ada Lovell"])

    waits(ada)
    talks(osei, ada)
    osei.opens("/clinic/")
    osei.press("Send a message to Ben Carrow")
    osei.fills("Your message", "I am here. Come in when you can.")
    osei.press("Send")
    osei.sees("You wrote at")
    waits(ben, "I am here. Come in when you can.", consultation=held_with(ben, "Dr Samuel Osei"))
    talks(osei, ben)
    osei.opens("/clinic/")
    osei.press("Did not come – Cleo Marsh")
    osei.press("They came after all – Cleo Marsh")
    osei.press("Did not come – Cleo Marsh")
    expect(osei.page.get_by_role("button", name="They came after all – Cleo Marsh")).to_be_visible()

    osei.press("Ada Lovell")
    osei.press("Write, sign or share the note")
    osei.fills("Note", NOTE)
    osei.press("Sign the note")
    osei.page.get_by_text("Share with the patient").click()
    osei.press("Yes, share it")
    osei.sees("the patient can read it since")
    osei.press("Recording and details")
    osei.press("Book the next appointment")
    osei.press("In two weeks")
    expect(osei.page.get_by_role("link", name="In two weeks")).to_have_attribute("aria-current", "true")
    when = osei.page.get_by_label("When")
    chosen = when.locator("option").first.inner_text()
    osei.press("Book it")
    osei.sees("Booked:")
    ada.opens("/")
    ada.press("Read the note from Dr Samuel Osei")
    ada.sees("Go on with the same inhaler.")
    ada.sees(re.search(r"\d+ \w+", chosen)[0])

    facts = portal.scene("scenes.facts")
    with_osei = sorted(one[0::2] for one in facts["consultations"] if one[1] == OSEI)
    assert with_osei == [
        [ADA, "completed"], [ADA, "planned"], [BEN, "completed"], [CLEO, "completed"], [CLEO, "no_show"],
    ]  # fmt: skip
    assert facts["changes"][OSEI] == ["missed", "expected", "missed"]
    assert {"signed", "shared"} <= {line.split()[0] for line in facts["ledger"][OSEI]}
    assert {"note_shared", "booked"} <= set(facts["notices"][ADA])


def held_with(patient: Somebody, clinician: str) -> str:
    patient.opens("/consultations/")
    link = patient.page.get_by_role("listitem").filter(has_text=clinician).get_by_role("link").first
    return str(link.get_attribute("href")).split("/")[2]


def waits(patient: Somebody, told: str = "", *, consultation: str = "") -> None:
    story.enters_call(patient, consultation or story.consultation_of(patient), allows=False)
    if told:
        patient.sees(told)


def talks(clinician: Somebody, patient: Somebody) -> None:
    """Admit whoever waits from the list of today, which shows them by itself; talk, and end."""
    clinician.opens("/clinic/")
    name = patient.page.evaluate("JSON.parse(document.getElementById('call-config').textContent).me.name")
    clinician.press(f"Admit {name}")
    clinician.press("Join consultation")
    for person in (patient, clinician):
        person.page.get_by_role("button", name="Mute").wait_for(state="visible", timeout=30_000)
    story.ends(clinician)
    patient.sees("This consultation was not recorded.")


def test_staff_import_people_move_a_consultation_try_again_and_answer(enter: Enter, portal: Portal) -> None:
    alex, robin, cleo = enter(ADMINISTRATOR), enter(STAFF), enter(CLEO)
    imports(alex)
    moves(robin, of="Cleo Marsh", to=timezone.now() + timedelta(days=3))
    cleo.opens("/consultations/")
    cleo.page.get_by_role("listitem").filter(has_text="Skin check").get_by_role("link").first.click()
    cleo.sees("The clinic has no power in the morning.")
    tries_again(alex)
    answers(alex)
    cleo.opens("/recordings/")
    cleo.page.get_by_role("link", name="Asthma review").click()
    cleo.press("See everything that happened with it")
    cleo.sees("It was in order.")
    cleo.sees("Your clinician looked something up before the next appointment.")

    facts = portal.scene("scenes.facts")
    assert {"dee@demo.test", "eli@demo.test"} <= set(facts["people"])
    assert facts["changes"][STAFF] == ["moved"]
    assert "moved" in facts["notices"][CLEO] and "moved" in facts["notices"][HADDAD]
    lines = facts["ledger"][ADMINISTRATOR]
    assert [line for line in lines if line.split()[0] == "registered"] == ["registered"] * 2
    assert {"retried outage", "handled in_order"} <= set(lines)
    assert ["given_up", "ready"] in facts["jobs"]
    assert [CLEO, "in_order", "Your clinician looked something up before the next appointment."] in facts["reports"]


def imports(administrator: Somebody) -> None:
    administrator.opens("/admin/")
    administrator.press("Patients")
    administrator.press("Import from a file")
    for content in (WITH_A_FAULT, WITH_A_FAULT.replace("31/02", "28/02")):
        file = {"name": "people.csv", "mimeType": "text/csv", "buffer": content.encode()}
        administrator.page.get_by_label("The file").set_input_files(file)
        administrator.press("Check the file")
        if content is WITH_A_FAULT:
            fault = administrator.page.get_by_role("row").filter(has_text="date_of_birth")
            expect(fault).to_have_text(re.compile(r"2\s*date_of_birth\s*This is not a date"))
            administrator.sees("Nobody was registered.")
    administrator.sees("This file holds 2 people, and nothing in it is wrong")
    administrator.press("Import 2 people")
    expect(administrator.page.get_by_role("link", name="Dee Larch")).to_be_visible()


def moves(receptionist: Somebody, *, of: str, to: datetime) -> None:
    receptionist.opens("/admin/consultations/consultation/?status__exact=planned")
    row = receptionist.page.get_by_role("row").filter(has_text=of).filter(has_text="Haddad")
    row.get_by_role("link").first.click()
    receptionist.press("Move")
    receptionist.page.get_by_role("heading", name="Another time, outside of what is free").click()
    receptionist.fills("New start", to.strftime("%Y-%m-%dT10:07"))
    receptionist.fills("Why", "The clinic has no power in the morning.")
    receptionist.press("Move the consultation")
    receptionist.sees("Moved.")


def tries_again(administrator: Somebody) -> None:
    administrator.opens("/admin/")
    administrator.press("Recordings that could not be prepared")
    administrator.page.locator("#result_list tbody").get_by_role("link").first.click()
    administrator.press("Try again")
    administrator.press("Try again")
    administrator.sees("This field is required.")
    administrator.page.get_by_label("What it needed was out of order and works again").check()
    administrator.press("Try again")
    administrator.sees("It is in the queue again.")
    administrator.opens("/admin/")
    for work in ("Recordings that could not be prepared", "Being prepared"):
        row = administrator.page.get_by_role("listitem").filter(has_text=work)
        expect(row).to_have_text(f"{work}0", timeout=60_000)


def answers(administrator: Somebody) -> None:
    administrator.opens("/admin/")
    administrator.press("Accesses that somebody does not recognise")
    row = administrator.page.get_by_role("row").filter(has_text=OSEI)
    row.get_by_role("link").first.click()
    administrator.page.get_by_label("It was in order.").check()
    administrator.fills("What was found and done", "Your clinician looked something up before the next appointment.")
    administrator.press("Save")
    administrator.sees("was changed successfully")
