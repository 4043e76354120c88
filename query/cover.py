"""Find every net that reaches an address, through the maxima that `indexer/cover.py` built."""

from __future__ import annotations

from .layout import GROUP


def reaching(lasts: memoryview, cover: memoryview, count: int, wanted: int) -> list[int]:
    """Return the rows before ``count`` whose last address is ``wanted`` or beyond, ascending.

    ``cover`` are the largest last addresses of groups, level by level (`indexer/cover.py`).
    """
    levels: list[tuple[memoryview, int]] = [(lasts, 0)]
    size, at = len(lasts), 0
    while size > 1:
        size = -(-size // GROUP)
        levels.append((cover, at))
        at += size
    rows = [0] if count else []
    for level in range(len(levels) - 1, -1, -1):
        values, base = levels[level]
        # How many entries of this level hold rows before `count`.
        end = -(-count // GROUP**level)
        rows = [row for row in rows if row < end and values[base + row] >= wanted]
        if level:
            rows = [inner for row in rows for inner in range(row * GROUP, (row + 1) * GROUP)]
    return rows
