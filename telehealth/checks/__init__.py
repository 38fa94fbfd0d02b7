"""Refuses dangerous combinations of settings and data, with a sentence each that says what to do.

`switches` looks at settings, `rights` at how single objects are guarded, `stored` at what lies in the database,
`deployed` at what a portal on the open network needs beside that. Ids are never used twice; docs/deployment.md says
what is refused when.
"""

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.checks import register as register_check
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from telehealth.checks import deployed, rights, stored, switches

# Django's own that nobody may start with: somebody who guesses the key can sign sessions.
REFUSED_TOO = {"security.W009"}


def register() -> None:
    register_check(switches.refuse_dangerous_settings, Tags.security)
    register_check(switches.refuse_unusable_storage, Tags.security)
    register_check(rights.refuse_pages_that_edit_grants, Tags.security)
    register_check(rights.refuse_shared_codenames, Tags.security)
    register_check(rights.refuse_superusers, Tags.security)
    register_check(deployed.refuse_what_serves_one_process_only, Tags.security, deploy=True)
    register_check(deployed.refuse_mail_that_reaches_nobody, Tags.security, deploy=True)
    register_check(deployed.warn_of_alerts_that_reach_nobody, Tags.security, deploy=True)
    register_check(deployed.warn_of_several_hosts_on_sqlite, Tags.security, deploy=True)
    register_check(rights.refuse_global_grants, Tags.database)
    register_check(rights.refuse_grants_in_other_tables, Tags.database)
    register_check(rights.refuse_a_superuser_column, Tags.database)
    register_check(stored.refuse_an_anonymous_person, Tags.database)
    register_check(stored.refuse_debugging_real_people, Tags.database)
    register_check(stored.refuse_a_missing_master_key, Tags.database)


def refuse_unsafe_start() -> None:
    """Stop a process that would serve people without the rules in place. Errors: ImproperlyConfigured.

    Behind TLS real people come in, so there everything is refused that `check --deploy` calls an error.
    """
    try:
        found = run_checks(
            tags=[Tags.database, Tags.security], include_deployment_checks=settings.USES_TLS, databases=["default"]
        )
    finally:
        connection.close()
    if serious := list(_refused(found)):
        raise ImproperlyConfigured("\n".join(f"{message.msg} {message.hint}" for message in serious))


def _refused(found: list[CheckMessage]) -> Iterator[CheckMessage]:
    """A missing guard is a warning, or nobody could run the `migrate` that installs it; nobody is served without."""
    for message in found:
        code = message.id or ""
        if (
            code in REFUSED_TOO
            or code.startswith("audit.")
            or (code.startswith("telehealth.") and message.is_serious())
        ):
            yield message
