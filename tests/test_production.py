"""The portal as it is deployed: two web processes, a worker and beat behind nginx, with PostgreSQL and Redis."""

import http.client
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from websockets.exceptions import InvalidStatus

from telehealth import demo
from tests.lines import SDP
from tests.production import DEPLOY, Browser, Front, Production, production

pytestmark = pytest.mark.services
POOL_SIZE = 4  # few, so that a connection that is not given back is missed soon
MOST_BYTES = 2 * 1024 * 1024
NOTHING = "/recordings/00000000-0000-4000-8000-000000000000"
VISITS = """
from datetime import timedelta
from django.utils import timezone
from consultations.models import Consultation, Participant
from patients.models import Clinician, Patient
from recordings.models import Recording
from telehealth import demo
now = timezone.now()
demo.renew(now)
demo.VisitInThePast._process = lambda self: None  # the worker does it
ada = Patient.objects.get(user__email="ada@demo.test")
demo.past_visit(ada, Clinician.objects.get(user__email="dr.lind@demo.test"), starts_at=now - timedelta(days=7))
planned = Consultation.objects.get(patient=ada, status="planned")
place = Participant.objects.get(consultation=planned, role="patient")
result = {"recording": Recording.objects.get().pk, "planned": planned.pk, "patient": place.pk}
"""

# What a third process, and nobody who serves anything, does.
PAUSE = """
from django.utils import timezone
from audit.ledger import PORTAL
from recordings import suspensions
scope = suspensions.Scope.EVERYTHING
result = suspensions.suspend(scope, reason="A check.", actor=PORTAL, now=timezone.now()).pk
"""
RESUME = """
from django.utils import timezone
from accounts.models import User
from audit.ledger import Actor
from recordings import suspensions
from recordings.models import PlaybackSuspension
somebody = Actor(User.objects.get(email="staff@demo.test").pk)
pause = PlaybackSuspension.objects.get(pk="{pause}")
suspensions.resume(pause, note="All is well.", actor=somebody, now=timezone.now())
result = None
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory) -> Iterator[Production]:
    directory = tmp_path_factory.mktemp("production")
    key = "a-key-of-the-length-and-variety-that-Django-asks-for-0123456789"
    more = {"ALLOWED_HOSTS": "localhost", "SECRET_KEY": key, "DEMO": "1", "SMALL_PICTURES": "1"}
    more["DATABASE_POOL_SIZE"] = str(POOL_SIZE)
    with production(directory, **more) as portal:
        yield portal


@pytest.fixture(scope="module")
def ids(portal: Production) -> dict[str, str]:
    return portal.run(VISITS)


@pytest.fixture(scope="module")
def ada(portal: Production, ids: dict[str, str]) -> Browser:
    return signed_in(portal.front, "ada@demo.test")


def signed_in(front: Front, email: str) -> Browser:
    browser = Browser(front)
    assert browser.sign_in(email, demo.PASSWORD).status == 302
    return browser


def test_http_leads_to_https_and_https_says_to_stay(portal: Production) -> None:
    answer = portal.front.ask("/recordings/?page=2", tls=False, X_Forwarded_Proto="https")
    assert (answer.status, answer.headers["Location"]) == (301, f"{portal.front.origin}/recordings/?page=2")
    answer = portal.front.ask("/account/login/", X_Forwarded_Proto="http", X_Forwarded_Host="evil.example")
    assert answer.status == 200 and answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert answer.headers["Server"] == "nginx"


def test_another_name_gets_no_answer(portal: Production) -> None:
    for tls in (True, False):
        with pytest.raises(http.client.RemoteDisconnected):
            portal.front.ask("/healthz", tls=tls, Host="evil.example")
    strangers = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", portal.front.https)) as line,
        pytest.raises(ssl.SSLError, match="unrec"),
    ):
        strangers.wrap_socket(line, server_hostname="evil.example")


def test_sign_in_takes_a_form_of_this_origin_only_and_its_cookies_stay_on_tls(portal: Production, ids) -> None:
    browser = Browser(portal.front)
    assert browser.sign_in("ada@demo.test", demo.PASSWORD, origin="https://evil.example").status == 403
    assert "sessionid" not in browser.cookies
    assert browser.sign_in("ada@demo.test", demo.PASSWORD).status == 302
    held = [line for line in browser.set_cookies if line.startswith(("sessionid=", "csrftoken="))]
    assert len(held) >= 2 and all("; Secure" in line and "; HttpOnly" in line for line in held)
    assert browser.ask("/").status == 200


def test_people_in_different_web_processes_talk_through_redis(portal: Production, ids, ada: Browser) -> None:
    osei = signed_in(portal.front, "dr.osei@demo.test")
    with pytest.raises(InvalidStatus), ada.opens(ids["planned"], origin="https://evil.example"):
        pass
    hers, his = ada.at(portal.first).opens(ids["planned"]), osei.at(portal.second).opens(ids["planned"])
    with hers as ada_line, his as osei_line:
        ada_sid, osei_sid = ada_line.enters()["sid"], osei_line.enters()["sid"]
        assert osei_line.ask("admit", participant=ids["patient"])["t"] == "ack"
        generation = ada_line.hears(t="pair")["gen"]
        assert osei_line.hears(t="pair")["gen"] == generation
        assert ada_line.ask("sig.offer", to=osei_sid, gen=generation, neg=1, sdp=SDP)["t"] == "ack"
        offer = osei_line.hears(t="sig.offer")
        assert (offer["from"], offer["sdp"]) == (ada_sid, SDP)
        assert osei_line.ask("sig.answer", to=ada_sid, gen=generation, neg=1, sdp=SDP)["t"] == "ack"
        assert ada_line.hears(t="sig.answer")["from"] == osei_sid


def test_the_worker_makes_a_replay_that_only_its_people_can_play(portal: Production, ids, ada: Browser) -> None:
    url, until = portal.environment["DATABASE_URL"], time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as link:
        while link.execute("SELECT status FROM recordings_recording").fetchone() != ("ready",):
            assert time.monotonic() < until, (portal.directory / "worker.log").read_text()[-3000:]
            time.sleep(0.1)
    path = f"/recordings/{ids['recording']}/media/"
    whole = ada.ask(path)
    total = int(whole.headers["Content-Length"])
    part = ada.ask(path, Range="bytes=0-")
    assert part.status == 206 and len(part.body) == min(total, MOST_BYTES)
    assert part.headers["Content-Range"] == f"bytes 0-{len(part.body) - 1}/{total}"
    assert part.headers["Cache-Control"] == "private, no-store"
    assert part.body.startswith(b"\x1aE\xdf\xa3") and ada.ask(path, Range="bytes=4-99").body == part.body[4:100]
    ben = signed_in(portal.front, "ben@demo.test")
    strange, absent = ben.ask(path, Range="bytes=0-"), ben.ask(f"{NOTHING}/media/", Range="bytes=0-")
    assert (strange.status, strange.body) == (absent.status, absent.body) == (404, absent.body)
    assert Browser(portal.front).ask(path).status == 401


def test_a_pause_holds_in_every_web_process_with_the_next_request(portal: Production, ids, ada: Browser) -> None:
    path = f"/recordings/{ids['recording']}/media/"

    def answers() -> list[int]:
        return [ada.at(front).ask(path, Range="bytes=0-99").status for front in (portal.first, portal.second)]

    assert answers() == [206, 206]
    pause = portal.run(PAUSE)
    assert answers() == [503, 503]
    portal.run(RESUME.format(pause=pause))
    assert answers() == [206, 206]


def test_a_body_over_the_limit_is_refused_before_it_is_sent(portal: Production, ada: Browser) -> None:
    limit, path = settings.REQUEST_BODY_LIMIT_BYTES, "/api/v1/segments/00000000-0000-4000-8000-000000000000/chunks/0/"
    for address in (path, "/account/login/"):
        line = portal.front.line()
        line.putrequest("PUT", address)
        line.putheader("Content-Length", str(limit + 1))
        line.endheaders()
        assert line.getresponse().status == 413
        line.close()
    assert ada.ask(path, "PUT", body=bytes(limit)).status in {401, 403, 404}


def test_static_files_come_from_nginx_and_nothing_else_does(portal: Production) -> None:
    page = portal.front.ask("/account/login/").body.decode()
    hashed = re.search(r"/static/css/[\w.]+\.[0-9a-f]{12}\.css", page)
    assert hashed
    answer = portal.front.ask(hashed[0], Accept_Encoding="gzip")
    assert answer.status == 200 and answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    plain = re.sub(r"\.[0-9a-f]{12}", "", hashed[0])
    assert portal.front.ask(plain).headers["Cache-Control"] == "public, max-age=60"
    assert portal.front.ask(hashed[0], "POST", body=b"x").status == 403
    (portal.directory / "cache/outside.txt").write_text("a secret beside the static files")
    (portal.directory / "data/outside.txt").write_text("a secret in the data directory")
    for path in (
        "/static/../outside.txt", "/static/%2e%2e/outside.txt", "/static../outside.txt", "/static/..%2foutside.txt",
        "/static/css/../../outside.txt", "/static/../../data/outside.txt", "/static//../outside.txt",
        "/static/..\\outside.txt", "/outside.txt", "/static/", "/static/css/",
    ):  # fmt: skip
        found = portal.front.ask(path)
        assert found.status in {302, 400, 403, 404} and b"a secret" not in found.body, path


def test_addresses_that_are_somebodys_are_not_written_down(portal: Production) -> None:
    portal.front.ask("/account/password/reset/key/some-token/?next=/some-query")
    portal.front.ask("/recordings/?q=some-query", Referer="https://localhost/some-referrer")
    log = portal.directory / "portal.log"
    # A line is written once its answer has gone.
    portal.webs["1"].wait_until(lambda: all(f" {path} " in log.read_text() for path in ("/account/", "/recordings/")))
    assert "some-" not in log.read_text()


def test_requests_that_are_broken_off_give_their_database_connection_back(portal: Production, ids, ada) -> None:
    """More of them than a process has connections to lend."""
    path = f"/recordings/{ids['recording']}/media/"
    for _ in range(2 * POOL_SIZE):
        line = portal.first.line()
        line.request("GET", path, headers={"Cookie": ada.cookie})
        line.close()
    assert ada.at(portal.first).ask("/recordings/").status == 200


def test_the_portal_goes_on_when_a_web_process_dies(portal: Production, ada: Browser) -> None:
    os.kill(portal.webs["1"].process.pid, signal.SIGKILL)
    portal.webs["1"].process.wait(10)
    for _ in range(6):
        assert ada.ask("/").status == 200
    assert signed_in(portal.front, "ben@demo.test").ask("/recordings/").status == 200


def test_nginx_and_the_portal_refuse_the_same_sizes() -> None:
    said = re.findall(r"client_max_body_size (\d+);", (DEPLOY / "nginx.conf").read_text())
    assert said == [str(settings.REQUEST_BODY_LIMIT_BYTES)]


def test_every_name_of_the_example_is_explained() -> None:
    names = re.findall(r"^([A-Z_]+)=", (DEPLOY / "portal.env.example").read_text(), re.M)
    explained = (settings.BASE_DIR / "docs/deployment.md").read_text()
    assert len(names) > 8 and [name for name in names if f"`{name}`" not in explained] == []
