"""Who answers patients' requests to delete a recording: staff who hold that right today."""

from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet

from accounts.models import User

RIGHT = "recordings.decide_deletion"


def may_decide(person: User) -> bool:
    """Say whether they may today: a held user object may be older than a deactivation."""
    return deciders().filter(pk=person.pk).exists()


def deciders() -> QuerySet[User]:
    app, codename = RIGHT.split(".")
    held = {"content_type__app_label": app, "codename": codename}
    by_group = Q(groups__permissions__in=Permission.objects.filter(**held))
    by_name = Q(user_permissions__in=Permission.objects.filter(**held))
    return User.objects.filter(by_group | by_name, is_active=True, is_staff=True).distinct()
