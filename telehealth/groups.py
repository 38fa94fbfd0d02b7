"""The two groups of people who run the portal. Neither can play, join or read content."""

from typing import Any

from django.contrib.auth.models import Group, Permission

from accounts.models import ADMINISTRATORS, STAFF

LOOK = {
    "accounts": ["view_user"],
    "audit": ["view_entry", "view_alert"],
    "consultations": ["view_consultation"],
    "notices": ["view_notice"],
    "patients": ["view_patient", "view_clinician", "view_carerelationship"],
    "recordings": [
        "view_recording",
        "view_processingjob",
        "view_playbacksuspension",
        "view_quarantinedecision",
        "view_accessreport",
        "view_playbackrevocation",
        "view_deletionrequest",
    ],
}
TIMES = ("availability", "timeoff")
SCHEDULE = {
    "consultations": [
        "schedule_consultation",
        *(f"{action}_{model}" for action in ("view", "add", "change", "delete") for model in TIMES),
    ],
}
RECEPTION = {"patients": ["add_patient"]}
REGISTER = {
    "audit": ["change_alert"],
    "accounts": ["add_user", "change_user"],
    "consultations": ["publish_wording"],
    "notices": ["resend_notice"],
    "patients": ["change_patient", "add_clinician", "change_clinician", "change_carerelationship", "import_people"],
    "recordings": [
        "add_playbacksuspension",
        "change_playbacksuspension",
        "decide_quarantine",
        "retry_processingjob",
        "change_accessreport",
        "add_playbackrevocation",
        "change_playbackrevocation",
        "decide_deletion",
        "decide_legalhold",
        "set_retentionperiod",
    ],
}


def make_groups(**_: Any) -> None:
    """Make both groups with their permissions. Idempotent; runs after every migrate."""
    for name, rights in (
        (STAFF, [LOOK, SCHEDULE, RECEPTION]),
        (ADMINISTRATORS, [LOOK, SCHEDULE, RECEPTION, REGISTER]),
    ):
        group, _created = Group.objects.get_or_create(name=name)
        for by_app in rights:
            for app, codenames in by_app.items():
                group.permissions.add(*Permission.objects.filter(content_type__app_label=app, codename__in=codenames))
