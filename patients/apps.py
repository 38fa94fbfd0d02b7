from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = _("Patients and clinicians")

    def ready(self) -> None:
        from accounts import reconciliation
        from audit import people, triggers
        from patients import clinic, grants, lookup  # noqa: F401  registers the clinicians' pages

        triggers.register(
            triggers.immutable("patients_patient", ["vault_id"]),
            triggers.immutable("patients_patientkey", ["patient_id", "version"]),
        )
        reconciliation.register(grants.RULE)
        people.register(lookup.known)
