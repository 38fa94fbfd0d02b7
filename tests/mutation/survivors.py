"""Mutants that no test can or need kill, each with the reason: by module, then (function, changed statement)."""

NO_ACCOUNT = "Who is not signed in has no account, and the active one that must exist is not found under None."
SIGNED_FIRST = "No database row is shared without being signed: a constraint refuses it."
SURVIVORS: dict[str, dict[tuple[str, str], str]] = {
    "recordings/policy.py": {
        ("basis_for", "no if not user.is_authenticated:"): NO_ACCOUNT,
        ("basis_for", "no return Recording.objects.none()"): NO_ACCOUNT,
        ("playable_by", "no if not user.is_authenticated:"): NO_ACCOUNT,
        ("playable_by", "no return Recording.objects.none()"): NO_ACCOUNT,
    },
    "recordings/guard.py": {},
    "consultations/policy.py": {
        ("basis_for", "no if not user.is_authenticated:"): NO_ACCOUNT,
        ("basis_for", "no return Consultation.objects.none()"): NO_ACCOUNT,
        ("readable_notes", "received = Q(patient__user=user.pk, shared_at__isnull=False)"): SIGNED_FIRST,
    },
    "patients/policy.py": {
        ("basis_for", "if not User.objects.filter(pk=user.pk, is_active=True).exists():"): NO_ACCOUNT,
    },
}
