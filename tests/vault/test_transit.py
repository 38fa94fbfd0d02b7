"""A master key in HashiCorp Vault: it opens keysets for their patient only, and says clearly when it cannot."""

import base64
import logging
import os
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from recordings.vault import (
    KeyRefused,
    MasterKey,
    MasterKeyUnusable,
    Vault,
    hashicorp,
    new_wrapped_keyset,
    rewrap,
    unwrap,
)
from recordings.vault.identity import keyset_associated_data
from recordings.vault.stores import Store
from tests.transit import SEALED, SLOW, Answer, Transit, make_certificate


@pytest.fixture
def uri(transit: Transit) -> str:
    return transit.new_key()


@pytest.fixture
def key(uri: str) -> MasterKey:
    return MasterKey.load(uri)


def test_a_keyset_wrapped_in_vault_comes_back_for_its_patient_and_version_only(key: MasterKey) -> None:
    patient = uuid4()
    wrapped = new_wrapped_keyset(key, patient, 1)
    secret = unwrap(key, wrapped, patient, 1).wrap_small(b"secret", b"for")
    assert unwrap(key, wrapped, patient, 1).unwrap_small(secret, b"for") == b"secret"
    for other, version in ((uuid4(), 1), (patient, 2)):
        with pytest.raises(KeyRefused):
            unwrap(key, wrapped, other, version)


def test_patient_and_version_are_what_vault_binds(key: MasterKey, transit: Transit) -> None:
    patient = uuid4()
    transit.asked.clear()
    unwrap(key, new_wrapped_keyset(key, patient, 7), patient, 7)
    bound = {base64.b64decode(asked.body["associated_data"]) for asked in transit.asked}
    assert bound == {keyset_associated_data(patient, 7)}


def test_a_damaged_or_foreign_keyset_is_refused(key: MasterKey, transit: Transit, master: MasterKey) -> None:
    patient = uuid4()
    wrapped = new_wrapped_keyset(key, patient, 1)
    place = wrapped.index(b"vault:v1:") + 30
    damaged = wrapped[:place] + (b"A" if wrapped[place : place + 1] != b"A" else b"B") + wrapped[place + 1 :]
    another = new_wrapped_keyset(MasterKey.load(transit.new_key("another")), patient, 1)
    for blob in (damaged, another, b"", b"not a keyset", new_wrapped_keyset(master, patient, 1)):
        with pytest.raises(KeyRefused):
            unwrap(key, blob, patient, 1)
    assert unwrap(key, wrapped, patient, 1)


def test_a_keyset_moves_from_a_file_to_vault_and_back(key: MasterKey, master: MasterKey) -> None:
    patient = uuid4()
    before = new_wrapped_keyset(master, patient, 1)
    secret = unwrap(master, before, patient, 1).wrap_small(b"secret", b"for")
    moved = rewrap(master, key, before, patient, 1)
    back = rewrap(key, master, moved, patient, 1)
    for opening, wrapped in ((key, moved), (master, back)):
        assert unwrap(opening, wrapped, patient, 1).unwrap_small(secret, b"for") == b"secret"


def test_a_key_rotated_in_vault_opens_what_its_older_versions_sealed(key: MasterKey, transit: Transit) -> None:
    patient = uuid4()
    older = new_wrapped_keyset(key, patient, 1)
    transit.keys["portal"].rotate()
    newer = new_wrapped_keyset(key, patient, 2)
    assert b"vault:v1:" in older and b"vault:v2:" in newer
    assert unwrap(key, older, patient, 1) and unwrap(key, newer, patient, 2)
    transit.keys["portal"].min_decryption_version = 2
    with pytest.raises(MasterKeyUnusable, match="Lower its min_decryption_version"):
        unwrap(key, older, patient, 1)
    assert MasterKey.load(transit_uri(transit)), "a version given up is no reason to refuse the key"
    transit.keys["portal"].min_decryption_version = 1
    transit.keys["portal"].versions.pop()
    with pytest.raises(MasterKeyUnusable, match="Restore it"):
        unwrap(key, newer, patient, 2)


def transit_uri(transit: Transit, name: str = "portal") -> str:
    return f"hcvault://{transit.host}/{transit.mount}/keys/{name}?tls=off"


def test_vault_is_asked_once_for_a_keyset_that_is_used_often(key: MasterKey, transit: Transit, store: Store) -> None:
    vault, patient = Vault(store, key), uuid4()
    wrapped = vault.new_key(patient, 1)
    transit.asked.clear()
    for _ in range(5):
        vault.keyset(patient, 1, wrapped)
    assert [asked.verb for asked in transit.asked] == ["decrypt"]


FAULTS = {
    "sealed": (SEALED, "Unseal it"),
    "not its leader": (Answer(473), "Try again later"),
    "too many requests": (Answer.error(429, "request path is rate limited"), "Try again later"),
    "broken inside": (Answer.error(500, "internal error"), "Try again later"),
    "a refusal without a word": (Answer(400), "Try again later"),
    "a page": (Answer(200, b"<html>hello</html>"), "Try again later"),
    "a list": (Answer(200, b"[]"), "Try again later"),
    "a broken page": (Answer(500, b"[]"), "Try again later"),
    "no data": (Answer(200, b'{"data": []}'), "Try again later"),
    "other data": (Answer.data(other="dGVsZWhlYWx0aA=="), "Try again later"),
    "numbers": (Answer.data(plaintext=1, ciphertext=1), "Try again later"),
    "what is no base64": (Answer.data(plaintext="?", ciphertext="?"), "Try again later"),
    "what is no text": (Answer.data(plaintext="\ud800", ciphertext="\ud800"), "Try again later"),
    "nothing": (Answer(204), "Try again later"),
    "no such engine": (Answer.error(404, "no handler for route"), "Check the mount"),
    "a derived key": (Answer.error(400, "missing 'context' for key derivation; …"), "derived=false"),
    "a policy that has changed": (Answer.error(403, "permission denied"), "lacks update"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_vault_that_fails_is_said_and_not_taken_for_a_wrong_keyset(key: MasterKey, transit: Transit, fault) -> None:
    answer, sentence = FAULTS[fault]
    wrapped = new_wrapped_keyset(key, patient := uuid4(), 1)
    transit.fails(answer)
    for attempt in (lambda: unwrap(key, wrapped, patient, 1), lambda: new_wrapped_keyset(key, patient, 2)):
        with pytest.raises(MasterKeyUnusable, match=sentence):
            attempt()
    transit.fails(None)
    assert unwrap(key, wrapped, patient, 1)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_vault_that_fails_at_any_step_is_refused_at_the_start(uri: str, transit: Transit, after: int) -> None:
    transit.fails(SEALED, after=after)
    with pytest.raises(MasterKeyUnusable, match="Unseal it"):
        MasterKey.load(uri)


def test_a_vault_that_does_not_answer_in_time_is_not_waited_for(key: MasterKey, transit: Transit, monkeypatch) -> None:
    wrapped = new_wrapped_keyset(key, patient := uuid4(), 1)
    monkeypatch.setattr(hashicorp, "TIMEOUTS_S", (2.0, 0.05))
    transit.fails(SLOW)  # until the test has ended
    with pytest.raises(MasterKeyUnusable, match="does not answer in time"):
        unwrap(key, wrapped, patient, 1)


def test_every_request_has_its_limit_of_time(uri: str, transit: Transit, monkeypatch: pytest.MonkeyPatch) -> None:
    limits, real = [], requests.Session.send

    def send(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        limits.append(options["timeout"])
        return real(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", send)
    MasterKey.load(uri)
    assert limits == [hashicorp.TIMEOUTS_S] * len(transit.asked) and sum(hashicorp.TIMEOUTS_S) <= 12


def test_a_host_that_is_gone_is_a_clear_refusal(transit: Transit) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(MasterKeyUnusable, match="cannot be reached"):
            MasterKey.load(f"hcvault://127.0.0.1:{closed.getsockname()[1]}/transit/keys/portal?tls=off")


def test_a_vault_that_binds_nothing_is_refused_at_the_start(uri: str, transit: Transit) -> None:
    transit.binds = False
    with pytest.raises(MasterKeyUnusable, match=r"Use version 1\.13"):
        MasterKey.load(uri)


def test_a_key_of_a_type_that_binds_nothing_is_refused_at_the_start(uri: str, transit: Transit) -> None:
    transit.keys["portal"].is_aead = False
    with pytest.raises(MasterKeyUnusable, match="type aes256-gcm96"):
        MasterKey.load(uri)


def test_a_key_that_does_not_open_is_refused_at_the_start(uri: str, transit: Transit) -> None:
    transit.fails(Answer.error(400, "cipher: message authentication failed"), after=2)
    with pytest.raises(MasterKeyUnusable, match="just sealed"):
        MasterKey.load(uri)


def test_a_mistyped_key_is_not_made(uri: str, transit: Transit) -> None:
    transit.may_create = True
    with pytest.raises(MasterKeyUnusable, match="no such master key"):
        MasterKey.load(uri.replace("portal", "portla"))
    assert list(transit.keys) == ["portal"]


@pytest.mark.parametrize(
    ("set_to", "sentence"),
    [
        ({"VAULT_TOKEN": "hvs.hunter2"}, "token is wrong or has expired"),
        ({"VAULT_TOKEN": ""}, "Set VAULT_TOKEN_FILE"),
        ({"VAULT_TOKEN_FILE": "/run/hunter2"}, "Set VAULT_TOKEN_FILE"),
        ({"VAULT_TOKEN": "hvs.hunter2\nX-Vault-Namespace: other"}, "VAULT_TOKEN holds no token"),
        ({"VAULT_TOKEN": "hvs.hunter2 "}, "VAULT_TOKEN holds no token"),
        ({"VAULT_TOKEN": "hvs.hünter2"}, "VAULT_TOKEN holds no token"),
        ({"VAULT_NAMESPACE": "elsewhere"}, "Check the mount and VAULT_NAMESPACE"),
        ({"VAULT_CACERT": "/no/such.pem"}, "VAULT_CACERT"),
    ],
)
def test_wrong_credentials_are_refused_without_repeating_them(
    uri: str, monkeypatch: pytest.MonkeyPatch, set_to: dict[str, str], sentence: str
) -> None:
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    if "VAULT_CACERT" in set_to:
        uri = uri.removesuffix("?tls=off")
    with pytest.raises(MasterKeyUnusable, match=sentence) as refusal:
        MasterKey.load(uri)
    told = "".join(traceback.format_exception(refusal.value))
    assert "hunter2" not in told and "hünter2" not in told


def test_neither_token_nor_keyset_is_logged(key: MasterKey, transit: Transit, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key.aead.decrypt(key.aead.encrypt(b"a keyset", b"a patient"), b"a patient")
    assert "POST /v1/transit/decrypt/portal" in caplog.text
    for secret in (transit.token, "a keyset", base64.b64encode(b"a keyset").decode(), "vault:v1:"):
        assert secret not in caplog.text


@pytest.fixture
def token_file(transit: Transit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{transit.token}\n")
    path.chmod(0o640)
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(path))
    return path


def test_a_token_that_an_agent_renews_is_read_anew(key: MasterKey, transit: Transit, token_file: Path) -> None:
    wrapped = new_wrapped_keyset(key, patient := uuid4(), 1)
    transit.token = "hvs.renewed"
    with pytest.raises(MasterKeyUnusable, match="has expired"):
        unwrap(key, wrapped, patient, 1)
    token_file.write_text(transit.token)
    assert unwrap(key, wrapped, patient, 1)


def test_a_token_file_is_nobody_elses(uri: str, token_file: Path) -> None:
    token_file.chmod(0o644)
    with pytest.raises(MasterKeyUnusable, match="mode 0644.*Set it to 0640"):
        MasterKey.load(uri)
    token_file.write_text("")
    token_file.chmod(0o600)
    with pytest.raises(MasterKeyUnusable, match="VAULT_TOKEN_FILE holds no token"):
        MasterKey.load(uri)
    token_file.unlink()
    with pytest.raises(MasterKeyUnusable, match="cannot be read: No such file"):
        MasterKey.load(uri)
    os.mkfifo(token_file, 0o600)
    with pytest.raises(MasterKeyUnusable, match="not a regular file"):
        MasterKey.load(uri)


def test_namespace_and_a_deeper_mount_are_found(transit: Transit, monkeypatch: pytest.MonkeyPatch) -> None:
    transit.mount, transit.namespace = "teams/clinic/transit", "hospital"
    monkeypatch.setenv("VAULT_NAMESPACE", "hospital")
    assert MasterKey.load(transit.new_key("portal-1.master"))


def test_neither_a_proxy_nor_a_redirect_sees_the_token(
    uri: str, transit: Transit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
        assert MasterKey.load(uri)
        transit.fails(Answer(307, location=f"{address}/v1/transit/decrypt/portal"))
        with pytest.raises(MasterKeyUnusable, match="Try again later"):
            MasterKey.load(uri)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@pytest.fixture
def over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A Vault with a certificate of its own, as its key's URI and the certificate's file."""
    certificate = make_certificate(tmp_path)
    server = Transit(certificate)
    monkeypatch.setenv("VAULT_TOKEN", server.token)
    yield server.new_key().removesuffix("?tls=off"), certificate
    server.stop()


def test_a_certificate_is_believed_only_when_its_authority_is_named(over_tls, monkeypatch: pytest.MonkeyPatch) -> None:
    uri, certificate = over_tls
    monkeypatch.setenv("VAULT_SKIP_VERIFY", "1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with pytest.raises(MasterKeyUnusable, match="VAULT_CACERT"):
        MasterKey.load(uri)
    monkeypatch.setenv("VAULT_CACERT", str(certificate))
    assert MasterKey.load(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "hcvault://",
        "hcvault://vault.example",
        "hcvault://vault.example/keys/portal",
        "hcvault://vault.example/transit/portal",
        "hcvault://vault.example/transit/keys/",
        "hcvault://vault.example/transit/keys/portal/",
        "hcvault://vault.example/transit/keys/../portal",
        "hcvault://vault.example/../transit/keys/portal",
        "hcvault://vault.example//transit/keys/portal",
        "hcvault://vault.example/transit/keys/p%2Fq",
        "hcvault://vault.example/transit/keys/portal#x",
        "hcvault://vault.example:x/transit/keys/portal",
        "hcvault://vault.example/transit/keys/portal\n",
        "hcvault://vault.example/transit/keys/portal?token=hunter2",
        "hcvault://vault.example/transit/keys/portal?tls=off&tls=off",
        "hcvault://hvs.hunter2@vault.example/transit/keys/portal",
        "hcvault://portal:hunter2@vault.example/transit/keys/portal",
    ],
)
def test_a_key_in_vault_is_named_without_anything_secret(uri: str) -> None:
    with pytest.raises(MasterKeyUnusable, match="hcvault://host") as refusal:
        MasterKey.load(uri)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "host", ["vault.example", "10.0.0.1:8200", "127.0.0.1.example", "[2001:db8::1]:8200", "vault.localhost"]
)
def test_tls_is_left_out_on_this_machine_only(host: str) -> None:
    with pytest.raises(MasterKeyUnusable, match="of this machine only"):
        MasterKey.load(f"hcvault://{host}/transit/keys/portal?tls=off")
