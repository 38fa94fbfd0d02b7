"""What must have happened before a story begins, and what stands in the tables at its end: `Portal.scene`.

Runs in a process of the portal's own code and data. Everything is made by the services that people's pages use.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from unittest import mock

from django.utils import timezone

from accounts.models import User
from audit.ledger import Actor
from audit.models import Action, Entry
from consultations.booking import book
from consultations.models import Consultation, ConsultationChange
from notices.models import Notice
from patients.models import Clinician, Patient
from recordings import playback, safe, unrecognised
from recordings.guard import Shown
from recordings.models import AccessReport, ProcessingJob, Recording, Share
from telehealth import demo

ADA, BEN, CLEO = "ada@demo.test", "ben@demo.test", "cleo@demo.test"
OSEI, LIND, HADDAD = "dr.osei@demo.test", "dr.lind@demo.test", "dr.haddad@demo.test"
STAFF, ADMINISTRATOR = demo.STAFF_EMAIL, "admin@demo.test"
TEN_MINUTES = timedelta(minutes=10)


def patient_of(email: str) -> Patient:
    return Patient.objects.select_related("user").get(user__email=email)


def clinician_of(email: str) -> Clinician:
    return Clinician.objects.select_related("user").get(user__email=email)


def clinic_opens() -> None:
    """Do what the portal does at its first start."""
    safe.prepare_storage()
    safe.prepare_master_key()
    demo.renew()


def three_days() -> None:
    """Prepare a patient's, a clinician's and staff's day."""
    clinic_opens()
    expected_earlier(OSEI, [BEN, CLEO])
    work_for_staff()


def administrator() -> None:
    User.objects.create_superuser(ADMINISTRATOR, demo.PASSWORD, name="Alex Reyes")


def expected_earlier(clinician: str, patients: Iterable[str]) -> None:
    """Book patients for the time right before the clinician's consultation of now, the first one nearest to it."""
    held_by, now = clinician_of(clinician), timezone.now()
    starts_at = Consultation.objects.filter(clinician=held_by, status="planned").earliest("starts_at").starts_at
    for email in patients:
        starts_at -= TEN_MINUTES
        ends_at = starts_at + TEN_MINUTES
        book(patient_of(email), held_by, starts_at=starts_at, ends_at=ends_at, reason="Cough", now=now)


def visit(patient: str, clinician: str, *, days_ago: int) -> Recording:
    """Hold a recorded consultation; its replay is ready."""
    of, held_by = patient_of(patient), clinician_of(clinician)
    demo.past_visit(of, held_by, starts_at=timezone.now() - timedelta(days=days_ago))
    return Recording.objects.filter(patient=of, clinician=held_by).latest("created_at")


def visit_whose_media(fault: Exception, patient: str, clinician: str, *, days_ago: int) -> Recording:
    """Hold one whose parts cannot be joined, and which nobody tries to prepare a second time."""
    joining = mock.patch.object(sys.modules["recordings.pipeline.process"], "run_job", side_effect=fault)
    with joining, mock.patch("recordings.jobs.MOST_ATTEMPTS", 1):
        return visit(patient, clinician, days_ago=days_ago)


def owned(recording: Recording) -> Shown:
    owner = recording.patient.user
    return playback.held_or_404(owner, recording.pk, actor=Actor(owner.pk), now=timezone.now())


def access_not_recognised(patient: str, clinician: str) -> AccessReport:
    """Let a clinician watch a replay, and its patient say that they do not recognise that."""
    recording, now = visit(patient, clinician, days_ago=2), timezone.now()
    watcher, owner = recording.clinician.user, recording.patient.user
    playback.open_replay(watcher, recording.pk, actor=Actor(watcher.pk), now=now)
    opened = Entry.objects.filter(action=Action.OPENED, object_id=recording.pk, actor=watcher.pk).latest("seq")
    return unrecognised.report(owned(recording), opened.seq, actor=Actor(owner.pk), now=now)


def work_for_staff() -> None:
    administrator()
    visit_whose_media(OSError(), BEN, HADDAD, days_ago=1)
    access_not_recognised(CLEO, OSEI)


def facts() -> dict[str, Any]:
    """Return what stands in the tables, by email address.

    Shape: consultations [patient, clinician, status], changes by whom, notices to whom, ledger "action reason" by
    whom, shares [name, whether it runs], reports [by whom, outcome, note], jobs [status, the recording's status].
    """
    changes, notices, lines = defaultdict(list), defaultdict(list), defaultdict(list)
    emails = {user.pk: user.email for user in User.objects.all()}
    for change in ConsultationChange.objects.order_by("at"):
        changes[emails.get(change.by_id, "")].append(change.what)
    for notice in Notice.objects.order_by("posted_at"):
        notices[emails[notice.user_id]].append(notice.kind)
    for entry in Entry.objects.exclude(action=Action.LISTED).order_by("seq"):
        lines[emails.get(entry.actor, "")].append(f"{entry.action} {entry.reason}".strip())
    planned = Consultation.objects.select_related("patient__user", "clinician__user").order_by("starts_at")
    return {
        "people": sorted(emails.values()),
        "consultations": [[one.patient.user.email, one.clinician.user.email, one.status] for one in planned],
        "changes": changes,
        "notices": notices,
        "ledger": lines,
        "shares": [[share.name, share.revoked_at is None] for share in Share.objects.order_by("granted_at")],
        "reports": list(AccessReport.objects.values_list("reported_by__email", "outcome", "note")),
        "jobs": list(ProcessingJob.objects.order_by("created_at").values_list("status", "recording__status")),
    }


def newcomer() -> None:
    """Somebody who was registered a moment ago."""
    user = User.objects.create_user("new@demo.test", demo.PASSWORD, name="Noa Field")
    Patient.objects.create(user=user, name=user.name, date_of_birth=date(1990, 5, 17))
