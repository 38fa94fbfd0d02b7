"""Who may see a patient. Grants are written here, in the transaction of the care relationship that justifies them."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import User, Viewer
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


def cared_for_by(user: Viewer) -> QuerySet[Patient]:
    """A clinician's own patients, by both keys; not themselves, whose patient they may be elsewhere."""
    return visible_to(user).filter(_cares(user))


def grant_view(patient: Patient, user: Viewer) -> None:
    assign_perm(VIEW, user, patient)


def revoke_view(patient: Patient, user: Viewer) -> None:
    remove_perm(VIEW, user, patient)
