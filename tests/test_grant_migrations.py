"""Grants that stood under the admin site's codenames are moved to codenames of their own, on an upgrade."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission

from accounts import reconciliation
from accounts.reconciliation import Because
from consultations import policy as consultations
from patients import policy as patients
from tests.cast import Cast
from tests.damage import permission

pytestmark = [pytest.mark.database, pytest.mark.django_db]
MOVES = {
    "patients": ("patients.migrations.0002_see_patient", "view_patient", "see_patient"),
    "consultations": ("consultations.migrations.0002_see_consultation", "view_consultation", "see_consultation"),
}


@pytest.mark.parametrize("app", MOVES)
@pytest.mark.parametrize("is_made", [True, False])
def test_standing_grants_are_moved(app: str, is_made: bool, cast: Cast) -> None:
    module, old, new = MOVES[app]
    (rule,) = (rule for rule in reconciliation.rules() if rule.model._meta.app_label == app)
    before = set(rule.grants.objects.values_list("content_object", "user", "permission__codename"))
    rule.grants.objects.filter(permission__codename=new).update(permission=permission(rule, old))
    if not is_made:
        Permission.objects.filter(codename=new).delete()
    reasons = {one.because for one in reconciliation.differences()}
    assert reasons == {Because.NEVER_GIVEN, Because.OTHER_PERMISSION}
    import_module(module).move_grants(apps, None)
    assert set(rule.grants.objects.values_list("content_object", "user", "permission__codename")) == before
    assert list(reconciliation.differences()) == []
    clinician = cast.ada.clinician.user
    assert patients.visible_to(clinician).filter(pk=cast.ada.patient.pk).exists()
    assert consultations.visible_to(clinician).filter(pk=cast.ada.held.pk).exists()


@pytest.mark.parametrize("app", MOVES)
def test_an_empty_portal_has_nothing_to_move(app: str) -> None:
    import_module(MOVES[app][0]).move_grants(apps, None)
    assert Permission.objects.filter(codename=MOVES[app][2]).count() == 1
