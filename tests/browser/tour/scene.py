"""Lets something stand on every page of the tour. Runs inside the portal's code and data."""

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import User
from audit.ledger import Actor
from consultations import booking_pages, policy, waiting_list
from consultations.booking import Wishes, book
from consultations.models import Consultation, SlotOffer
from consultations.slots import Slot
from recordings import deletion, playback, sharing, suspensions
from recordings.models import AccessReport, ProcessingJob, Recording
from recordings.pipeline.evidence import Mismatch
from recordings.sharing import Wish
from recordings.suspensions import Scope
from telehealth import demo
from tests.browser.scenes import (
    ADA,
    ADMINISTRATOR,
    BEN,
    CLEO,
    LIND,
    OSEI,
    clinic_opens,
    clinician_of,
    expected_earlier,
    owned,
    patient_of,
    visit_whose_media,
    work_for_staff,
)


def prepared() -> dict[str, str]:
    """Return the ids that the addresses of the tour name."""
    now = timezone.now()
    clinic_opens()
    demo.history(now)
    work_for_staff()
    expected_earlier(OSEI, [BEN, CLEO])
    soon, later = free_times(ADA, OSEI)[:2]
    planned = book(
        patient_of(ADA), clinician_of(OSEI), starts_at=later.starts_at, ends_at=later.ends_at,
        reason="Inhaler check", now=now,
    )  # fmt: skip
    held_back = visit_whose_media(Mismatch("recorder_was_absent"), CLEO, LIND, days_ago=3)
    asked = replay(CLEO, OSEI)
    pause(replay(BEN, OSEI), now)
    rows = {
        "now": between(ADA, OSEI), "late": between(BEN, OSEI), "planned": planned,
        "recording": shared(replay(ADA, LIND), now), "patient": patient_of(ADA), "offer": offered(BEN, LIND, now),
        "request": deletion.ask(owned(asked), actor=Actor(asked.patient.user_id), now=now), "held_back": held_back,
        "report": AccessReport.objects.latest("reported_at"),
        "job": ProcessingJob.objects.filter(recording__status=Recording.Status.FAILED).latest("created_at"),
    }  # fmt: skip
    confirm = f"/book/confirm/?with={soon.clinician}&at={booking_pages.said(soon.starts_at)}"
    return {name: str(row.pk) for name, row in rows.items()} | {"first_time": confirm}


def free_times(patient: str, clinician: str) -> list[Slot]:
    who, rules = patient_of(patient), policy.bookable_by(patient_of(patient))
    own = rules.filter(clinician=clinician_of(clinician))
    return booking_pages.times(who, own, now=timezone.now(), ahead=timedelta(days=7))


def between(patient: str, clinician: str) -> Consultation:
    own = Consultation.objects.filter(patient__user__email=patient, clinician__user__email=clinician, status="planned")
    return own.earliest("starts_at")


def replay(patient: str, clinician: str) -> Recording:
    ready = Recording.objects.filter(status__in=Recording.PLAYABLE)
    return ready.filter(patient__user__email=patient, clinician__user__email=clinician).earliest("created_at")


def shared(recording: Recording, now: datetime) -> Recording:
    """Let one person watch it, and no longer another one; its clinician has watched it."""
    owner, clinician = Actor(recording.patient.user_id), recording.clinician.user
    for name, email in (("Ben Carrow", BEN), ("Cleo Marsh", CLEO)):
        wish = Wish(name, email, "To hear what you think", now + timedelta(days=14))
        share = sharing.share(owned(recording), wish, actor=owner, now=now)
        if email == BEN:
            sharing.withdraw(share.pk, by=recording.patient.user, actor=owner, now=now)
    playback.open_replay(clinician, recording.pk, actor=Actor(clinician.pk), now=now)
    return recording


def pause(recording: Recording, now: datetime) -> None:
    by = Actor(User.objects.get(email=ADMINISTRATOR).pk)
    suspensions.suspend(Scope.RECORDING, recording.pk, reason="The sound stops after a second.", actor=by, now=now)


def offered(patient: str, clinician: str, now: datetime) -> SlotOffer:
    until, wishes = (now + timedelta(days=20)).date(), Wishes("Palpitations at night")
    waiting_list.join(patient_of(patient), clinician=clinician_of(clinician), until=until, wishes=wishes, now=now)
    waiting_list.sweep(now=now)
    return SlotOffer.objects.get(status=SlotOffer.Status.OPEN, patient=patient_of(patient))
