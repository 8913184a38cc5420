"""Signing in with an account of an institution: who may, who may not, and what a stranger gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from provider import Provider, provider, settings

from benchmarks.served import APP
from medxfer.paths import HOME_VARIABLE, Workspace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Serve = Callable[[tuple[str, ...]], str]
SOON = 40_000
"""Milliseconds."""
ANN = re.compile("ann@.?clinic.org")
"""With the invisible joiner that keeps an address from becoming a link."""


@pytest.fixture
def accounts() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def serve_signed(
    accounts: Provider,
    start: Callable[[list[str], dict[str, str]], str],
    workspace: Workspace,
    tmp_path: Path,
) -> Serve:
    """Serve the app with sign-in, and a list of who may; its address."""

    def serve(allowed: tuple[str, ...]) -> str:
        file = tmp_path / "secrets.toml"
        file.write_text(settings(accounts, allowed))
        return start([*APP, "--secrets.files", str(file)], {HOME_VARIABLE: str(workspace.root)})

    return serve


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Sign in").click()


def test_who_is_on_the_list_signs_in_and_out(serve_signed: Serve, page: Page) -> None:
    address = serve_signed(("@clinic.org",))
    page.goto(f"{address}/runs")  # no page is drawn for a stranger, whatever the address
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON)
    expect(page.get_by_text("Research use only").first).to_be_visible()
    assert not page.get_by_role("link", name="Data sets").count()
    stranger = page.request.get(f"{address}/media/0123456789abcdef.png")
    assert stranger.status == 401
    assert "disk_free_bytes" not in page.request.get(f"{address}/health").json()

    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Data sets")).to_be_visible(timeout=SOON)
    expect(page.get_by_text(ANN)).to_be_visible()
    assert not page.locator('a[href^="mailto:"]').count(), "text, as all that comes from outside"
    assert page.request.get(f"{address}/media/0123456789abcdef.png").status == 404
    assert "disk_free_bytes" in page.request.get(f"{address}/health").json()
    page.reload()
    expect(page.get_by_text(ANN)).to_be_visible(timeout=SOON)

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON)


@pytest.mark.parametrize(
    "account",
    [
        {"sub": "2", "email": "bob@elsewhere.org", "name": "Bob"},
        {"sub": "3", "email": "bob@clinic.org", "email_verified": False, "name": "Bob"},
        {"sub": "4", "name": "nobody@clinic.org"},
    ],
    ids=["elsewhere", "unverified", "no-address"],
)
def test_who_is_not_on_the_list_sees_nothing(
    accounts: Provider, serve_signed: Serve, page: Page, account: dict[str, object]
) -> None:
    accounts.account = account
    sign_in(page, address := serve_signed(("@clinic.org",)))
    expect(page.get_by_text("This account is not on the list")).to_be_visible(timeout=SOON)
    assert not page.get_by_role("link", name="Data sets").count()
    assert page.request.get(f"{address}/media/0123456789abcdef.png").status == 401


def test_a_forged_answer_signs_nobody_in(
    accounts: Provider, serve_signed: Serve, page: Page
) -> None:
    accounts.forged = True
    sign_in(page, address := serve_signed(()))
    page.wait_for_timeout(3000)
    page.goto(address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON)
    assert not page.get_by_role("link", name="Data sets").count()
