"""Who a request or a page belongs to: the account that signed in, if sign-in is set up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.auth_util import get_cookie_with_chunks, is_authlib_installed
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from medxfer.errors import AddressError

_NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_SECTION = "medxfer"
"""Of `.streamlit/secrets.toml`, with `allowed`: e-mail addresses, and domains as "@clinic.org"."""


def sign_in_configured() -> bool:
    """Whether `.streamlit/secrets.toml` has a section [auth]."""
    return bool(_secrets("auth"))


def check_sign_in() -> None:
    """Make sure that sign-in can work, if it is set up.

    Raises:
        AddressError: its package is missing, or a line of its settings.
    """
    if not sign_in_configured():
        return
    if not is_authlib_installed():
        raise AddressError(
            "Sign-in is set up in secrets.toml, but its package Authlib is not installed.",
            "Install it: pip install 'medxfer[signin]'.",
        )
    found = _secrets("auth")
    if missing := [name for name in _NEEDED if not found.get(name)]:
        raise AddressError(
            f"Sign-in is set up in secrets.toml, but [auth] lacks {', '.join(missing)}.",
            "docs/deploying.md shows the whole section.",
        )


def is_allowed(account: Mapping[str, Any]) -> bool:
    """Whether an account may use the app: its e-mail is listed, or there is no list.

    An address that the provider calls unverified counts as none.
    """
    listed = _secrets(_SECTION).get("allowed", ())
    if not listed:
        return True
    if account.get("email_verified") is False:
        return False
    email = str(account.get("email") or "").strip().lower()
    name, _, domain = email.rpartition("@")
    wanted = {str(entry).strip().lower() for entry in listed}
    return bool(name) and (email in wanted or f"@{domain}" in wanted)


def account_of(cookies: Mapping[str, str]) -> dict[str, Any]:
    """The account that the cookies of a request prove; {} if they prove none."""
    secret = get_cookie_secret()

    def proven(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value.encode("latin-1")) if value else None

    try:
        written = get_cookie_with_chunks(proven, USER_COOKIE_NAME)
        account = json.loads(written) if written else {}
    except (ValueError, UnicodeError):
        return {}
    return account if isinstance(account, dict) and account.get("is_logged_in") is True else {}


def may_enter(cookies: Mapping[str, str]) -> bool:
    """Whether a request may have what only people of this app may have."""
    if not sign_in_configured():
        return True
    account = account_of(cookies)
    return bool(account) and is_allowed(account)


def _secrets(section: str) -> Mapping[str, Any]:
    if not st.secrets.load_if_toml_exists():
        return {}
    found = st.secrets.get(section, {})
    return found if isinstance(found, Mapping) else {}
