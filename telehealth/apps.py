"""App configurations of the project package: the default admin site and the system checks."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class StaffAdminConfig(AdminConfig):
    default_site = "accounts.sites.StaffSite"


class TelehealthConfig(AppConfig):
    name = "telehealth"

    def ready(self) -> None:
        from telehealth import checks, groups

        checks.register()
        # guardian stands behind our apps and auth's: by then every permission has been made.
        behind = apps.get_app_config("guardian")
        post_migrate.connect(groups.make_groups, sender=behind, dispatch_uid="telehealth.groups")
