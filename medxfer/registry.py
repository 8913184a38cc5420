"""Names to code: one small class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

from medxfer.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries of one kind by name, in the order they were added."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorate an entry to add it under `name`; a name is used once."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._entries[name] = entry
            return entry

        return add

    def __getitem__(self, name: str) -> T:
        """The entry called `name`; UnknownNameError suggests the nearest one."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(*self._unknown(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def _unknown(self, name: str) -> tuple[str, str]:
        nearest = get_close_matches(name, self._entries, n=1)
        remedy = f"Did you mean '{nearest[0]}'? " if nearest else ""
        return f"There is no {self.kind} called '{name}'.", remedy + f"Known: {', '.join(self)}."
