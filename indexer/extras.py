"""Read what a build takes besides dumps: statistics files and transfer logs, whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from . import delegated, sources, transfers
from .delegated import Delegated
from .sources import Source
from .stated import NEAR, Statistics

_LONGEST: Final = 1 << 30
READERS: Final[dict[str, Callable[[bytes, str], Any]]] = {
    "delegated": delegated.read_delegated,
    "transfers": transfers.read_transfers,
}


def read_extra(source: Source, progress: Callable[[int], object]) -> tuple[Any, int, str]:
    """Read a file whole; return what it holds, the length of its text, and its sha256.

    Raises `DumpError`.
    """
    opened = sources.open_source(source, progress)
    try:
        text = sources.read_exactly(source, opened.text, _LONGEST)
        held = READERS[source.kind](text, source.place)
        return held, len(text), sources.digest(source, opened)
    finally:
        opened.close()


def day_of(days: int) -> str | None:
    """Return days since 1970 as an ISO date, None for 0."""
    return (date(1970, 1, 1) + timedelta(days)).isoformat() if days else None


def statistics(
    held: Sequence[tuple[str, Delegated]], dumps: dict[str, str]
) -> tuple[list[Statistics], list[str]]:
    """Say which statistics are of about the dumps' dates, and warn of the others.

    ``dumps`` are the newest dates of the dumps by registry.
    """
    found, warnings = [], []
    for name, each in held:
        day = dumps.get(each.registry) or max(dumps.values(), default=None)
        said = day_of(each.date)
        used = (
            bool(day and said)
            and abs((date.fromisoformat(str(day)) - date.fromisoformat(str(said))).days) <= NEAR
        )
        found.append(Statistics(name, each, used))
        if not used:
            warnings.append(
                f"{name} is of {said or 'no day'}, the dumps of {day or 'no day'}: it gives notes "
                "and decides nothing"
            )
    return found, warnings
