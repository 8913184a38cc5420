"""Who is answered, what is closed, and what every answer carries; without Streamlit's pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import streamlit as st
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.auth_util import set_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from medxfer.activity import note
from medxfer.bin import Kind, put
from medxfer.cli.main import medxfer
from medxfer.errors import AddressError
from medxfer.paths import Workspace
from medxfer.runs import index
from medxfer.ui.server.account import check_sign_in, is_allowed, may_enter
from medxfer.ui.server.address import TOLD_VARIABLE, check_address, is_local
from medxfer.ui.server.gate import Gate
from medxfer.ui.server.health import route
from medxfer.ui.server.opening import first_words
from medxfer.ui.server.policy import Headers, broken, content_policy, inline_scripts

ROOT = Path(__file__).resolve().parents[2]
HERE = ("127.0.0.1", 50000)
COOKIE_SECRET = "a cookie secret for tests only, long enough for its use"  # noqa: S105
AUTH = {
    "redirect_uri": "http://127.0.0.1:8501/oauth2callback", "cookie_secret": COOKIE_SECRET,
    "client_id": "medxfer", "client_secret": "x" * 32,
    "server_metadata_url": "http://127.0.0.1:1/.well-known/openid-configuration",
}  # fmt: skip


def answer(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("page")


def fail(_request: Request) -> PlainTextResponse:
    raise RuntimeError("/a/secret/path")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask a small app behind the same gate; `client` is who asks, `at` the address asked."""
    monkeypatch.delenv(TOLD_VARIABLE, raising=False)
    monkeypatch.setenv("MEDXFER_HOME", str(workspace.root))
    app = Starlette(
        routes=[
            Route("/health", route(lambda: workspace)), Route("/broken", fail),
            WebSocketRoute("/_stcore/stream", talk), Route("/{path:path}", answer),
        ],
        middleware=[Middleware(Headers), Middleware(Gate)],
        exception_handlers={Exception: broken},
    )  # fmt: skip

    def ask(client: tuple[str, int] = HERE, at: str = "http://127.0.0.1:8501") -> TestClient:
        return TestClient(app, base_url=at, client=client, raise_server_exceptions=False)

    return ask


@pytest.fixture
def signing_in(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Secrets as a secrets.toml with [auth] would give them."""
    secrets: dict[str, Any] = {"auth": dict(AUTH)}
    monkeypatch.setattr(st.secrets, "load_if_toml_exists", lambda: True)
    monkeypatch.setattr(st.secrets, "_secrets", secrets)
    return secrets


def cookies(secret: str = COOKIE_SECRET, **claims: Any) -> dict[str, str]:
    """The cookies of a browser in which a person has signed in."""
    written: dict[str, str] = {}

    def sign(name: str, value: str) -> bytes:
        return create_signed_value(secret, name, value)

    def keep(name: str, value: str) -> None:
        written[name] = sign(name, value).decode()

    account = {"origin": "http://127.0.0.1:8501", "is_logged_in": True, **claims}
    set_cookie_with_chunks(keep, sign, "_streamlit_user", account, cookie_attr_size=100)
    return written


def test_every_answer_carries_the_headers(client: Any) -> None:
    for path in ("/", "/health", "/media/a.png", "/_stcore/metrics", "/broken"):
        headers = client().get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]


def test_the_policy_is_narrow() -> None:
    policy = dict(rule.split(" ", 1) for rule in content_policy(inline_scripts()).split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert len(inline_scripts()) == 1
    for allowed in ("unsafe-inline", "unsafe-eval", "http:", "https:", "*", "data:"):
        assert allowed not in policy["script-src"].split("'sha256-")[0].split()
        assert f"'{allowed}'" not in policy["script-src"]


def test_a_fault_of_the_server_shows_an_id_and_no_path(client: Any, workspace: Workspace) -> None:
    answered = client().get("/broken")
    assert answered.status_code == 500
    assert "secret" not in answered.text
    error = answered.text.split("Error ")[1].strip(".\n")
    assert error in (workspace.root / "app.log").read_text()


@pytest.mark.parametrize(
    "path",
    ["/_stcore/metrics", "/_stcore/metrics/", "//_stcore/metrics", "/_stcore/agent/interact"],
)
def test_what_no_page_needs_is_closed(client: Any, path: str) -> None:
    assert client().get(f"http://127.0.0.1:8501{path}").status_code == 404


def test_only_this_computer_is_answered_unless_told(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client().get("/").text == "page"
    assert client(at="http://localhost:8501").get("/").status_code == 200
    elsewhere = [
        client(client=("10.0.0.7", 5)).get("/"),
        client(at="http://10.0.0.1:8501").get("/"),
        client(at="http://rebound.evil.example:8501").get("/"),
        client().get("/", headers={"X-Forwarded-For": "10.0.0.7"}),
    ]
    assert [refused.status_code for refused in elsewhere] == [403] * 4
    assert "sign-in" in elsewhere[0].text
    with (
        pytest.raises(WebSocketDisconnect),
        client(client=("10.0.0.7", 5)).websocket_connect("ws://127.0.0.1:8501/_stcore/stream"),
    ):
        pass
    with client().websocket_connect("ws://127.0.0.1:8501/_stcore/stream"):
        pass
    monkeypatch.setenv(TOLD_VARIABLE, "1")
    assert client(client=("10.0.0.7", 5)).get("/").status_code == 200


def test_files_are_for_people_who_signed_in(client: Any, signing_in: dict[str, Any]) -> None:
    far = {"client": ("10.0.0.7", 5), "at": "https://scans.clinic.example"}
    ours = cookies(email="a@clinic.example")
    assert client(**far).get("/").status_code == 200  # the page that asks to sign in
    for path in ("/media/abc.png", "/%6dedia/abc.png", "/_stcore/upload_file/session/file"):
        ask = client(**far)
        assert ask.get(path).status_code == 401
        ask.cookies = ours
        assert ask.get(path).text == "page"
        ask.cookies = cookies(secret="another", email="a@clinic.example")  # noqa: S106
        assert ask.get(path).status_code == 401
        ask.cookies = cookies(email="a@clinic.example", is_logged_in=False)
        assert ask.get(path).status_code == 401
    signing_in["medxfer"] = {"allowed": ["@other.example"]}
    ask = client(**far)
    ask.cookies = ours
    assert ask.get("/media/abc.png").status_code == 401


def test_the_gate_stands_below_an_address_of_its_own_too(
    client: Any, signing_in: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert signing_in
    monkeypatch.setattr("medxfer.ui.server.gate.config.get_option", lambda _: "scans")
    assert client().get("/scans/media/abc.png").status_code == 401
    assert client().get("/scans/_stcore/metrics").status_code == 404
    assert client().get("/scans/browse").status_code == 200


def test_a_long_account_is_read_from_its_pieces(signing_in: dict[str, Any]) -> None:
    assert signing_in
    pieces = cookies(email="a@clinic.example", groups=token_hex(9000))
    assert len(pieces) > 2
    assert may_enter(pieces)
    pieces.popitem()
    assert not may_enter(pieces)


@pytest.mark.parametrize(
    ("account", "allowed"),
    [
        ({"email": "Ann@Clinic.example"}, True),
        ({"email": "bob@lab.example"}, True),
        ({"email": "eve@lab.example"}, False),
        ({"email": "eve@evil-clinic.example"}, False),
        ({"email": "ann@clinic.example", "email_verified": False}, False),
        ({"email": "@clinic.example"}, False),
        ({"email": None}, False),
        ({}, False),
    ],
)
def test_the_list_of_people(
    signing_in: dict[str, Any], account: dict[str, Any], allowed: bool
) -> None:
    assert is_allowed(account)
    signing_in["medxfer"] = {"allowed": ["@clinic.example", "Bob@lab.example"]}
    assert is_allowed(account) is allowed


def test_health_in_full_only_for_people_of_the_app(
    client: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = client().get("/health")
    assert full.status_code == 200
    assert full.json()["status"] == "ok"
    assert full.json()["disk_free_bytes"] > 0
    assert list(workspace.staging.iterdir()) == []
    monkeypatch.setenv(TOLD_VARIABLE, "1")
    stranger = client(client=("10.0.0.7", 5)).get("/health")
    assert stranger.json() == {"status": "ok", "store": True, "worker": True, "disk": True}


def test_health_fails_with_the_store(client: Any, workspace: Workspace) -> None:
    with index.opened(workspace.index):
        pass
    workspace.index.write_bytes(b"no database" * 1000)
    answered = client().get("/health")
    assert answered.status_code == 503
    assert (answered.json()["store"], answered.json()["status"]) == (False, "failing")


def test_health_fails_when_runs_wait_and_nothing_starts_them(
    client: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = workspace.run("20260101-000000-000000").queued
    marker.parent.mkdir(parents=True)
    marker.touch()
    assert client().get("/health").json()["worker"] is True
    monkeypatch.setattr("medxfer.ui.server.health._GRACE_SECONDS", -1)
    answered = client().get("/health")
    assert (answered.status_code, answered.json()["worker"]) == (503, False)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("::1", True),
        ("[::1]", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False),  # noqa: S104
        ("", False), ("10.0.0.1", False), ("localhost.evil.example", False),
    ],
)  # fmt: skip
def test_what_only_this_computer_is(
    host: str, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOLD_VARIABLE, raising=False)
    assert is_local(host) is local
    if local:
        check_address(host, sign_in=False)
    else:
        with pytest.raises(AddressError, match="--i-know-it-is-open"):
            check_address(host, sign_in=False)
        check_address(host, sign_in=True)


def test_half_a_sign_in_is_refused(signing_in: dict[str, Any]) -> None:
    check_sign_in()
    del signing_in["auth"]["client_secret"]
    with pytest.raises(AddressError, match="client_secret"):
        check_sign_in()


def test_an_open_address_is_refused_at_the_start() -> None:
    command = [sys.executable, "-m", "medxfer.ui.serve", "--server.address", "0.0.0.0"]  # noqa: S104
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("medxfer: The app would be open to others")
    assert "http" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        ([], ["--server.address", "127.0.0.1"]),
        (["--address", "10.0.0.1"], ["--server.address", "10.0.0.1"]),
        (
            ["--address", "::", "--i-know-it-is-open"],
            ["--server.address", "::", "--i-know-it-is-open"],
        ),
    ],
)
def test_the_command_leaves_the_address_to_the_server_to_judge(
    options: list[str], passed: list[str], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        called.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("medxfer.cli.app.ensure_demo", lambda *_: None)
    monkeypatch.setattr("medxfer.cli.app.subprocess.run", run)
    arguments = ["app", "--workspace", str(workspace.root), *options]
    assert CliRunner().invoke(medxfer, arguments).exit_code == 0
    assert called[0][-len(passed) :] == passed


def test_the_start_empties_the_bin_and_looks_through_the_list(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDXFER_HOME", str(workspace.root))
    folder = workspace.runs / "20260101-000000-000000"
    folder.mkdir()
    entry = put(workspace, Kind.RUN, folder, "", "ann")
    info = workspace.bin / entry.id / "info.json"
    info.write_text(
        info.read_text().replace(entry.deleted.isoformat(), "2020-01-01T00:00:00+00:00")
    )
    note(workspace, "ann", "imported")
    assert first_words() == []
    assert list(workspace.bin.iterdir()) == []
    workspace.activity.write_text("")
    assert first_words() == ["The list of activity had 1 lines and has 0."]
    monkeypatch.setenv(TOLD_VARIABLE, "1")
    monkeypatch.setattr("medxfer.ui.server.opening.config.get_option", lambda _: "")
    assert first_words()[0].startswith("The app is open")
