"""Sort texts, and pack the inverse tables: handle, organisation, maintainer ... -> ids.

A row of an LMDB database with sorted keys holds a run of up to `KEYS` neighbouring keys, under
the first of them: millions of distinct netnames are then a few thousand rows. The row is
compressed: counts, key lengths, the keys, and the ids of each key ascending as differences.
`rirdex.query.store` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from rirdex.query import layout

from .intern import Dictionary, differing, gather, group, hash_spans
from .scan import Ints, padded, words_of

KEYS: Final = 128
IDS: Final = 4096
_SLICE: Final = 1 << 18
_MASKS = np.array([(1 << 8 * k) - 1 for k in range(8)] + [2**64 - 1], np.uint64)
Rows = Iterator[tuple[bytes, bytes]]


def text_order(text: NDArray[np.uint8], start: Ints, length: Ints) -> Ints:
    """Return the order of spans of a padded text by their bytes.

    Eight bytes at a time, like a radix sort from the left: only spans that are still equal are
    looked at again.
    """
    words = words_of(text)

    def word(rows: Ints, at: int) -> NDArray[np.uint64]:
        rest = np.clip(length[rows] - at, 0, 8)
        # Spans that ended are not read: their offset may lie behind the text.
        place = np.where(rest > 0, start[rows] + at, 0)
        return (words[place] & _MASKS[rest]).byteswap()

    everything = np.arange(len(start))
    first = word(everything, 0)
    order = np.argsort(first, kind="stable")
    same = np.zeros(len(order) + 1, bool)
    same[1:-1] = first[order[1:]] == first[order[:-1]]
    at = 8
    while same.any():
        places = np.flatnonzero(same[:-1] | same[1:])
        rows = order[places]
        run = np.cumsum(~same[:-1])[places]
        if (length[rows] <= at).all():
            order[places] = rows[np.lexsort((length[rows], run))]
            break
        key = word(rows, at)
        again = np.lexsort((key, run))
        rows, key = rows[again], key[again]
        size = np.minimum(length[rows], at + 8)
        equal = (key[1:] == key[:-1]) & (run[1:] == run[:-1])
        # A text that ends in zero bytes looks like a shorter one: those go by their length.
        if (size[1:][equal] != size[:-1][equal]).any():
            again = np.lexsort((size, key, run))
            rows, size = rows[again], size[again]
        order[places] = rows
        still = np.zeros(len(same), bool)
        still[places[1:]] = equal & (size[1:] == size[:-1]) & (size[1:] == at + 8)
        same = still
        at += 8
    return order


def folded_keys(names: Dictionary) -> tuple[NDArray[np.uint8], Ints, Ints]:
    """Return the sort keys of a dictionary's texts as spans of a padded text; code 0 is empty."""
    start = names.at[:-1].astype(np.int64)
    length = names.lengths()
    upper = bytes(names.text).upper()
    data = np.frombuffer(upper, np.uint8)
    odd = length > layout.LONGEST_KEY
    foreign = np.flatnonzero(data > 127)
    odd[np.searchsorted(names.at, foreign, "right") - 1] = True
    aside = bytearray()
    base = len(data)
    for code in np.flatnonzero(odd).tolist():
        key = layout.sort_key(names[code].decode())
        start[code], length[code] = base + len(aside), len(key)
        aside += key
    return padded(data, aside), start, length


def rows(names: Dictionary, code: Ints, ids: Ints) -> Rows:
    """Yield the rows of the table name -> ids, from pairs of a name's code and an id.

    The ids ascend.
    """
    if not len(code):
        return
    text, start, length = folded_keys(names)
    order = text_order(text, start, length)
    new = np.ones(len(order), bool)
    left, right = order[:-1], order[1:]
    new[1:] = length[left] != length[right]
    alike = np.flatnonzero(~new)
    new[
        alike[
            differing(text, start[left[alike - 1]], start[right[alike - 1]], length[order[alike]])
        ]
    ] = True
    rank = np.empty(len(names), np.uint32)
    rank[order] = np.cumsum(new) - 1
    key_of = order[new]
    place = rank[code]
    by_key = np.argsort(place, kind="stable")
    place, ids = place[by_key], ids[by_key]
    fresh = np.ones(len(place), bool)
    fresh[1:] = (place[1:] != place[:-1]) | (ids[1:] != ids[:-1])
    place, ids = place[fresh], ids[fresh]
    begins = np.flatnonzero(np.concatenate([np.ones(1, bool), place[1:] != place[:-1]]))
    keys = key_of[place[begins]]
    yield from _blocks(text, start[keys], length[keys], begins, ids)


def _blocks(text: NDArray[np.uint8], start: Ints, length: Ints, begins: Ints, ids: Ints) -> Rows:
    """Pack keys in order, each with its run of ids, into compressed rows."""
    block = (np.arange(len(start)) // KEYS) + (begins // IDS)
    edges = np.flatnonzero(np.concatenate([[True], block[1:] != block[:-1], [True]]))
    steps = np.diff(ids, prepend=0)
    steps[begins] = ids[begins]
    behind = np.append(begins, len(ids))
    counts = np.diff(behind).astype("<u4").tobytes()
    lengths = length.astype("<u4").tobytes()
    run = steps.astype("<u4").tobytes()
    keys = b"".join(
        gather(text, start[low : low + _SLICE], length[low : low + _SLICE])
        for low in range(0, len(start), _SLICE)
    )
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(length)])
    compress = zstandard.ZstdCompressor(level=3).compress
    edge, place, first = edges.tolist(), ends[edges].tolist(), behind[edges].tolist()
    for k in range(len(edge) - 1):
        low, high = 4 * edge[k], 4 * edge[k + 1]
        payload = b"".join(
            [
                (edge[k + 1] - edge[k]).to_bytes(4, "little"),
                lengths[low:high],
                counts[low:high],
                keys[place[k] : place[k + 1]],
                run[4 * first[k] : 4 * first[k + 1]],
            ]
        )
        size = int(length[edge[k]])
        yield keys[place[k] : place[k] + size], compress(payload)


def list_pairs(lists: Dictionary, codes: Ints, ids: Ints) -> tuple[Dictionary, Ints, Ints]:
    """Turn pairs of a list's code and an id into pairs of an item's code and an id."""
    text = padded(lists.text)
    if len(lists) == 1:
        return lists, codes, ids
    feeds = np.flatnonzero(text[: len(lists.text)] == 10)
    begin = np.sort(np.concatenate([lists.at[1:-1].astype(np.int64), feeds + 1]))
    end = np.append(begin[1:], len(lists.text))
    end -= (end > begin) & (text[end - 1] == 10)
    length = end - begin
    first, distinct = group(text, begin, length, hash_spans(text, begin, length))
    item = np.zeros(len(begin), np.int64)
    item[distinct] = np.arange(1, len(distinct) + 1)
    item = item[first]
    # The items of list c are those that begin in its text.
    opening = np.searchsorted(begin, lists.at[:-1].astype(np.int64))
    opening[0] = 0
    sizes = np.diff(np.append(opening, len(begin)))
    count = sizes[codes]
    inner = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    code = item[np.repeat(opening[codes], count) + inner]
    at = np.zeros(len(distinct) + 2, np.uint32)
    at[2:] = np.cumsum(length[distinct])
    names = bytearray(gather(text, begin[distinct], length[distinct]))
    return Dictionary(np.zeros(0, np.uint32), at, names), code, np.repeat(ids, count)
