"""Signing in with a provider of OpenID Connect, by clicking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from recorded import make_data

from benchmarks.served import APP, free_port, served
from medxfer.activity import acts
from medxfer.paths import HOME_VARIABLE, Workspace

pytest.importorskip("authlib")
from provider import CLIENT, CLIENT_SECRET, Provider, provider

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOON = 30_000
"""Milliseconds."""
SECRETS = """
[auth]
redirect_uri = "{address}/oauth2callback"
cookie_secret = "only for this test, and long enough for its purpose"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{provider}/.well-known/openid-configuration"

[medxfer]
allowed = ["@clinic.example"]
"""


@pytest.fixture
def signing_in(workspace: Workspace, tmp_path: Path) -> Iterator[tuple[str, Provider]]:
    """The address of an app that asks people to sign in, and the provider it asks."""
    make_data(workspace, tmp_path / "source")
    port = free_port()
    with provider(free_port()) as made:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(
            SECRETS.format(
                address=f"http://127.0.0.1:{port}",
                client=CLIENT,
                secret=CLIENT_SECRET,
                provider=made.address,
            )
        )
        command = [*APP, "--secrets.files", str(secrets)]
        with served(command, {HOME_VARIABLE: str(workspace.root)}, port) as address:
            yield address, made


def test_people_sign_in_are_named_and_sign_out(
    signing_in: tuple[str, Provider], page: Page, workspace: Workspace
) -> None:
    address, made = signing_in
    page.goto(f"{address}/browse?data=lungs")
    button = page.get_by_role("button", name="Sign in")
    expect(button).to_be_visible(timeout=SOON)
    expect(page.get_by_text("Research use only").first).to_be_visible()
    assert not page.get_by_text("lungs").count()
    assert not page.get_by_role("link", name="Data sets").count()

    made.person = {"email": "eve@elsewhere.example", "name": "Eve **bold**"}
    button.click()
    expect(page.get_by_text("is not on the list of people")).to_be_visible(timeout=SOON)
    assert not page.get_by_role("link", name="Data sets").count()
    page.get_by_role("button", name="Use another account").click()

    made.person = {"email": "ann@clinic.example", "name": "Ann"}
    button.click(timeout=SOON)
    # An invisible joiner keeps what comes from outside from becoming a link.
    expect(page.get_by_text(re.compile("Signed in as ann@.?clinic.example"))).to_be_visible(
        timeout=SOON
    )
    assert not page.locator('a[href^="mailto:"]').count()
    page.goto(f"{address}/browse?data=lungs")
    page.get_by_role("tab", name=re.compile("Files left out")).click(timeout=SOON)
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Download this list").click()
    file = arriving.value.url
    assert file.startswith(f"{address}/media/")
    assert page.request.get(file).status == 200
    assert page.request.get(f"{address}/health").json()["runs_queued"] == 0

    page.get_by_role("button", name="Sign out").click()
    expect(button).to_be_visible(timeout=SOON)
    assert page.request.get(file).status == 401
    assert page.request.get(f"{address}/health").json() == {
        "status": "ok", "store": True, "worker": True, "disk": True,
    }  # fmt: skip
    page.goto(f"{address}/browse?data=lungs")
    expect(button).to_be_visible(timeout=SOON)
    assert [(act.who, act.what) for act in acts(workspace)] == [("ann@clinic.example", "signed in")]
    assert made.asked == 2


def test_a_forged_answer_signs_nobody_in(
    signing_in: tuple[str, Provider], page: Page, workspace: Workspace
) -> None:
    address, made = signing_in
    made.person, made.forged = {"email": "ann@clinic.example", "name": "Ann"}, True
    page.goto(address)
    button = page.get_by_role("button", name="Sign in")
    with (
        page.expect_response(re.compile("/oauth2callback")),
        page.expect_response(lambda one: one.url == f"{address}/" and one.ok),
    ):
        button.click(timeout=SOON)
    expect(button).to_be_visible(timeout=SOON)
    assert not page.get_by_role("link", name="Data sets").count()
    assert made.asked == 1
    assert acts(workspace) == []
