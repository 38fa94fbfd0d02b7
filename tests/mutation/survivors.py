"""Mutants that no test can or need kill, each with the reason: by module, then (function, changed statement)."""

SAME_PATIENT = "Triggers keep a call's patient and its consultation's the same, so one question answers the other."
NO_ACCOUNT = "Who is not signed in has no account, and the active one that must exist is not found under None."
SURVIVORS: dict[str, dict[tuple[str, str], str]] = {
    "recordings/policy.py": {
        ("basis_for", "no if not user.is_authenticated:"): NO_ACCOUNT,
        ("playable_by", "no if not user.is_authenticated:"): NO_ACCOUNT,
    },
    "recordings/guard.py": {
        ("check_call", "owners = {'consultation__patient': recording.patient_id}"): SAME_PATIENT,
        ("check_call", "owners = {'patient': recording.patient_id}"): SAME_PATIENT,
    },
    "consultations/policy.py": {
        ("basis_for", "no if not user.is_authenticated:"): NO_ACCOUNT,
    },
    "patients/policy.py": {
        ("basis_for", "if not User.objects.filter(pk=user.pk, is_active=True).exists():"): NO_ACCOUNT,
    },
}
