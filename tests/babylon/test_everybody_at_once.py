"""The case of June 2020: people switch between audio and video, all at once, and everybody is shown their own."""

import pytest

from audit import ledger
from recordings.models import Recording
from tests.babylon.run import Outcome, replay_of, run, seed
from tests.figures import record
from tests.replays import Viewer
from tests.visits import CANVAS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.isolation]


@pytest.fixture(autouse=True)
def small_pictures(settings) -> None:
    settings.RECORDING_CANVAS = CANVAS


def everybody_has_only_their_own(outcome: Outcome, seed: int) -> None:
    calls, lists, size = outcome.calls, outcome.lists, f"{len(outcome.people)} patients (seed {seed})"
    is_right = {call.person.mark.number: outcome.is_right(call) for call in calls}
    right = sum(call.switched for call in calls if is_right[call.person.mark.number])
    wrong = [call for call in calls if not is_right[call.person.mark.number]]
    tried, refused = sum(call.tried for call in calls), sum(call.refused for call in calls)
    record(f"switches of {size} whose parts hold their owner alone", f"{right} of {outcome.switches}", "all")
    record(f"foreign rows in {len(lists.looks)} lists during it", len(lists.foreign()), "0")
    record("misused tokens, leases and ids refused, with nothing stored", f"{refused} of {tried}", "all")
    assert [outcome.told_of(call) for call in wrong] == []
    assert lists.foreign() == []
    assert lists.own_rows() > len(lists.looks) / 6
    assert {look.status for look in lists.looks} == {200}
    assert refused == tried >= len(calls)
    assert {call.recording.status for call in calls} <= set(Recording.PLAYABLE)
    assert outcome.misplaced() == outcome.unsound() == []
    assert ledger.first_fault() is None


def everybody_is_served_their_own(outcome: Outcome) -> None:
    """The replay that was judged is the one that its two people get, and its neighbour does not."""
    for call in outcome.calls:
        for user in (call.person.patient.user, call.person.clinician.user):
            answer = Viewer(user).get(call.recording.pk)
            assert answer.status_code == 200
            assert answer.body == replay_of(call.recording)
        stranger = Viewer(call.neighbour.person.patient.user).get(call.recording.pk)
        assert stranger.status_code == 404


def test_five_patients_switch_twenty_times_each() -> None:
    outcome = run(5, 20, seed=(chosen := seed()))
    everybody_has_only_their_own(outcome, chosen)
    everybody_is_served_their_own(outcome)


@pytest.mark.database
@pytest.mark.long
def test_fifty_patients_switch_a_thousand_times() -> None:
    outcome = run(50, 20, seed=(chosen := seed()))
    everybody_has_only_their_own(outcome, chosen)
    everybody_is_served_their_own(outcome)
