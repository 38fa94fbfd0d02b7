"""App configurations of the project package: the default admin site and the system checks."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    default_site = "accounts.sites.StaffSite"


class TelehealthConfig(AppConfig):
    name = "telehealth"

    def ready(self) -> None:
        from telehealth import checks

        checks.register()
