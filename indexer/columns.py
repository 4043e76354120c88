"""Make the text columns of a chunk out of its values: single values, lists, names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .batch import Values
from .intern import Column, column_of, local_column, rewritten, texts_of
from .scan import Ints
from .values import Flags

Change = Callable[[bytes], bytes]


def changes(column: Column) -> bool:
    """Say whether folding may change a text of a column: most handles are folded already."""
    text = column.text
    return not text.isascii() or text.upper() != text or text.split() != [text]


def texts_at(values: Values, which: Ints) -> list[bytes]:
    """Return the texts of some values."""
    pairs = zip(values.start[which].tolist(), values.end[which].tolist(), strict=True)
    return [values.text[a:b].tobytes() for a, b in pairs]


def folded(value: bytes) -> bytes:
    """Return a handle as it is compared: upper case, blanks collapsed."""
    upper = value.upper() if value.isascii() else value.decode().upper().encode()
    return b" ".join(upper.split())


def status_text(value: bytes) -> bytes:
    """Return a status of RPSL: upper case, underscores as blanks."""
    return folded(value.replace(b"_", b" "))


def lower_text(value: bytes) -> bytes:
    """Return a status of ARIN or LACNIC: lower case, blanks collapsed."""
    return b" ".join(value.lower().split())


def countries(value: bytes) -> bytes:
    """Return the first token of each item of a comma list, upper case, joined by LF."""
    tokens = [part.split(None, 1)[0] for part in value.split(b",") if part.strip()]
    return b"\n".join(folded(token) for token in tokens)


def handles(value: bytes) -> bytes:
    """Return the items of a comma list as handles, joined by LF."""
    return b"\n".join(folded(part) for part in value.split(b",") if part.strip())


def single(
    values: Values, which: Ints, count: int, change: Callable[[bytes], bytes] | None = None
) -> Column:
    """Return a column of some values, one for each object, changed where need be."""
    column = local_column(
        values.text, values.row[which], values.start[which], values.end[which], count
    )
    return rewritten(column, change) if change and changes(column) else column


def changed_where(
    column: Column,
    rows: Flags,
    change: Callable[[bytes], bytes],
    otherwise: Callable[[bytes], bytes],
) -> Column:
    """Change the texts of a column in one way in some rows, in another in all others."""
    if not rows.any():
        return rewritten(column, otherwise)
    texts = texts_of(column)
    codes = np.where(rows & (column.codes >= 0), column.codes + len(texts), column.codes)
    return column_of(codes, [*map(otherwise, texts), *map(change, texts)])


def joined(column: Column, other: Column) -> Column:
    """Join two columns no row of which has a value in both."""
    if not len(other.hashes):
        return column
    codes = np.where(other.codes >= 0, other.codes + len(column.hashes), column.codes)
    return Column(
        codes, np.concatenate([column.hashes, other.hashes]),
        np.concatenate([column.lengths, other.lengths]), column.text + other.text,
    )  # fmt: skip


def only(column: Column, rows: Flags) -> Column:
    """Return a column with the values of some rows only."""
    return column._replace(codes=np.where(rows, column.codes, np.int32(-1)))


def listed(values: Values, name: str, split: Callable[[bytes], bytes], count: int) -> Column:
    """Return a column of lists: one attribute's values over all its lines, joined by LF."""
    found = values.of(name)
    each = local_column(
        values.text, np.arange(len(found)), values.start[found], values.end[found], len(found)
    )
    texts = texts_of(each)
    if b"," in each.text or changes(each):
        texts = [split(text) for text in texts]
    return lists_of(values.row[found], each.codes, texts, count)


def lists_of(
    row: Ints, parts: NDArray[np.signedinteger[Any]], texts: list[bytes], count: int
) -> Column:
    """Return a column of lists of texts, joined by LF; ``parts`` are the items of ascending rows.

    The list of texts grows.
    """
    codes = np.full(count, -1, np.int32)
    again = np.zeros(len(row), bool)
    again[1:] = row[1:] == row[:-1]
    lead = np.flatnonzero(~again)
    size = np.diff(np.append(lead, len(row)))
    codes[row[lead]] = parts[lead]
    several = size > 1
    _join_lists(codes, texts, row[lead[several]], lead[several], size[several], parts)
    return column_of(codes, texts)


def _join_lists(
    codes: NDArray[np.int32], texts: list[bytes], row: Ints, lead: Ints, size: Ints,
    parts: NDArray[np.signedinteger[Any]],
) -> None:  # fmt: skip
    """Give rows the codes of their lists, each distinct one made once.

    The items of the list of ``row[i]`` are the ``size[i]`` parts from ``lead[i]`` on.
    """
    pairs = size == 2
    high, low = parts[lead[pairs]].astype(np.int64), parts[lead[pairs] + 1]
    distinct, which = np.unique(high << 32 | low, return_inverse=True)
    codes[row[pairs]] = which + len(texts)
    texts += [_joined(texts, (pair >> 32, pair & 0xFFFFFFFF)) for pair in distinct.tolist()]
    joined: dict[tuple[int, ...], int] = {}
    longer = np.flatnonzero(~pairs)
    for k, low, count in zip(
        longer.tolist(), lead[longer].tolist(), size[longer].tolist(), strict=True
    ):
        key = tuple(parts[low : low + count].tolist())
        if key not in joined:
            joined[key] = len(texts)
            texts.append(_joined(texts, key))
        codes[row[k]] = joined[key]


def _joined(texts: list[bytes], parts: Iterable[int]) -> bytes:
    return b"\n".join([item for part in parts for item in texts[part].split(b"\n") if item])
