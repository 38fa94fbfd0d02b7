"""The pages that need no story before them: lists, what a row of a list opens, and the forms beside them."""

from collections.abc import Callable

from tests.browser.tour.stop import ADA, ADMINISTRATOR, OSEI, STAFF, VISITOR, People, Stop


def _opens_the_first(person: str) -> Callable[[People], object]:
    """Return what presses the first row of the list that this person is looking at."""

    def does(people: People) -> None:
        page = people(person).page
        with page.expect_navigation():
            page.locator("#result_list tbody th a").first.click()

    return does


ACCOUNTS = [
    Stop("patient-password", ADA, "/account/password/change/", "A new password", "Every other device is signed out."),
    Stop("patient-forgotten", VISITOR, "/account/password/reset/", "A forgotten password",
         "Whoever asks reads the same, whether there is an account or not."),
    Stop("patient-forgotten-sent", VISITOR, "/account/password/reset/done/", "Look into your mail",
         "The link works once, and for three days at most."),
    Stop("patient-no-sign-up", VISITOR, "/account/signup/", "No account yet",
         "Accounts are made by the clinic, which sends an invitation."),
]  # fmt: skip
CLINIC = [
    Stop("clinic-replay-list", OSEI, "/clinic/recordings/recording/", "Replays as a list",
         "Of one's own consultations, with what is missing."),
    Stop("clinic-replay", OSEI, "/clinic/recordings/recording/", "One replay",
         "The player, and who has seen it.", _opens_the_first(OSEI)),
    Stop("clinic-hours-add", OSEI, "/clinic/consultations/availability/add/", "New hours",
         "A day of the week, from when to when, and how long a visit takes."),
    Stop("clinic-hours-change", OSEI, "/clinic/consultations/availability/", "Other hours",
         "What is booked in them stays booked, and is named.", _opens_the_first(OSEI)),
    Stop("clinic-off-list", OSEI, "/clinic/consultations/timeoff/", "Times off", "The next one first."),
    Stop("clinic-template-list", OSEI, "/clinic/consultations/notetemplate/", "Templates for notes",
         "One's own alone."),
    Stop("clinic-password", OSEI, "/clinic/password_change/", "A new password", "As for everybody."),
]  # fmt: skip
PEOPLE = [
    Stop("staff-patient", STAFF, "/admin/patients/patient/", "A patient",
         "Who they are and how to reach them. Opening it stands in the ledger.", _opens_the_first(STAFF)),
    Stop("staff-clinicians", STAFF, "/admin/patients/clinician/", "Clinicians", "Everybody who holds consultations."),
    Stop("staff-clinician-add", ADMINISTRATOR, "/admin/patients/clinician/add/", "Registering a clinician",
         "One form, and an invitation."),
    Stop("staff-clinician", ADMINISTRATOR, "/admin/patients/clinician/", "A clinician",
         "Who leaves loses every right at once; it takes a reason.", _opens_the_first(ADMINISTRATOR)),
    Stop("staff-clinician-import", ADMINISTRATOR, "/admin/patients/clinician/import/", "Importing clinicians",
         "Looked through first, written afterwards."),
    Stop("staff-accounts", ADMINISTRATOR, "/admin/accounts/user/", "Accounts", "Who can sign in."),
    Stop("staff-account-add", ADMINISTRATOR, "/admin/accounts/user/add/", "A colleague",
         "They choose their own password."),
    Stop("staff-account", ADMINISTRATOR, "/admin/accounts/user/", "An account",
         "Nobody sets another's password or address here.", _opens_the_first(ADMINISTRATOR)),
    Stop("staff-care", STAFF, "/admin/patients/carerelationship/", "Who cares for whom", "Since when and until when."),
    Stop("staff-care-one", ADMINISTRATOR, "/admin/patients/carerelationship/", "One relationship",
         "An administrator ends it, and says why.", _opens_the_first(ADMINISTRATOR)),
]  # fmt: skip
PLANNING = [
    Stop("staff-consultation", STAFF, "/admin/consultations/consultation/", "A consultation",
         "Facts of the calendar, and no reason.", _opens_the_first(STAFF)),
    Stop("staff-cancel", STAFF, "/admin/consultations/consultation/{planned}/cancel/", "Cancelling for somebody",
         "Both people read why."),
    Stop("staff-message", STAFF, "/admin/consultations/consultation/{planned}/message/", "A message from the clinic",
         "Read in the waiting room and on the patient's home."),
    Stop("staff-hours-add", STAFF, "/admin/consultations/availability/add/", "Hours for a clinician",
         "As clinicians set them themselves."),
    Stop("staff-off", STAFF, "/admin/consultations/timeoff/", "Times off", "Everybody's."),
    Stop("staff-off-add", STAFF, "/admin/consultations/timeoff/add/", "Time off for a clinician",
         "What is planned in it is named."),
]  # fmt: skip
WATCHING_OVER = [
    Stop("staff-recordings", STAFF, "/admin/recordings/recording/", "Recordings",
         "Their states and lengths. Nothing plays here."),
    Stop("staff-recording", STAFF, "/admin/recordings/recording/", "A recording",
         "Facts without content: how it was made, who may watch it.", _opens_the_first(STAFF)),
    Stop("staff-hold", ADMINISTRATOR, "/admin/recordings/recording/{recording}/hold/", "A legal hold",
         "It is kept whatever its day, until somebody lifts the hold."),
    Stop("staff-rights", ADMINISTRATOR, "/admin/recordings/playbackrevocation/", "Rights taken away",
         "Whose right to one recording was taken, and given back."),
    Stop("staff-right-taken", ADMINISTRATOR, "/admin/recordings/playbackrevocation/add/", "Taking a right away",
         "At once, streams that run included."),
    Stop("staff-pause", ADMINISTRATOR, "/admin/recordings/playbacksuspension/add/", "Pausing playback",
         "One recording, a patient, a clinician or everything."),
    Stop("staff-paused", ADMINISTRATOR, "/admin/recordings/playbacksuspension/", "A pause",
         "What is wrong, and what was found.", _opens_the_first(ADMINISTRATOR)),
    Stop("staff-job", STAFF, "/admin/recordings/processingjob/", "One preparation",
         "How often it was tried, and why it was given up.", _opens_the_first(STAFF)),
    Stop("staff-alert", STAFF, "/admin/audit/alert/", "An alert",
         "What happened, and who has looked at it.", _opens_the_first(STAFF)),
    Stop("staff-line", STAFF, "/admin/audit/entry/", "A line of the ledger",
         "With its seal, and the one before.", _opens_the_first(STAFF)),
    Stop("staff-notice", STAFF, "/admin/notices/notice/", "A notice",
         "To whom, about what, and whether it went.", _opens_the_first(STAFF)),
]  # fmt: skip
MORE = [*ACCOUNTS, *CLINIC, *PEOPLE, *PLANNING, *WATCHING_OVER]
