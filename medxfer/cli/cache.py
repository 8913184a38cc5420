"""`medxfer cache`: what was computed once and is kept, and making room."""

from __future__ import annotations

from typing import Any

import click

from medxfer.cache.room import KINDS, CacheRoom, Kept
from medxfer.cli.output import Session, command, table

_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


class _ListsByDefault(click.Group):
    """Without the name of a command, `list` is meant, whatever options follow."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and (args[0] in ctx.help_option_names or not args[0].startswith("-"))
        return super().parse_args(ctx, args if named else ["list", *args])


@click.group(cls=_ListsByDefault)
def cache() -> None:
    """List (by default) or remove decoded images and features of frozen stages."""


@cache.command("list")
@command
def list_(session: Session) -> None:
    """List what is kept, the one used last first, and how much it may become."""
    room = CacheRoom(session.workspace.cache)
    everything, cap = room.kept(), room.cap()
    taken = sum(kept.bytes for kept in everything)
    rows = [
        {
            "kind": kept.kind,
            "size": _size(kept.bytes),
            "used": f"{kept.used.astimezone():%Y-%m-%d %H:%M}",
            "words": kept.words,
        }
        for kept in everything
    ]
    columns = {"kind": "kind", "size": "size", "used": "last used", "words": "what"}
    total = f"{_size(taken)} of at most {_size(cap)} in {room.root}"
    text = f"{table(rows, columns)}\n\n{total}" if rows else f"Nothing is kept yet: {total}"
    values = {"kept": [_described(kept) for kept in everything], "bytes": taken, "cap": cap}
    session.answer(values, text)


@cache.command()
@click.option("--kind", type=click.Choice(KINDS), help="Only decoded images, or only features.")
@command
def clear(session: Session, kind: str | None) -> None:
    """Remove what no process has open; it is computed again when a run needs it."""
    room = CacheRoom(session.workspace.cache)
    chosen = [kept for kept in room.kept() if kind in (None, kept.kind)]
    left = [kept for kept in chosen if not room.remove(kept)]
    removed = [kept for kept in chosen if kept not in left]
    freed = sum(kept.bytes for kept in removed)
    lines = [f"{_size(freed)} freed." if removed else "Nothing was removed."]
    lines += [f"Left, because it is in use: {kept.words} ({_size(kept.bytes)})" for kept in left]
    values = {
        "removed": [_described(kept) for kept in removed],
        "bytes": freed,
        "left": [_described(kept) for kept in left],
    }
    session.answer(values, "\n".join(lines))


def _described(kept: Kept) -> dict[str, Any]:
    return {
        "kind": kept.kind,
        "key": kept.key,
        "words": kept.words,
        "bytes": kept.bytes,
        "used": kept.used.isoformat(),
    }


def _size(count_of_bytes: int) -> str:
    """Bytes as "46.8 MB", in powers of a thousand."""
    for unit, name in _SIZES:
        if count_of_bytes >= unit:
            return f"{count_of_bytes / unit:.1f} {name}"
    return f"{count_of_bytes} B"
