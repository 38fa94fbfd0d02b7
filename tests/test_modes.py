"""Audio to video and back: a question, its answers, and never more than one step for one agreement."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone

from consultations import calls, modes, presence, tasks
from consultations.calls import Refused
from consultations.models import Call, Mode, Participant
from consultations.protocol import MESSAGES
from tests.lines import House, Room, calm, common_database, make_side, opened_house

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module", autouse=True)
def database(django_db_blocker) -> Iterator[None]:
    with common_database(django_db_blocker):
        yield


@pytest.fixture
def house() -> Iterator[House]:
    with opened_house() as house:
        yield house


class Talk:
    """A call without sockets, at handed-in times."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self.side = make_side("Ada")
        self.call = calls.open_call(self.side.planned, now=self.now)
        for place in self.side.planned.participants.all():
            facts = {"tab": str(place.pk), "channel": str(place.pk), "resume_sid": "", "takeover": False}
            presence.join(self.call, place, now=self.now, **facts)
            presence.ready(self.call.pk, by=place, mic="on", now=self.now)
        self.admitted = str(self.patient.pk)
        calls.admit(self.call.pk, participant_id=self.admitted, now=self.now)
        self.call.refresh_from_db()

    def place(self, role: str) -> Participant:
        return Participant.objects.get(consultation=self.side.planned, role=role)

    @property
    def patient(self) -> Participant:
        return self.place("patient")

    @property
    def clinician(self) -> Participant:
        return self.place("clinician")

    def passes(self, time: timedelta) -> datetime:
        self.now += time
        return self.now

    def request(self, by: Participant, want: str, epoch: int | None = None) -> None:
        self.call.refresh_from_db()
        modes.request(self.call.pk, by=by, want=want, epoch=self.call.epoch if epoch is None else epoch, now=self.now)

    def answer(self, by: Participant, answer: str, question: str = "") -> None:
        question = question or Call.objects.get(pk=self.call.pk).question["id"]
        modes.answer(self.call.pk, by=by, question_id=question, answer=answer, now=self.now)

    @property
    def state(self) -> SimpleNamespace:
        call = Call.objects.get(pk=self.call.pk)
        return SimpleNamespace(mode=call.mode, epoch=call.epoch, question=call.question, seq=call.seq)

    def last(self, kind: str) -> dict:
        return self.call.events.filter(kind=kind).order_by("-seq").first().payload

    def refuses(self, code: str, work: Callable[[], None]) -> None:
        before = self.state
        with pytest.raises(Refused) as refused:
            work()
        assert (refused.value.code, self.state) == (code, before)


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_video_is_a_question_and_begins_when_the_other_accepts(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    ben, _ = Room(house.portal, house.ben).begins()
    assert osei.ask("mode.request", want="video", epoch=1)["t"] == "ack"
    question = ada.hears("mode.asked")["question"]
    assert set(question) == {"id", "by", "want", "asked_at", "expires_at"}
    assert (question["by"], question["want"], room.call.mode) == (room.id_of("clinician"), "video", "audio")
    assert ada.ask("mode.answer", question=question["id"], answer="accept")["t"] == "ack"
    for line in (ada, osei):
        changed = line.hears("mode.changed")
        assert (changed["mode"], changed["epoch"], changed["by"]) == ("video", 2, room.id_of("clinician"))
        assert (changed["camera_off"], changed["question"]) == ([], None)
    calm(ben)
    assert not ben.said("mode.asked") and not ben.said("mode.changed")


def test_a_declined_question_changes_nothing_and_can_be_asked_again(talk: Talk) -> None:
    talk.request(talk.patient, "video")
    talk.answer(talk.clinician, "decline")
    assert talk.last("mode.declined") == {"question": None, "by": str(talk.clinician.pk), "why": "declined"}
    assert (talk.state.mode, talk.state.epoch, talk.state.question) == ("audio", 1, None)
    talk.request(talk.patient, "video")
    assert talk.state.question


def test_a_question_lapses_after_half_a_minute_and_not_before(talk: Talk) -> None:
    talk.request(talk.clinician, "video")
    question = talk.state.question["id"]
    talk.passes(modes.QUESTION_LASTS - SECOND)
    seq = talk.state.seq
    modes.lapse(talk.call.pk, now=talk.now)
    assert talk.state.seq == seq
    talk.passes(SECOND)
    talk.refuses("no_question", lambda: talk.answer(talk.patient, "accept", question))
    for _ in range(2):
        modes.lapse(talk.call.pk, now=talk.now)
    assert talk.last("mode.declined") == {"question": None, "by": None, "why": "lapsed"}
    assert (talk.state.seq, talk.state.mode, talk.state.question) == (seq + 1, "audio", None)


def test_a_question_that_lapsed_unseen_is_not_shown_and_not_in_the_way(talk: Talk) -> None:
    talk.request(talk.clinician, "video")
    first = talk.state.question["id"]
    talk.passes(modes.QUESTION_LASTS)
    assert modes.question_view(Call.objects.get(pk=talk.call.pk), talk.now) is None
    talk.request(talk.patient, "video")
    assert (talk.state.mode, talk.state.question["by"]) == ("audio", str(talk.patient.pk))
    assert talk.state.question["id"] != first


def test_open_sockets_close_a_question_in_time(house: House, monkeypatch) -> None:
    monkeypatch.setattr(modes, "QUESTION_LASTS", timedelta(seconds=0.4))
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    osei.ask("mode.request", want="video", epoch=1)
    for line in (ada, osei):
        assert line.hears("mode.declined")["why"] == "lapsed"
    calm(ada, osei)
    assert [len(line.said("mode.declined")) for line in (ada, osei)] == [1, 1]


def test_the_sweep_closes_a_question_that_no_socket_closed(talk: Talk, monkeypatch) -> None:
    talk.request(talk.clinician, "video")
    Call.objects.filter(pk=talk.call.pk).update(
        question=talk.state.question | {"expires_at": (timezone.now() - SECOND).isoformat()}
    )
    tasks.sweep()
    assert (talk.state.question, talk.last("mode.declined")["why"]) == (None, "lapsed")


def test_two_people_who_ask_each_other_agree_in_one_step(talk: Talk) -> None:
    talk.request(talk.clinician, "video")
    talk.request(talk.patient, "video")
    assert (talk.state.mode, talk.state.epoch, talk.state.question) == ("video", 2, None)
    talk.refuses("stale_epoch", lambda: talk.request(talk.clinician, "video", epoch=1))


def test_asking_twice_asks_once(talk: Talk) -> None:
    talk.request(talk.clinician, "video")
    before = talk.state
    talk.request(talk.clinician, "video")
    assert talk.state == before


def test_two_requests_at_one_moment_make_one_step() -> None:
    for _ in range(4):
        talk = Talk()
        start = threading.Barrier(2)

        def asks(by: Participant, talk: Talk = talk, start=start) -> None:
            try:
                start.wait()
                modes.request(talk.call.pk, by=by, want="video", epoch=1, now=talk.now)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as both:
            list(both.map(asks, (talk.patient, talk.clinician)))  # raises what either of them raised
        assert (talk.state.mode, talk.state.epoch, talk.state.question) == ("video", 2, None)
        seqs = list(talk.call.events.order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, talk.state.seq + 1))
        assert talk.call.events.filter(kind="mode.changed").count() == 1


def test_two_answers_at_one_moment_count_once() -> None:
    talk = Talk()
    talk.request(talk.clinician, "video")
    question, start, refused = talk.state.question["id"], threading.Barrier(2), []

    def answers(answer: str) -> None:
        try:
            start.wait()
            modes.answer(talk.call.pk, by=talk.patient, question_id=question, answer=answer, now=talk.now)
        except Refused as error:
            refused.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=answers, args=(answer,)) for answer in ("accept", "decline")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["no_question"]
    assert talk.state.epoch == (2 if talk.state.mode == "video" else 1)


def test_a_request_that_saw_an_older_call_gets_the_present_one(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    for epoch in (0, 2):
        stale = ada.ask("mode.request", want="video", epoch=epoch)
        assert (stale["code"], stale["snapshot"]["epoch"], stale["snapshot"]["mode"]) == ("stale_epoch", 1, "audio")
    assert not osei.said("mode.asked") and room.call.question is None


def test_the_mode_changes_once_in_two_seconds_at_most(talk: Talk) -> None:
    talk.request(talk.clinician, "video")
    talk.answer(talk.patient, "accept")
    talk.passes(modes.DWELL - timedelta(milliseconds=1))
    talk.refuses("dwell", lambda: talk.request(talk.patient, "audio"))
    talk.passes(timedelta(milliseconds=1))
    talk.request(talk.patient, "audio")
    assert (talk.state.mode, talk.state.epoch) == ("audio", 3)


@pytest.mark.parametrize("role", ["patient", "clinician"])
def test_either_goes_back_to_audio_at_once_and_every_camera_is_off(talk: Talk, role: str) -> None:
    talk.request(talk.clinician, "video")
    talk.answer(talk.patient, "accept")
    for person, video in ((talk.patient, "on"), (talk.clinician, "interrupted")):
        presence.update_media(talk.call.pk, by=person, audio=None, video=video, now=talk.now)
    talk.passes(modes.DWELL)
    talk.request(talk.place(role), "audio")
    assert (talk.state.mode, talk.state.epoch) == ("audio", 3)
    assert (talk.patient.video, talk.clinician.video) == ("off", "off")
    told = talk.call.events.filter(kind="media").order_by("-seq")[:2]
    assert {event.payload["participant"]["video"] for event in told} == {"off"}
    off = {"by": talk.place(role), "audio": None, "video": "on", "now": talk.now}
    talk.refuses("forbidden", lambda: presence.update_media(talk.call.pk, **off))


def test_a_question_closes_when_its_asker_goes(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.begins()
    osei.ask("mode.request", want="video", epoch=1)
    question = ada.hears("mode.asked")["question"]["id"]
    osei.drop()
    gone = ada.hears("mode.declined")
    assert (gone["why"], gone["question"], gone["by"]) == ("gone", None, room.id_of("clinician"))
    assert ada.ask("mode.answer", question=question, answer="accept")["code"] == "no_question"
    assert room.call.mode == "audio"


def test_a_question_outlives_the_line_of_the_one_who_was_asked(talk: Talk) -> None:
    talk.request(talk.clinician, "video")
    patient = talk.patient
    presence.drop(patient, sid=patient.sid, channel=patient.channel, now=talk.now)
    assert talk.state.question


def test_nobody_answers_their_own_an_old_or_an_answered_question(talk: Talk) -> None:
    talk.request(talk.clinician, "video")
    first = talk.state.question["id"]
    talk.refuses("no_question", lambda: talk.answer(talk.clinician, "accept"))
    talk.refuses("no_question", lambda: talk.answer(talk.patient, "accept", "0" * 32))
    talk.answer(talk.patient, "decline")
    talk.request(talk.clinician, "video")
    talk.refuses("no_question", lambda: talk.answer(talk.patient, "accept", first))
    second = talk.state.question["id"]
    talk.answer(talk.patient, "accept")
    talk.refuses("no_question", lambda: talk.answer(talk.patient, "accept", second))
    assert talk.state.epoch == 2


def test_who_accepts_with_the_camera_off_is_named(talk: Talk) -> None:
    talk.request(talk.clinician, "video")
    talk.answer(talk.patient, "accept_camera_off")
    assert talk.last("mode.changed")["camera_off"] == [str(talk.patient.pk)]
    assert talk.state.mode == "video"


def test_nobody_is_asked_who_is_not_there(talk: Talk) -> None:
    patient = talk.patient
    presence.drop(patient, sid=patient.sid, channel=patient.channel, now=talk.now)
    talk.refuses("no_peer", lambda: talk.request(talk.clinician, "video"))


def test_a_waiting_patient_and_a_guest_switch_nothing(house: House) -> None:
    room = Room(house.portal, house.ada)
    ada, osei = room.both()
    for line in (ada, osei):
        assert line.ask("mode.request", want="video", epoch=0)["code"] == "not_admitted"
        assert line.ask("mode.answer", question="x", answer="accept")["code"] == "not_admitted"
    osei.ask("admit", participant=room.id_of("patient"))
    for want in ("photo", None, ["video"], Mode.VIDEO.upper()):
        assert ada.ask("mode.request", want=want, epoch=1)["code"] == "bad_shape"
    assert all(MESSAGES[t].roles == {"patient", "clinician"} for t in ("mode.request", "mode.answer"))
