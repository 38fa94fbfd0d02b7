from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"

    def ready(self) -> None:
        from audit import triggers

        triggers.register(
            triggers.immutable("patients_patient", ["vault_id"]),
            triggers.immutable("patients_patientkey", ["patient_id", "version"]),
        )
