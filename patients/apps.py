from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"

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
