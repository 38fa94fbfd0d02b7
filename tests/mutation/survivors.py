"""Mutants that no test can or need kill, each with the reason: by module, then (function, changed statement)."""

SURVIVORS: dict[str, dict[tuple[str, str], str]] = {
    "recordings/policy.py": {},
    "recordings/guard.py": {},
    "consultations/policy.py": {},
    "patients/policy.py": {},
}
