"""Administrators take somebody's right to play a recording, saying why, and give it back. Staff see both as facts."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from audit.ledger import actor_of
from consultations.models import Participant
from recordings import revocations
from recordings.facts_only import FactsOnly
from recordings.models import PlaybackRevocation, Recording, Share
from recordings.revocations import Why, WhyBack


class TakeForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        """Whoever could never watch it has nothing that can be taken: most likely the wrong one was chosen."""
        facts = super().clean() or {}
        recording, user = facts.get("recording"), facts.get("user")
        if recording and user:
            places = Participant.objects.filter(consultation=recording.consultation_id, user=user)
            if not places.exists() and not Share.objects.filter(recording=recording, grantee=user).exists():
                raise forms.ValidationError(
                    _("This person was not in that consultation, and it was not shared with them.")
                )
        return facts


class GiveBackForm(forms.ModelForm):  # type: ignore[type-arg]
    give_back = forms.BooleanField(
        label=_("Give the right back"),
        help_text=_("They can watch the recording again from this moment on, if it is still theirs to watch."),
    )
    why_back = forms.ChoiceField(
        label=_("Why it is given back"),
        choices=[("", "–"), *WhyBack.choices],
        help_text=_("It stands in the ledger. Both people of the consultation read it."),
    )


@admin.register(PlaybackRevocation)
class PlaybackRevocationAdmin(FactsOnly):
    """What is taken now stands first."""

    list_display = ("revoked_at", "account", "why", "started_at", "state")
    list_filter = ("why", ("ended_at", admin.EmptyFieldListFilter))
    list_select_related = ("recording", "user")
    ordering = (F("ended_at").asc(nulls_first=True), "-revoked_at")
    raw_id_fields = ("recording", "user")
    asked = ("recording", "user", "why")
    fields = (
        "account",
        "recording_pk",
        "started_at",
        "status",
        "why",
        "revoked_at",
        "revoked_by",
        "ended_at",
        "ended_by",
    )

    def get_fields(self, request: HttpRequest, obj: PlaybackRevocation | None = None) -> list[Any]:
        if obj is None:
            return list(self.asked)
        facts = super().get_fields(request, obj)
        return [*facts, "give_back", "why_back"] if self.has_change_permission(request, obj) else facts

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any) -> Any:
        return super().get_form(request, obj, change, form=GiveBackForm if obj else TakeForm, **more)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("recordings.add_playbackrevocation")

    def has_change_permission(self, request: HttpRequest, obj: PlaybackRevocation | None = None) -> bool:
        return request.user.has_perm("recordings.change_playbackrevocation") and (obj is None or obj.ended_at is None)

    def save_model(self, request: HttpRequest, obj: PlaybackRevocation, form: Any, change: bool) -> None:
        actor, now = actor_of(request), timezone.now()
        if change:
            why = WhyBack(form.cleaned_data["why_back"])
            revocations.restore_playback(obj, why=why, actor=actor, now=now)
            return
        made = revocations.revoke_playback(obj.recording, obj.user, why=Why(obj.why), actor=actor, now=now)
        obj.pk = made.pk

    @admin.display(description=_("whose right"))
    def account(self, revocation: PlaybackRevocation) -> str:
        return str(revocation.user)

    @admin.display(description=_("recorded"))
    def started_at(self, revocation: PlaybackRevocation) -> str:
        return date_format(timezone.localtime(revocation.recording.started_at), "DATETIME_FORMAT")

    @admin.display(description=_("recording is"))
    def status(self, revocation: PlaybackRevocation) -> str:
        return str(Recording.Status(revocation.recording.status).label)

    @admin.display(description=_("state"))
    def state(self, revocation: PlaybackRevocation) -> str:
        return str(_("given back")) if revocation.ended_at else str(_("taken"))
