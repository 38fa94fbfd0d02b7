"""People who can sign in."""

import uuid
import zoneinfo

from django.conf import settings
from django.contrib.auth.models import AbstractUser, AnonymousUser, BaseUserManager, Group
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

ADMINISTRATORS = gettext_noop("Administrators")
STAFF = gettext_noop("Staff")


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("%(name)s is not a known time zone."), params={"name": name})


validate_phone = RegexValidator(
    r"^\+?[0-9][0-9 ()-]{4,30}$", _("Write the number with digits, spaces and an optional + at its start.")
)


def default_time_zone() -> str:
    return settings.DEFAULT_PERSON_TIME_ZONE


class UserManager(BaseUserManager["User"]):
    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **facts: object) -> "User":
        """Create a person; without a password they cannot sign in by one."""
        if not email:
            raise ValueError("A person needs an email address.")
        user = self.model(email=self.normalize_email(email), **facts)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **facts: object) -> "User":
        """Create a member of the Administrators group: there is no superuser in this product."""
        facts.pop("is_superuser", None)
        user = self.create_user(email, password, **{**facts, "is_staff": True})
        user.groups.add(Group.objects.get_or_create(name=ADMINISTRATORS)[0])
        return user

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email__iexact=email)


class User(AbstractUser):
    """Somebody with a sign-in: patient, clinician or staff. `is_staff` means staff and nothing else."""

    # SECURITY: the oldest bypass of Django and guardian, gone: no column can make this true.
    is_superuser = False
    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("email address"))
    name = models.CharField(_("name"), max_length=200)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default=default_time_zone, validators=[validate_time_zone]
    )
    language = models.CharField(_("language"), max_length=16, default="en-gb")
    phone = models.CharField(_("phone number"), max_length=32, blank=True, validators=[validate_phone])
    date_joined = models.DateTimeField(_("account made"), default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()  # type: ignore[assignment,misc]

    class Meta:
        verbose_name, verbose_name_plural = _("user"), _("users")
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="one_account_per_email",
                violation_error_message=_("Somebody already signs in with this email address."),
            )
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]


# Whoever asks: every rule starts by giving nothing to somebody who is not signed in.
Viewer = User | AnonymousUser
