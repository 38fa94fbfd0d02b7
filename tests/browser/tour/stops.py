"""The pages of the tour, in the order in which a person meets them, and what is said about each."""

from tests.browser import story
from tests.browser.tour.more_stops import MORE
from tests.browser.tour.stop import ADA, ADMINISTRATOR, BEN, CLEO, OSEI, STAFF, VISITOR, People, Stop


def _waits(people: People) -> None:
    ada = people(ADA)
    ada.press("Join consultation")
    ada.page.get_by_role("button", name="Allow recording").wait_for()


def _is_admitted(people: People) -> None:
    ada, osei = people(ADA), people(OSEI)
    ada.press("Allow recording")
    osei.opens("/clinic/")
    osei.press("Admit Ada Lovell")
    osei.press("Join consultation")
    osei.press("Allow recording")
    story.is_recording(ada)


def _is_asked(people: People) -> None:
    story.watch_for_a_picture(people(ADA), people(OSEI))
    people(OSEI).press("Turn on video")
    people(ADA).page.get_by_role("button", name="Accept video").wait_for()


def _sees_video(people: People) -> None:
    ada = people(ADA)
    ada.press("Accept video")
    for person in (ada, people(OSEI)):
        story.sees_a_picture(person)


def _writes_a_note(people: People) -> None:
    osei = people(OSEI)
    osei.fills("Note", "Assessment:\nYour asthma is well controlled.\n\nPlan:\nGo on with the same inhaler.")
    osei.page.locator("#next-appointment form").wait_for()


def _ends(people: People) -> None:
    story.ends(people(OSEI))
    story.replay_ready(people(ADA))


def _plays(people: People) -> None:
    player = people(ADA).page.locator("video")
    player.evaluate("player => { player.muted = true; player.currentTime = 9; return player.play(); }")
    people(ADA).page.wait_for_function("() => document.querySelector('video').currentTime > 10")
    player.evaluate("player => player.pause()")


def _signs(people: People) -> None:
    osei = people(OSEI)
    osei.press("Sign the note")
    osei.page.get_by_text("Share with the patient").wait_for()


def _chooses_a_file_with_a_fault(people: People) -> None:
    alex = people(ADMINISTRATOR)
    lines = "name,email,date_of_birth\nDee Larch,dee@demo.test,31/02/1980\nEli Moss,eli.demo.test,12/05/1974\n"
    file = {"name": "people.csv", "mimeType": "text/csv", "buffer": lines.encode()}
    alex.page.get_by_label("The file").set_input_files(file)
    alex.press("Check the file")
    alex.sees("Nobody was registered.")


PATIENTS = [
    Stop("patient-sign-in", VISITOR, "/account/login/", "Signing in",
         "An email address and a password. With the demo's people, the page names them."),
    Stop("patient-home", ADA, "/", "Home",
         "What is next, what came out of the last visit, and who has looked at a recording."),
    Stop("patient-consultations", ADA, "/consultations/", "Consultations", "What is planned, and what was."),
    Stop("patient-times", ADA, "/book/", "Choosing a time",
         "The free times of one's own clinicians, or of whoever is free first, by day."),
    Stop("patient-confirm", ADA, "{first_time}", "Saying what it is about",
         "Only the clinician reads the reason. What would make it easier is read by the clinic, too."),
    Stop("patient-booked", ADA, "/book/done/{planned}/", "Booked",
         "When, with whom, and until when it can still be moved or cancelled."),
    Stop("patient-consultation", ADA, "/consultations/{planned}/", "One consultation",
         "Its time, what helps before it, the question about recording; note and replay once there are any."),
    Stop("patient-adjustments", ADA, "/consultations/{planned}/needs/", "What would make it easier",
         "An interpreter, captions, more time: asked for and changed until the consultation begins."),
    Stop("patient-check", ADA, "/consultations/check/", "Trying microphone, camera and sound",
         "At any time before, without joining anything. Nothing leaves the device."),
    Stop("patient-move", ADA, "/consultations/{planned}/move/", "Moving it", "Another time with the same clinician."),
    Stop("patient-cancel", ADA, "/consultations/{planned}/cancel/", "Cancelling it",
         "A reason may be given. Somebody else can then have the time."),
    Stop("patient-waiting-list", CLEO, "/book/wait/", "The waiting list",
         "When nothing is soon enough: with whom, and until which day it helps."),
    Stop("patient-offer", BEN, "/book/offers/{offer}/", "An offer from the list",
         "A time became free and is kept for two hours. It can be taken or passed on."),
    Stop("patient-calendar", ADA, "/consultations/calendar/", "In one's own calendar",
         "An address for a calendar program. Its entries say “Appointment” and no more."),
    Stop("patient-join", ADA, "/consultations/{now}/call/", "Joining",
         "The call begins with sound alone. There is nothing to install."),
    Stop("patient-waiting-room", ADA, "", "The waiting room",
         "The microphone is checked, and one question is asked: may this be recorded? Both answers are fine.", _waits),
    Stop("patient-call", ADA, "", "By voice",
         "Two names and who speaks. REC shows the time that is saved, not the time that passes.", _is_admitted),
    Stop("patient-question", ADA, "", "Being asked for video",
         "The camera stays off unless one accepts. The sheet says in a sentence what would change.", _is_asked),
    Stop("patient-video", ADA, "", "With video", "The other person is large. One press leads back to audio.",
         _sees_video),
]  # fmt: skip
BESIDE = [
    Stop("clinic-call", OSEI, "", "Beside the call",
         "Who the patient is, the note that saves itself, the next appointment, and what was before.", _writes_a_note),
]  # fmt: skip
AFTERWARDS = [
    Stop("patient-after", ADA, "", "After the call",
         "The replay is prepared within seconds, and the page says so by itself.", _ends),
    Stop("patient-replays", ADA, "/recordings/", "Replays", "One's own, what was shared, and what is kept how long."),
    Stop("patient-replay", ADA, "/recordings/{recording}/", "A replay",
         "The timeline shows audio, video and whatever is missing. Who has seen it stands beside it.", _plays),
    Stop("patient-sharing", ADA, "/recordings/{recording}/sharing/", "Who can watch it",
         "A patient shares with a named person until a day, and ends that at any moment."),
    Stop("patient-access", ADA, "/recordings/{recording}/access/", "Everything that happened with it",
         "Every opening, share and refusal. “I don’t recognise this” reaches staff at once."),
    Stop("patient-keeping", ADA, "/recordings/{recording}/keeping/", "How long it is kept",
         "Until when and why, and how to ask for its deletion."),
    Stop("patient-account", ADA, "/account/", "One's account", "Who one is here, and how one is reached."),
    Stop("patient-needs", ADA, "/account/needs/", "Needs", "What helps in every consultation."),
    Stop("patient-consents", ADA, "/account/consents/", "What was allowed",
         "Each answer about recording, with the very words that were agreed to."),
    Stop("patient-notices", ADA, "/account/notices/", "Emails", "What one is written to about, and when not."),
    Stop("patient-devices", ADA, "/account/devices/", "Signed-in devices",
         "Where one is signed in; each can be ended."),
    Stop("patient-refused", BEN, "/recordings/{recording}/", "Somebody else's replay",
         "To everybody else there is nothing. The page is the same as for an address that never existed."),
]  # fmt: skip
CLINIC = [
    Stop("clinic-today", OSEI, "/clinic/", "Today",
         "Who waits and since when, how late it runs, who did not come. The list renews itself."),
    Stop("clinic-message", OSEI, "/consultations/{late}/message/", "A message",
         "A few words to somebody who is expected; they read it in the waiting room."),
    Stop("clinic-consultation", OSEI, "/clinic/consultations/consultation/{now}/change/", "A consultation and its note",
         "A note is written, signed for good and shared by a decision of its own.", _signs),
    Stop("clinic-next", OSEI, "/consultations/{now}/next/", "The next appointment",
         "One's own free times, week by week."),
    Stop("clinic-patients", OSEI, "/clinic/patients/patient/", "Patients",
         "Whom one cares for, found by name, date of birth or NHS number."),
    Stop("clinic-patient", OSEI, "/clinic/patients/patient/{patient}/change/", "One patient",
         "Consultations, notes and replays with oneself. What others held is not there."),
    Stop("clinic-consultations", OSEI, "/clinic/consultations/consultation/", "Consultations",
         "All that one has held."),
    Stop("clinic-week", OSEI, "/clinic/week/", "The week", "Hours, time off and what is planned."),
    Stop("clinic-hours", OSEI, "/clinic/consultations/availability/", "Hours",
         "Weekly hours by the clock on the wall, right across clock changes."),
    Stop("clinic-off", OSEI, "/clinic/consultations/timeoff/add/", "Time off",
         "What is planned in it stays planned, and is named."),
    Stop("clinic-templates", OSEI, "/clinic/consultations/notetemplate/add/", "A template for notes",
         "Headings that one always needs."),
    Stop("clinic-replays", OSEI, "/recordings/", "Replays", "Consultations that one held, and what was shared."),
]  # fmt: skip
STAFF_PAGES = [
    Stop("staff-today", STAFF, "/admin/", "Today", "Queues and counts: who waits, what waits for somebody."),
    Stop("staff-patients", STAFF, "/admin/patients/patient/", "Patients", "Everybody who is registered."),
    Stop("staff-register", STAFF, "/admin/patients/patient/add/", "Registering a patient",
         "One form: account, care and invitation, all or nothing."),
    Stop("staff-import", ADMINISTRATOR, "/admin/patients/patient/import/", "Importing people",
         "Everything wrong is named by line and column, and nothing is written.", _chooses_a_file_with_a_fault),
    Stop("staff-consultations", STAFF, "/admin/consultations/consultation/", "Consultations",
         "When, who and in which state. Reasons and notes are not here."),
    Stop("staff-desk", STAFF, "/admin/consultations/consultation/desk/?q=Lovell", "The desk",
         "Who calls is found by name, date of birth or number; from here staff book, move and hand over."),
    Stop("staff-at-the-desk", STAFF, "/admin/consultations/consultation/desk/{patient}/", "Somebody at the desk",
         "What is planned with whom, and the next free times. No reason, no note."),
    Stop("staff-book", STAFF, "/admin/consultations/consultation/desk/{patient}/book/", "Booking on the phone",
         "The same free times that patients see, with one clinician or whoever is free first."),
    Stop("staff-move", STAFF, "/admin/consultations/consultation/{planned}/move/", "Moving a consultation",
         "With a reason that both people read. They are written to."),
    Stop("staff-jobs", STAFF, "/admin/recordings/processingjob/", "Preparing recordings",
         "What was given up stands with its fault."),
    Stop("staff-again", ADMINISTRATOR, "/admin/recordings/processingjob/{job}/again/", "Trying again",
         "An administrator says why. Every check is made again."),
    Stop("staff-held-back", STAFF, "/admin/recordings/quarantinedecision/", "Held back",
         "What did not match the call's own log is shown to nobody until two people have decided."),
    Stop("staff-decide", ADMINISTRATOR, "/admin/recordings/quarantinedecision/recording/{held_back}/", "Deciding",
         "Facts without content. One proposes, another confirms."),
    Stop("staff-reports", STAFF, "/admin/recordings/accessreport/", "Accesses not recognised",
         "What somebody did not recognise, the oldest open one first."),
    Stop("staff-answer", ADMINISTRATOR, "/admin/recordings/accessreport/{report}/change/", "Answering",
         "Who asked reads the answer on their own page."),
    Stop("staff-deletions", STAFF, "/admin/recordings/deletionrequest/", "Requests to delete",
         "They wait for an answer."),
    Stop("staff-delete", ADMINISTRATOR, "/admin/recordings/deletionrequest/{request}/answer/", "Answering a request",
         "One administrator refuses with a day and a reason; deleting takes two."),
    Stop("staff-pauses", ADMINISTRATOR, "/admin/recordings/playbacksuspension/", "Pauses",
         "Playback of one recording, a patient, a clinician or everything rests until somebody says what was found."),
    Stop("staff-alerts", STAFF, "/admin/audit/alert/", "Alerts", "What must never happen, until somebody has looked."),
    Stop("staff-ledger", STAFF, "/admin/audit/entry/", "The ledger",
         "Who did what to which object. It holds ids alone, and every line seals the one before."),
    Stop("staff-figures", STAFF, "/admin/figures/", "Figures", "A month in drawings, each with its table."),
    Stop("staff-notices", STAFF, "/admin/notices/notice/", "Notices",
         "What was sent and what failed. No text is stored."),
    Stop("staff-hours", STAFF, "/admin/consultations/availability/", "Hours", "Everybody's."),
    Stop("staff-wordings", STAFF, "/admin/wordings/", "What people agree to",
         "Every wording, and how many said yes to it."),
    Stop("staff-kept", STAFF, "/admin/retention/", "What is kept how long", "Periods, in words."),
]  # fmt: skip
# Patients and clinicians meet in the call: what stands in one list happens before the next one.
STOPS = [*PATIENTS, *BESIDE, *AFTERWARDS, *CLINIC, *STAFF_PAGES, *MORE]
SURFACES = {
    "patient": ("Patients", "In the browser, at `/`."),
    "clinic": ("Clinicians", "At `/clinic/`."),
    "staff": ("Staff", "At `/admin/`. Staff see work, not lives."),
}
