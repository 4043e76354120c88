"""Check interning against a dict: within a chunk, over all chunks, and when hashes collide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rirdex.indexer import intern
from rirdex.indexer.intern import (
    Column,
    Dictionary,
    column_of,
    differing,
    gather,
    group,
    hash_spans,
    local_column,
    merge,
    rewritten,
    texts_of,
)  # fmt: skip
from rirdex.indexer.scan import Bytes, Ints, Words, padded

# Texts that differ little, at the borders of the words and of what is hashed in words at all.
texts = st.one_of(
    st.sampled_from(
        [b"a", b"b", b"a\0", b"\0", b"\0\0", b"12345678", b"12345678\0", b"123456789", b"1234567\0"]
        + [b"x" * n + end for n in (511, 512, 513, 2000) for end in (b"", b"y", b"\0")]
    ),
    st.binary(min_size=1, max_size=20),
)
rows = st.lists(st.one_of(st.none(), texts), max_size=12)
collisions = st.booleans()


@contextmanager
def hashing(collide: bool) -> Iterator[None]:
    """Give every text the same hash, or leave hashing as it is."""

    def zeros(text: Bytes, start: Ints, length: Ints) -> Words:
        return np.zeros(len(start), np.uint64)

    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(intern, "hash_spans", zeros)
        yield


def spans(values: Sequence[bytes], between: bytes = b"") -> tuple[Bytes, Ints, Ints]:
    """Return a padded text that holds the values, and where each begins and ends."""
    length = np.array([len(value) for value in values], np.int64)
    start = np.cumsum(length + len(between)) - length
    return padded(b"".join(between + value for value in values)), start, start + length


def local(values: Sequence[bytes | None]) -> Column:
    """Intern the values of a chunk's rows."""
    which = [k for k, value in enumerate(values) if value is not None]
    text, start, end = spans([value for value in values if value is not None], b"<>")
    return local_column(text, np.array(which, np.int64), start, end, len(values))


def values_of(column: Column) -> list[bytes | None]:
    """Return the value of each row of a chunk's column."""
    distinct = texts_of(column)
    return [distinct[code] if code >= 0 else None for code in column.codes.tolist()]


def merged(found: Dictionary) -> list[bytes | None]:
    """Return the value of each row of a whole column."""
    return [bytes(found[code]) if code else None for code in found.codes.tolist()]


# -- one chunk --------------------------------------------------------------------------------


@given(rows, collisions)
def test_a_chunk_keeps_each_text_once_and_in_order(values: list[bytes | None], hard: bool) -> None:
    with hashing(hard):
        column = local(values)
    assert values_of(column) == values
    assert texts_of(column) == list(dict.fromkeys(v for v in values if v is not None))


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=9), st.data())
def test_an_empty_text_means_missing(found: list[bytes], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(-1, len(found) - 1), max_size=9))
    column = column_of(np.array(codes, np.int32), found)
    assert values_of(column) == [found[k] or None if k >= 0 else None for k in codes]


@given(rows)
def test_a_rewritten_column_holds_the_changed_texts(values: list[bytes | None]) -> None:
    column = rewritten(local(values), lambda text: text[:-1].upper())
    assert values_of(column) == [v[:-1].upper() or None if v is not None else None for v in values]


# -- all chunks -------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.lists(rows, max_size=5), collisions, st.sampled_from([1, 2, 1 << 20]))
def test_chunks_are_joined_as_a_dict_would(
    chunks: list[list[bytes | None]], hard: bool, step: int
) -> None:
    with hashing(hard), pytest.MonkeyPatch.context() as patch:
        patch.setattr(intern, "_SLICE", step)
        found = merge([local(values) for values in chunks])
    flat = [value for values in chunks for value in values]
    codes: dict[bytes, int] = {}
    for value in flat:
        if value is not None:
            codes.setdefault(value, len(codes) + 1)
    assert found.codes.tolist() == [codes[v] if v is not None else 0 for v in flat]
    assert [found[k] for k in range(len(found))] == [b"", *codes]
    assert bytes(found.text) == b"".join(codes)


@given(st.lists(rows, min_size=1, max_size=4))
def test_texts_that_became_equal_are_one_after_joining(chunks: list[list[bytes | None]]) -> None:
    found = merge([rewritten(local(values), lambda text: text[:1]) for values in chunks])
    flat = [value[:1] if value else None for values in chunks for value in values]
    assert merged(found) == flat
    assert len(found) == 1 + len({value for value in flat if value})


def test_joining_nothing_gives_the_missing_text_only() -> None:
    found = merge([])
    assert (len(found), bytes(found[0]), len(found.codes)) == (1, b"", 0)


# -- the parts --------------------------------------------------------------------------------


@given(st.lists(texts, min_size=1, max_size=9), st.binary(max_size=9))
@example([b"a", b"a\0", b"a\0\0"], b"")
@example([b"x" * 513, b"x" * 512 + b"y", b"x" * 512], b"y")
def test_a_hash_depends_on_the_bytes_of_the_text_alone(found: list[bytes], before: bytes) -> None:
    one, other = (
        hash_spans(text, start, end - start)
        for text, start, end in (spans(found), spans(found, before))
    )
    assert one.tolist() == other.tolist()
    # 64 bits do not collide by chance.
    assert len(set(one.tolist())) == len(set(found))


@given(st.lists(st.tuples(texts, texts), max_size=9))
def test_differing_texts_are_told_apart_by_every_byte(pairs: list[tuple[bytes, bytes]]) -> None:
    cut = [(a[: len(b)], b[: len(a)]) for a, b in pairs]
    text, start, end = spans([part for pair in cut for part in pair])
    odd = differing(text, start[::2], start[1::2], (end - start)[::2])
    assert sorted(odd.tolist()) == [k for k, (a, b) in enumerate(cut) if a != b]


@given(st.lists(st.one_of(texts, st.just(b"")), max_size=12), collisions)
def test_a_group_names_the_first_equal_row(found: list[bytes], hard: bool) -> None:
    text, start, end = spans(found)
    hashes = hash_spans(text, start, end - start)
    first, distinct = group(text, start, end - start, np.zeros_like(hashes) if hard else hashes)
    assert first.tolist() == [found.index(value) for value in found]
    assert distinct.tolist() == sorted({found.index(value) for value in found})


@given(st.lists(st.binary(max_size=9), max_size=9), st.randoms(use_true_random=False))
def test_gather_joins_spans_in_any_order(found: list[bytes], random: object) -> None:
    text, start, end = spans(found, b"|")
    order = list(range(len(found)))
    random.shuffle(order)  # type: ignore[attr-defined]
    picked = np.array(order, np.int64)
    joined = gather(text, start[picked], (end - start)[picked])
    assert joined == b"".join(found[k] for k in order)
