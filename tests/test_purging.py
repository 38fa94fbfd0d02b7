"""What has served goes: notices that ended long ago, and sign-ins whose time is over."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import sessions
from notices import upkeep
from notices.models import Kind, Notice
from tests.cast import Cast

pytestmark = [pytest.mark.database, pytest.mark.django_db]
DAY = timedelta(days=1)


def test_notices_that_ended_long_ago_are_removed_and_no_others(cast: Cast, settings) -> None:
    settings.NOTICE_RETENTION_DAYS = 90
    Notice.objects.all().delete()
    user, long_ago = cast.ada.patient.user, cast.now - 91 * DAY

    def notice(kind: Kind, **ended: object) -> None:
        Notice.objects.create(
            user=user, kind=kind, object_type="recording", object_id=cast.ada.recording.pk, posted_at=long_ago,
            due_at=long_ago, **ended,
        )  # fmt: skip

    for kind, end in ((Kind.BOOKED, "sent_at"), (Kind.MOVED, "dropped_at"), (Kind.CANCELLED, "failed_at")):
        notice(kind, **{end: long_ago})
    notice(Kind.NEW_VIEWER, sent_at=long_ago)
    notice(Kind.WAITING)
    notice(Kind.SHARED, sent_at=cast.now - 89 * DAY)
    assert [upkeep.purge(now=cast.now) for _ in range(2)] == [3, 0]
    # Who was told of a viewer is not told again, what waits is still owed, what is young is still shown.
    assert set(Notice.objects.values_list("kind", flat=True)) == {Kind.NEW_VIEWER, Kind.WAITING, Kind.SHARED}


def test_ended_sign_ins_are_removed_with_what_is_known_of_their_browsers(cast: Cast) -> None:
    clients = {name: Client() for name in ("ended", "standing")}
    for client in clients.values():
        client.force_login(cast.ada.patient.user)
    keys = {name: client.session.session_key for name, client in clients.items()}
    UserSession.objects.all().delete()
    for key in (*keys.values(), "begun a moment ago"):
        UserSession.objects.create(user=cast.ada.patient.user, ip="127.0.0.1", user_agent="", session_key=key)
    UserSession.objects.filter(session_key__in=keys.values()).update(created_at=cast.now - 2 * DAY)
    Session.objects.filter(session_key=keys["ended"]).update(expire_date=cast.now - DAY)
    sessions.clear_ended(now=cast.now)
    assert list(Session.objects.values_list("session_key", flat=True)) == [keys["standing"]]
    known = set(UserSession.objects.values_list("session_key", flat=True))
    assert known == {keys["standing"], "begun a moment ago"}
