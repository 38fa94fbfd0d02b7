"""Every known way past an explicit grant is planted once, and refused with a sentence."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models
from guardian.admin import GuardedModelAdmin
from guardian.models import GroupObjectPermission, UserObjectPermission

from accounts import reconciliation
from accounts.models import ADMINISTRATORS, STAFF, User
from accounts.sites import clinic_site
from patients.models import CareRelationship, Clinician
from recordings.models import Chunk, Recording
from telehealth import checks
from telehealth.checks import rights
from telehealth.groups import make_groups
from tests.cast import Cast
from tests.damage import permission

pytestmark = [pytest.mark.database, pytest.mark.django_db]
OURS = ["see_patient", "see_consultation", "join_consultation", "play_recording"]


def found() -> list[CheckMessage]:
    messages = run_checks(tags=[Tags.security, Tags.database], databases=["default"])
    return [one for one in messages if str(one.id).startswith("telehealth") and one.id != "telehealth.E008"]


def is_refused(code: str, words: str) -> bool:
    (message,) = found()
    return message.id == code and message.is_serious() and words in message.msg and str(message.hint).endswith(".")


def test_nothing_is_refused_of_what_stands() -> None:
    assert found() == []


@pytest.mark.parametrize("codename", OURS)
@pytest.mark.parametrize("by", ["group", "person"])
def test_a_global_right_to_a_single_thing_is_refused(codename: str, by: str) -> None:
    right = Permission.objects.get(codename=codename)
    if by == "group":
        Group.objects.create(name="Everybody").permissions.add(right)
    else:
        User.objects.create_user("one@cast.test", name="One").user_permissions.add(right)
    assert is_refused("telehealth.E006", codename)


def test_the_list_above_is_every_guarded_permission() -> None:
    assert [codename for rule in reconciliation.rules() for codename in rule.codenames] == OURS


def test_no_guarded_permission_is_one_of_the_admin_sites() -> None:
    """Staff hold `view_…` of whole tables; such a codename on an object would mean two things."""
    make_groups()
    of_staff = Permission.objects.filter(group__name__in=[STAFF, ADMINISTRATORS])
    assert of_staff.filter(codename="view_patient").exists()
    assert not of_staff.filter(codename__in=OURS).exists()
    by_default = {
        f"{action}_{rule.model._meta.model_name}"
        for rule in reconciliation.rules()
        for action in ("add", "change", "delete", "view")
    }
    assert not by_default & set(OURS)


@pytest.mark.parametrize("table", [UserObjectPermission, GroupObjectPermission])
def test_a_row_in_guardians_generic_tables_is_refused(table: type[models.Model], cast: Cast) -> None:
    right = permission(reconciliation.rules()[-1], "play_recording")
    holder = {"group": Group.objects.create(name="G")} if table is GroupObjectPermission else {"user": cast.staff}
    table.objects.create(
        object_pk=str(cast.ada.recording.pk), content_type=right.content_type, permission=right, **holder
    )
    assert is_refused("telehealth.E015", table._meta.db_table)


@pytest.mark.parametrize("number", range(3))
def test_a_grant_to_a_group_is_refused(number: int, cast: Cast) -> None:
    rule = reconciliation.rules()[number]
    of = [cast.ada.patient, cast.ada.held, cast.ada.recording][number]
    right = permission(rule, rule.codenames[0])
    rule.group_grants.objects.create(content_object=of, group=Group.objects.create(name="G"), permission=right)
    assert is_refused("telehealth.E015", rule.group_grants._meta.db_table)


@pytest.fixture(params=["staff", "clinic"])
def site(request: pytest.FixtureRequest) -> Iterator[admin.AdminSite]:
    """A site with nothing of ours on it meanwhile."""
    chosen = admin.site if request.param == "staff" else clinic_site
    before = dict(chosen._registry)
    yield chosen
    chosen._registry = before


@pytest.mark.parametrize("model", [Recording, Clinician, Chunk])
def test_a_page_of_guardians_is_refused(model: type[models.Model], site: admin.AdminSite) -> None:
    site._registry = {**site._registry, model: GuardedModelAdmin(model, site)}
    assert is_refused("telehealth.E016", model._meta.label)


@pytest.mark.parametrize("table", [UserObjectPermission, reconciliation.rules()[0].grants])
def test_a_page_of_guardians_tables_is_refused(table: type[models.Model], site: admin.AdminSite) -> None:
    site._registry = {**site._registry, table: admin.ModelAdmin(table, site)}
    assert is_refused("telehealth.E016", table._meta.label)


def test_a_codename_that_two_models_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CareRelationship._meta, "permissions", [("play_recording", "Can play")])
    assert is_refused("telehealth.E017", "play_recording")


@pytest.mark.parametrize("plant", ["true in the class", "inherited", "a field"])
def test_a_superuser_in_the_model_is_refused(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if plant == "true in the class":
        monkeypatch.setattr(User, "is_superuser", True)
    elif plant == "inherited":
        monkeypatch.delattr(User, "is_superuser")
    else:
        field = models.BooleanField(name="is_superuser")
        monkeypatch.setattr(User._meta, "get_fields", lambda *_, **__: (field,))
    (message,) = rights.refuse_superusers()
    assert message.id == "telehealth.E018" and message.is_serious()


def test_a_superuser_column_in_the_database_is_refused() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {User._meta.db_table} ADD COLUMN is_superuser boolean NULL")
    assert is_refused("telehealth.E019", User._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {User._meta.db_table} DROP COLUMN is_superuser")
    assert found() == []


@pytest.mark.django_db(transaction=True)
def test_the_portal_does_not_start_with_any_of_it() -> None:
    checks.refuse_unsafe_start()
    Group.objects.create(name="Everybody").permissions.add(Permission.objects.get(codename="see_patient"))
    with pytest.raises(ImproperlyConfigured, match="see_patient"):
        checks.refuse_unsafe_start()
