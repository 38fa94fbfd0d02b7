"""What would open single objects past the policies: guardian's and Django's own ways around an explicit grant."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.contrib.admin.sites import all_sites
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Permission
from django.core.checks import CheckMessage, Error
from django.db import connection
from django.db.models import Model, Q
from guardian.admin import GuardedModelAdminMixin
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.models.models import BaseObjectPermission

from accounts import reconciliation
from accounts.models import User
from telehealth.checks.stored import is_there


def refuse_global_grants(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Guardian's own lists honour a global permission: it would open everybody's. None of ours is the admin site's."""
    if not is_there(Permission, databases):
        return []
    guarded = Q()
    for rule in reconciliation.rules():
        guarded |= Q(content_type__app_label=rule.model._meta.app_label, codename__in=rule.codenames)
    held = Permission.objects.filter(guarded).filter(Q(group__isnull=False) | Q(user__isnull=False))
    return [
        Error(
            f"The permission {codename} is held globally by a person or a group.",
            hint="Remove it: this right is given for single patients, consultations and recordings only.",
            id="telehealth.E006",
        )
        for codename in held.distinct().order_by("codename").values_list("codename", flat=True)
    ]


def refuse_grants_in_other_tables(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Generic rows outlive their object and open the next one with its key; a group grows without anybody granting."""
    tables: list[type[Model]] = [UserObjectPermission, GroupObjectPermission]
    tables += [rule.group_grants for rule in reconciliation.rules()]
    return [
        Error(
            f"There are rows in {table._meta.db_table}, which nothing here uses.",
            hint="Look at them with manage.py reconcile_grants, and remove them with --repair.",
            id="telehealth.E015",
        )
        for table in tables
        if is_there(table, databases) and table._default_manager.exists()
    ]


def refuse_pages_that_edit_grants(**_: Any) -> list[CheckMessage]:
    """Guardian's pages let whoever may change an object hand it to anybody, past the policies and the ledger."""
    return [
        Error(
            f"The admin site {site.name} edits grants on its page of {model._meta.label}.",
            hint="Register it without guardian's GuardedModelAdmin: grants are written by policy.py alone.",
            id="telehealth.E016",
        )
        for site in all_sites
        for model, page in site._registry.items()
        if isinstance(page, GuardedModelAdminMixin) or issubclass(model, BaseObjectPermission)
    ]


def refuse_shared_codenames(**_: Any) -> list[CheckMessage]:
    """Guardian looks permissions up by codename: one that two models share is an error, or the other model's right."""
    options = [model._meta for model in apps.get_models()]
    counted = Counter(get_permission_codename(action, one) for one in options for action in one.default_permissions)
    counted.update(codename for one in options for codename, _words in one.permissions)
    return [
        Error(
            f"Several models have a permission called {codename}.",
            hint="Give each permission a name of its own.",
            id="telehealth.E017",
        )
        for codename, times in counted.items()
        if times > 1
    ]


def refuse_superusers(**_: Any) -> list[CheckMessage]:
    """Django and guardian say yes to a superuser before they look at anything."""
    is_a_field = any(field.name == "is_superuser" for field in User._meta.get_fields())
    if User.__dict__.get("is_superuser") is False and not is_a_field:
        return []
    return [
        Error(
            "Accounts can be superusers.",
            hint="Keep `is_superuser = False` as an attribute of the class User, and no field of that name.",
            id="telehealth.E018",
        )
    ]


def refuse_a_superuser_column(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """One left by hand or by a wrong migration would be believed by whatever else reads this database."""
    if not is_there(User, databases):
        return []
    with connection.cursor() as cursor:
        columns = {one.name for one in connection.introspection.get_table_description(cursor, User._meta.db_table)}
    if "is_superuser" not in columns:
        return []
    return [
        Error(
            f"The table {User._meta.db_table} has a column is_superuser.",
            hint="Drop the column: there are no superusers.",
            id="telehealth.E019",
        )
    ]
