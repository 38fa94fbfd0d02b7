"""Who is told what about consultations, and the words for it. Rows are read anew when a letter is sent.

SECURITY: why somebody comes and what was written is never read here, so that no letter can hold it.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from consultations import policy
from consultations.models import Consultation, ConsultationChange, Note, Participant, SlotOffer
from notices import letters, outbox
from notices.letters import Letter, moment
from notices.models import Kind, Notice

What = ConsultationChange.What
AN_HOUR = timedelta(hours=1)
AHEAD = (Consultation.Status.REQUESTED, Consultation.Status.PLANNED)


def post_booked(consultation: Consultation, *, now: datetime) -> None:
    patient, clinician = consultation.patient.user_id, consultation.clinician.user_id
    outbox.post(
        outbox.notice(Kind.BOOKED, patient, consultation, now=now),
        outbox.notice(Kind.TAKEN, clinician, consultation, now=now),
    )


def post_changed(consultation: Consultation, change: ConsultationChange, *, now: datetime) -> None:
    """The patient is told in any case; the clinician unless they did it themselves."""
    kind = Kind.MOVED if change.what == ConsultationChange.What.MOVED else Kind.CANCELLED
    people = [consultation.patient.user_id, consultation.clinician.user_id]
    told = people[:1] if change.by_id == people[1] else people
    outbox.post(*(outbox.notice(kind, user, consultation, now=now, occasion=change.pk) for user in told))


def post_offered(offer: SlotOffer, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.OFFERED, offer.patient.user_id, offer, now=now))


def post_note_shared(note: Note, *, now: datetime) -> None:
    outbox.post(outbox.notice(Kind.NOTE_SHARED, note.patient.user_id, note, now=now))


def _booked(notice: Notice, now: datetime) -> Letter | None:
    consultation = _ahead(notice, now)
    if consultation is None or _is_changed(consultation):  # another letter says what became of it
        return None
    facts = facts_of(consultation)
    says = _("Your consultation with %(clinician)s is on %(when)s. You can look at it, move it and cancel it here:")
    return Letter(_("Your consultation is booked"), says % facts, page_of(consultation), consultation.starts_at)


def _taken(notice: Notice, now: datetime) -> Letter | None:
    consultation = _held_by_clinician(notice)
    if consultation is None or not _is_ahead(consultation, now) or _is_changed(consultation):
        return None
    says = _("%(when)s is booked with you. Your week shows it:") % facts_of(consultation)
    return Letter(_("A time of yours is booked"), says, reverse("clinic:week"), consultation.starts_at)


def _moved(notice: Notice, now: datetime) -> Letter | None:
    change = last_change(notice)
    own, theirs = of_patient(notice), _held_by_clinician(notice)
    consultation = own or theirs
    if change is None or consultation is None or not _is_ahead(consultation, now):
        return None
    facts = facts_of(consultation) | {"was": moment(change.was)}
    about = min(at for at in (change.was, consultation.starts_at) if at > now)
    if own:
        says = _("Your consultation with %(clinician)s was moved. It was to be on %(was)s and is now on %(when)s:")
        return Letter(_("Your consultation has a new time"), says % facts, page_of(consultation), about)
    says = _("A consultation of yours was moved. It was to be on %(was)s and is now on %(when)s. Your week shows it:")
    return Letter(_("A consultation of yours has a new time"), says % facts, reverse("clinic:week"), about)


def _cancelled(notice: Notice, now: datetime) -> Letter | None:
    own = of_patient(notice)
    consultation = own or _was_with(notice)
    if consultation is None or consultation.status != Consultation.Status.CANCELLED or consultation.starts_at <= now:
        return None
    facts, about = facts_of(consultation), consultation.starts_at
    if own:
        says = _("Your consultation with %(clinician)s on %(when)s was cancelled. You can read more here:") % facts
        return Letter(_("Your consultation was cancelled"), says, page_of(consultation), about)
    says = _("A consultation of yours on %(when)s was cancelled. Your week shows it:") % facts
    return Letter(_("A consultation of yours was cancelled"), says, reverse("clinic:week"), about)


def _day_before(notice: Notice, now: datetime) -> Letter | None:
    consultation = _as_reminded(notice, now)
    if consultation is None or consultation.starts_at <= now + AN_HOUR:  # the next reminder says it
        return None
    says = _("Your consultation with %(clinician)s is on %(when)s. It takes place here:") % facts_of(consultation)
    subject = _("Your consultation on %(day)s") % {"day": date_format(localtime(consultation.starts_at), "l")}
    return Letter(subject, says, page_of(consultation), consultation.starts_at)


def _hour_before(notice: Notice, now: datetime) -> Letter | None:
    consultation = _as_reminded(notice, now)
    if consultation is None:
        return None
    says = _("Your consultation with %(clinician)s is on %(when)s. You can come in a little earlier, here:")
    subject = _("Your consultation at %(time)s") % {"time": date_format(localtime(consultation.starts_at), "H:i")}
    return Letter(subject, says % facts_of(consultation), page_of(consultation), consultation.starts_at)


def _waiting(notice: Notice, now: datetime) -> Letter | None:
    consultation = of_patient(notice)
    if consultation is None or not awaited(now).filter(pk=consultation.pk).exists():
        return None
    says = _("%(clinician)s is waiting for you. Come in here:") % facts_of(consultation)
    return Letter(_("You are expected"), says, reverse("consultations:call", args=[consultation.pk]), now)


def _offered(notice: Notice, now: datetime) -> Letter | None:
    kept = SlotOffer.objects.filter(pk=notice.object_id, patient__user=notice.user_id, expires_at__gt=now)
    offer = kept.filter(status=SlotOffer.Status.OPEN).select_related("clinician__user").first()
    if offer is None:
        return None
    facts = {"clinician": offer.clinician.display_name, "when": moment(offer.starts_at)}
    facts["until"] = date_format(localtime(offer.expires_at), "H:i")
    says = _("A time is free: %(when)s with %(clinician)s. It is kept for you until %(until)s. Take it or pass it on:")
    path = reverse("booking:offer", args=[offer.pk])
    return Letter(_("A time is kept for you"), says % facts, path, offer.expires_at)


def _note_shared(notice: Notice, now: datetime) -> Letter | None:
    readable = policy.readable_notes(notice.user).filter(pk=notice.object_id, patient__user=notice.user_id)
    of = readable.values_list("consultation", flat=True).first()
    consultation = of and seen_by(notice, of)
    if not consultation:
        return None
    says = _("%(clinician)s shared a note about your consultation of %(day)s with you. Read it here:")
    facts = facts_of(consultation)
    return Letter(_("A note was shared with you"), says % facts, page_of(consultation))


def awaited(now: datetime) -> QuerySet[Consultation]:
    """Return the consultations whose clinician is there and whose patient has not come yet."""
    present = Participant.objects.filter(consultation=OuterRef("pk"), disconnected_at=None).exclude(sid="")
    return Consultation.objects.filter(
        Exists(present.filter(role=Participant.Role.CLINICIAN)),
        ~Exists(present.filter(role=Participant.Role.PATIENT)),
        status=Consultation.Status.PLANNED,
        starts_at__lte=now,
        ends_at__gt=now,
    )


def seen_by(notice: Notice, consultation_id: UUID) -> Consultation | None:
    """SECURITY: both keys of whom it goes to, whatever the notice's row says; nothing clinical is read."""
    seen = policy.visible_to(notice.user).filter(pk=consultation_id)
    return seen.defer("reason", "adjustments").select_related("clinician__user").first()


def of_patient(notice: Notice) -> Consultation | None:
    consultation = seen_by(notice, notice.object_id)
    is_theirs = consultation is not None and consultation.patient.user_id == notice.user_id
    return consultation if is_theirs else None


def _held_by_clinician(notice: Notice) -> Consultation | None:
    consultation = seen_by(notice, notice.object_id)
    is_theirs = consultation is not None and consultation.clinician.user_id == notice.user_id
    return consultation if is_theirs else None


def _was_with(notice: Notice) -> Consultation | None:
    """Return a consultation of this clinician, also one that was handed over, when they have no place in it any more.

    SECURITY: only when it was to be is told of it; whose it was is not read.
    """
    theirs = Consultation.objects.filter(pk=notice.object_id, clinician__user=notice.user_id, clinician__is_active=True)
    return theirs.defer("reason", "adjustments").select_related("clinician__user").first()


def _is_ahead(consultation: Consultation, now: datetime) -> bool:
    return consultation.status in AHEAD and consultation.starts_at > now


def _ahead(notice: Notice, now: datetime) -> Consultation | None:
    consultation = of_patient(notice)
    return consultation if consultation and _is_ahead(consultation, now) else None


def _as_reminded(notice: Notice, now: datetime) -> Consultation | None:
    """Return the consultation if it still begins when the reminder was made for."""
    consultation = _ahead(notice, now)
    return consultation if consultation and consultation.starts_at.isoformat() == notice.occasion else None


def _is_changed(consultation: Consultation) -> bool:
    """Say whether another letter tells what became of it; of what makes it easier no letter says anything."""
    return consultation.changes.exclude(what=What.NEEDS).exists()


def last_change(notice: Notice) -> ConsultationChange | None:
    """Return the change a notice is about, None when a later one tells more."""
    changes = ConsultationChange.objects.filter(consultation=notice.object_id).exclude(what=What.NEEDS)
    last = changes.order_by("-at").first()
    return last if last and str(last.pk) == notice.occasion else None


def facts_of(consultation: Consultation) -> dict[str, str]:
    starts_at = consultation.starts_at
    day = date_format(localtime(starts_at), "j F Y")
    return {"clinician": consultation.clinician.display_name, "when": moment(starts_at), "day": day}


def page_of(consultation: Consultation) -> str:
    return reverse("consultations:detail", args=[consultation.pk])


for kind, teller in {
    Kind.BOOKED: _booked, Kind.TAKEN: _taken, Kind.MOVED: _moved, Kind.CANCELLED: _cancelled, Kind.OFFERED: _offered,
    Kind.DAY_BEFORE: _day_before, Kind.HOUR_BEFORE: _hour_before, Kind.WAITING: _waiting,
    Kind.NOTE_SHARED: _note_shared,
}.items():  # fmt: skip
    letters.register(kind, teller)
