"""Who can reach the app: this computer only, unless people sign in or it was said in words."""

from __future__ import annotations

import ipaddress
import os

from streamlit import net_util

from medxfer.errors import AddressError

TOLD = "--i-know-it-is-open"
TOLD_VARIABLE = "MEDXFER_OPEN"
"""Set to 1 by the option, and by hand where the app is started in another way."""
_LOCAL_NAMES = ("localhost", "ip6-localhost")


def is_local(host: str) -> bool:
    """Whether an address or a name can only be this computer."""
    name = host.strip("[]").lower()
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def told_open() -> bool:
    """Whether the person said that others may reach the app without signing in."""
    return os.environ.get(TOLD_VARIABLE, "") == "1"


def check_address(host: str, *, sign_in: bool) -> None:
    """Make sure that nobody else can reach the app at this address without signing in.

    `host` is the address the server listens at; "" means every address of the computer.

    Raises:
        AddressError: others could, and nobody has said that this is meant.
    """
    if is_local(host) or sign_in or told_open():
        return
    where = f"at {host}" if host else "at every address of this computer"
    raise AddressError(
        f"The app would be open to others {where}, and nobody has to sign in.",
        "Leave the address at 127.0.0.1, set up sign-in (docs/deploying.md), or say that it is "
        f"meant: {TOLD} (or {TOLD_VARIABLE}=1).",
    )


def ask_nobody_outside() -> None:
    """Keep Streamlit from asking a web site for this computer's address.

    It would when it starts at a public address, and when a page from elsewhere knocks.
    """
    net_util.get_external_ip = _unknown


def _unknown() -> None:
    return None
