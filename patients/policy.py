"""Who may see a patient. Grants are written here, in the transaction of the care relationship that justifies them."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import User, Viewer
from audit.refusals import KeysDisagree
from patients.models import CareRelationship, Patient, PatientUserObjectPermission

SEE = "see_patient"
VIEW = f"patients.{SEE}"


def granted_to(user: Viewer) -> QuerySet[Patient]:
    """The first key: an explicit grant on this very patient."""
    grant = PatientUserObjectPermission.objects.filter(
        content_object=OuterRef("pk"), user=user.pk, permission__codename=SEE
    )
    return Patient.objects.filter(Exists(grant))


def basis_for(user: Viewer) -> QuerySet[Patient]:
    """The second key: oneself, or a live care relationship."""
    if not user.is_authenticated or not User.objects.filter(pk=user.pk, is_active=True).exists():
        return Patient.objects.none()
    return Patient.objects.filter(Q(user=user.pk) | _cares(user))


def _cares(user: Viewer) -> Exists:
    return Exists(
        CareRelationship.objects.filter(
            patient=OuterRef("pk"), clinician__user=user.pk, clinician__is_active=True, until__isnull=True
        )
    )


def visible_to(user: Viewer) -> QuerySet[Patient]:
    return granted_to(user) & basis_for(user)


def absence_of(user: Viewer, patient_id: UUID) -> Http404:
    """Return the refusal of what this person does not get: `KeysDisagree` where one key alone says yes, unexplained.

    Queries: three, about who never existed as about somebody else's patient; more where the keys differ.
    """
    granted, based = _keys(user, patient_id)
    if granted != based:
        # RACE: care that began or ended between the two questions is no disagreement.
        granted, based = _keys(user, patient_id)
    return _disagreement(user, patient_id, granted, based) or Http404()


def _disagreement(user: Viewer, patient_id: UUID, granted: bool, based: bool) -> KeysDisagree | None:
    if granted == based:
        return None
    if based:
        return KeysDisagree("basis_without_grant", patient_id)
    # It is theirs, but their account is closed or they no longer work here; the grant opens nothing meanwhile.
    care = CareRelationship.objects.filter(patient=OuterRef("pk"), clinician__user=user.pk, until__isnull=True)
    is_theirs = Patient.objects.filter(Q(user=user.pk) | Exists(care), pk=patient_id).exists()
    return None if is_theirs else KeysDisagree("grant_without_basis", patient_id)


def _keys(user: Viewer, patient_id: UUID) -> tuple[bool, bool]:
    """Return what each key says, asked one after the other."""
    granted = granted_to(user).filter(pk=patient_id).exists()
    return granted, basis_for(user).filter(pk=patient_id).exists()


def cared_for_by(user: Viewer) -> QuerySet[Patient]:
    """A clinician's own patients, by both keys; not themselves, whose patient they may be elsewhere."""
    return visible_to(user).filter(_cares(user))


def grant_view(patient: Patient, user: Viewer) -> None:
    assign_perm(VIEW, user, patient)


def revoke_view(patient: Patient, user: Viewer) -> None:
    remove_perm(VIEW, user, patient)
