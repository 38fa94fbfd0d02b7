"""Who may see and join a consultation. The only place of this app that touches guardian."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.http import Http404
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import User, Viewer
from audit.refusals import KeysDisagree
from consultations.models import Consultation, ConsultationUserObjectPermission, Note, Participant
from consultations.schedule import Availability
from patients.models import CareRelationship, Clinician, Patient
from patients.policy import cared_for_by

VIEW, JOIN = "see_consultation", "join_consultation"
# The place of one of the two people whose consultation it is, held by the account that the profile belongs to.
OWN_PLACE = Q(role=Participant.Role.PATIENT, patient__user=F("user")) | Q(
    role=Participant.Role.CLINICIAN, consultation__clinician__user=F("user"), withdrawn_at=None
)


def granted_to(user: Viewer, codename: str) -> QuerySet[Consultation]:
    """The first key: an explicit grant on this very consultation."""
    # One id, found by itself: so the database knows how many grants there are and takes a page's rows by their order.
    permission = Permission.objects.filter(codename=codename).order_by()
    grants = ConsultationUserObjectPermission.objects.filter(content_object=OuterRef("pk"), user=user.pk)
    return Consultation.objects.filter(Exists(grants.filter(permission=Subquery(permission.values("pk")))))


def basis_for(user: Viewer) -> QuerySet[Consultation]:
    """The second key: it is one's own, as its patient or as its clinician who still works here and was to hold it."""
    if not user.is_authenticated:
        return Consultation.objects.none()
    # The account is read afresh: a held user object may be older than a deactivation.
    account = User.objects.filter(pk=user.pk, is_active=True)
    # Each profile is one row and found once; joined, it would be compared in every consultation there is.
    patient = Patient.objects.filter(user=user.pk)
    clinician = Clinician.objects.filter(user=user.pk, is_active=True)
    own = Q(patient=Subquery(patient.values("pk"))) | Q(clinician=Subquery(clinician.values("pk")))
    handed_over = Participant.objects.filter(consultation=OuterRef("pk"), user=user.pk, withdrawn_at__isnull=False)
    return Consultation.objects.filter(own, ~Exists(handed_over), Exists(account))


def visible_to(user: Viewer) -> QuerySet[Consultation]:
    return granted_to(user, VIEW) & basis_for(user)


def absence_of(user: Viewer, consultation_id: UUID, codename: str) -> Http404:
    """Return the refusal of what this person does not get: `KeysDisagree` where one key alone says yes, unexplained.

    Queries: two, about what never existed as about what is somebody else's; more where they differ.
    """
    granted, based = _keys(user, consultation_id, codename)
    if granted != based:
        # RACE: what was booked or handed over between the two questions is no disagreement.
        granted, based = _keys(user, consultation_id, codename)
    return _disagreement(user, consultation_id, granted, based) or Http404()


def _disagreement(user: Viewer, consultation_id: UUID, granted: bool, based: bool) -> KeysDisagree | None:
    if granted == based:
        return None
    consultation = Consultation.objects.select_related("patient", "clinician").get(pk=consultation_id)
    if based:
        return KeysDisagree("basis_without_grant", consultation.patient_id)
    # It is theirs, but they no longer work here; the grant opens nothing meanwhile.
    is_theirs = user.pk in (consultation.patient.user_id, consultation.clinician.user_id)
    return None if is_theirs else KeysDisagree("grant_without_basis", consultation.patient_id)


def _keys(user: Viewer, consultation_id: UUID, codename: str) -> tuple[bool, bool]:
    """Return what each key says, asked one after the other."""
    granted = granted_to(user, codename).filter(pk=consultation_id).exists()
    return granted, basis_for(user).filter(pk=consultation_id).exists()


def get_visible_or_404(user: Viewer, consultation_id: UUID) -> Consultation:
    consultation = (
        visible_to(user).select_related("patient__user", "clinician__user").filter(pk=consultation_id).first()
    )
    if consultation is None:
        raise absence_of(user, consultation_id, VIEW)
    return consultation


def get_ones_own_or_404(user: Viewer, consultation_id: UUID) -> Consultation:
    """Return a consultation to its patient: only they change and cancel it here."""
    consultation = get_visible_or_404(user, consultation_id)
    if consultation.patient.user_id != user.pk:
        raise Http404
    return consultation


def held_by(user: Viewer) -> QuerySet[Consultation]:
    """Consultations whose note this person writes, signs and shares: they are its clinician, by both keys."""
    return visible_to(user).filter(clinician__user=user.pk)


def get_held_or_404(user: Viewer, consultation_id: UUID) -> Consultation:
    consultation = held_by(user).select_related("patient__user", "clinician__user").filter(pk=consultation_id).first()
    if consultation is None:
        raise absence_of(user, consultation_id, VIEW)
    return consultation


def continued_by(user: Viewer) -> QuerySet[Consultation]:
    """Consultations whose next appointment this person may book: their clinician, who cares for the patient still.

    SECURITY: booking begins care, so whose care has ended cannot bring it back by booking.
    """
    return held_by(user).filter(patient__in=cared_for_by(user).values("pk"))


def get_continued_or_404(user: Viewer, consultation_id: UUID) -> Consultation:
    own = continued_by(user).select_related("patient__user", "clinician__user")
    consultation = own.filter(pk=consultation_id).first()
    if consultation is None:
        raise absence_of(user, consultation_id, VIEW)
    return consultation


def patient_of(user: Viewer) -> Patient | None:
    """Return who books for themselves: the patient whose account this is, read afresh."""
    return Patient.objects.select_related("user").filter(user=user.pk, user__is_active=True).first()


def clinicians_of(patient: Patient) -> QuerySet[Clinician]:
    """Who cares for this patient now; they can be booked by name."""
    care = CareRelationship.objects.filter(clinician=OuterRef("pk"), patient=patient, until__isnull=True)
    return Clinician.objects.filter(Exists(care), is_active=True, user__is_active=True).select_related("user")


def bookable_by(patient: Patient) -> QuerySet[Availability]:
    """The hours this patient may book: all of those who care for them, and of others what is open to new patients."""
    cares = Q(clinician__in=clinicians_of(patient).values("pk"))
    return bookable_by_the_clinic().filter(cares | Q(for_new_patients=True))


def bookable_by_the_clinic() -> QuerySet[Availability]:
    """The hours of everybody who works here: staff may book any of them for any patient."""
    return Availability.objects.filter(clinician__is_active=True, clinician__user__is_active=True)


def readable_notes(user: Viewer) -> QuerySet[Note]:
    """Every version for the clinician who wrote it; for the patient what is signed and shared."""
    written = Q(clinician__user=user.pk)
    received = Q(patient__user=user.pk, signed_at__isnull=False, shared_at__isnull=False)
    return Note.objects.filter(written | received, consultation__in=visible_to(user).values("pk"))


def get_written_or_404(user: Viewer, note_id: UUID) -> Note:
    """Return a signed version that this person wrote."""
    written = readable_notes(user).filter(clinician__user=user.pk, signed_at__isnull=False)
    note = written.select_related("consultation").filter(pk=note_id).first()
    if note is None:
        raise Http404
    return note


def place_in(user: Viewer, consultation_id: UUID) -> Participant | None:
    """Return this person's own place in the call of a consultation they may join, else None."""
    if not basis_for(user).filter(pk=consultation_id).exists():
        return None
    if not granted_to(user, JOIN).filter(pk=consultation_id).exists():
        return None
    return (
        Participant.objects.select_related("consultation__patient__user", "consultation__clinician__user", "user")
        .filter(consultation=consultation_id, user=user.pk)
        .first()
    )


def get_place_or_404(user: Viewer, consultation_id: UUID) -> Participant:
    place = place_in(user, consultation_id)
    if place is None:
        raise absence_of(user, consultation_id, JOIN)
    return place


def grant_place(participant: Participant) -> None:
    """Let a participant see and join; called in the transaction that books them.

    SECURITY: who and which consultation is read from the database, not from the instance at hand.
    """
    place = Participant.objects.select_related("user", "consultation").get(pk=participant.pk)
    for codename in (VIEW, JOIN):
        assign_perm(f"consultations.{codename}", place.user, place.consultation)


def withdraw_place(participant: Participant, *, now: datetime) -> None:
    """Take a place for good, from both keys; called in the transaction that gives the consultation to somebody else."""
    Participant.objects.filter(pk=participant.pk).update(withdrawn_at=now)
    revoke_place(participant)


def revoke_place(participant: Participant) -> None:
    for codename in (VIEW, JOIN):
        remove_perm(f"consultations.{codename}", participant.user, participant.consultation)
