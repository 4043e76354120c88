"""Write MaxMind DB files (https://maxmind.github.io/MaxMind-DB/, version 2.0) from arrays.

A file is a binary search tree, 16 zero bytes, the data section, and metadata. It is written front
to back, so the data section is laid out first: every value, and every name of a column, stands in
full in the first record that has it, all later records point there. Nothing but records lies in
the section, because verifiers (`Verify` of maxminddb-golang, hence mmdbctl) read it from its
beginning and expect the tree to point to whatever they meet. The tree is made a level at a time.

The tree is one for IPv6 addresses. IPv4 is below ::/96, and ::ffff:0:0/96 leads there too.
What is worth exporting, and where the file goes, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import Error
from .segments import MAPPED, disjoint, outside_ipv4, prefixes4, prefixes6, shared_bits

Value = str | int | tuple[str | int, ...]
Codes = NDArray[np.int32]
Words4 = NDArray[np.uint32]
Column = tuple[Sequence[Value], Codes]
Ranges4 = tuple[Words4, Words4, Codes]
Ranges6 = tuple[NDArray[np.uint64], NDArray[np.uint64], Codes]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

_POINTER, _STRING, _UINT16, _UINT32, _MAP, _UINT64, _UINT128, _ARRAY = 1, 2, 5, 6, 7, 9, 10, 11
_MOST: Final = 284  # columns: a record that has them is a map of 2 control bytes
_GAP: Final = 16  # zero bytes between tree and data; records that are data count from there
_MARKER: Final = b"\xab\xcd\xefMaxMind.com"
_LONGEST: Final = 65821 + (1 << 24) - 1  # bytes of a text, items of an array
# Pointers of 2 to 5 bytes: where each begins to count. A pointer of 5 bytes counts from 0.
_BIAS: Final = (0, 2048, 526336)
_REACH: Final = np.array([2048, 526336, 526336 + (1 << 27)])  # how far those of 2 to 4 bytes go
_SLICE: Final = 1 << 16  # values or records at a time
_SLICE_BYTES: Final = 1 << 22
_LONG: Final = 1 << 12  # bytes of a text from which it is copied alone
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, made odd


class MmdbError(Error, ValueError):
    """Say that something cannot be put into a MaxMind DB file: the caller's fault."""


class Summary(NamedTuple):
    """Hold what was written: nodes, bits of a record, prefixes, distinct records, bytes."""

    nodes: int
    record_size: int
    prefixes: int
    records: int
    size: int


class _Tree(NamedTuple):
    """Hold sorted disjoint prefixes: none of length 0, and at least one.

    ``words`` are the parts of the addresses, the highest first; ``row`` is the record of a prefix,
    -1 for the IPv4 tree; ``shared`` is as `shared_bits` gives it.
    """

    words: tuple[NDArray[Any], ...]
    length: NDArray[np.uint8]
    row: Codes
    shared: NDArray[np.int8]


class _Field(NamedTuple):
    """Hold a column, or its name, of the records: codes of values, -1 = absent.

    Value ``used[k]`` first stands in record ``first[k]``. Value v is encoded as
    ``text[begin[v] : begin[v + 1]]``; it comes to lie at ``at[v]`` of the data section, and a
    pointer there takes ``width[v]`` bytes (``width[-1]`` is 0).
    """

    codes: NDArray[Any]
    text: Bytes
    begin: Ints
    used: Codes
    first: Codes
    at: Ints
    width: Bytes


def write_mmdb(
    stream: BinaryIO,
    four: Ranges4,
    six: Ranges6,
    columns: Mapping[str, Column],
    *,
    kind: str,
    description: str,
    built: int,
    languages: Sequence[str] = ("en",),
    _at_least: int = 24,
) -> Summary:
    """Write a MaxMind DB file of IPv4 and IPv6 ranges; return what was written.

    ``four`` is first and last addresses, uint32 (n,), and an entry for each, int32 (n,); ``six``
    the same with uint64 (n, 2). Ranges are sorted and disjoint; what six has in ::/96 and
    ::ffff:0:0/96 is left out, IPv4 is there. ``columns`` gives, by name, values and the code of
    the value of each entry, int32 (m,), -1 = not in the record. A record is a map of strings,
    unsigned integers (uint32, larger ones uint64 or uint128) and arrays of them; records that
    are equal are one. A range over all of IPv4 comes out as two prefixes. ``built`` is in seconds
    since 1970. Readers may refuse records over 2 MiB. ``_at_least`` is for tests: bits of a record.

    Raises `MmdbError` for ranges, codes or values that cannot be written.
    """
    count = _checked(four, six, columns)
    first, last, source = outside_ipv4(six[0], six[1])
    six = (first, last, six[2][source])
    used = np.zeros(count, bool)
    used[four[2]] = used[six[2]] = True
    row, heads = _records(np.flatnonzero(used), count, [codes for _, codes in columns.values()])
    fields = list(_fields(columns, heads))
    present = np.zeros(len(heads), np.int16)
    for field in fields[::2]:  # names
        present += field.codes >= 0
    starts = _lay_out(present, fields)
    mixed = len(four[0]) > 0
    trees = [_tree6(six, row, mixed)] if mixed or len(six[0]) else []
    trees += [_tree4(four, row)] if mixed else []
    nodes = [int((tree.length - tree.shared.astype(np.int16) - 1).sum()) for tree in trees]
    total = max(1, sum(nodes))  # readers start at a node, even where there is nothing
    largest = total + (_GAP + int(starts[-2]) if len(heads) else 0)
    bits = next((b for b in (24, 28, 32) if b >= _at_least and largest < 1 << b), None)
    if bits is None:
        raise MmdbError(f"{largest:,} does not fit the 32 bits of a record: leave columns out")
    # The last value is for row -1, the root of the IPv4 tree: it lies behind the other tree.
    values = np.append(starts[:-1] + (total + _GAP), nodes[:1] or [total]).astype(np.uint32)
    about = _metadata(total, bits, kind, description, languages, built)
    if not trees:
        stream.write(_packed(np.full((1, 2), total, np.uint32), bits).data)
    for tree, root in zip(trees, [0, *nodes[:-1]], strict=False):
        for level in _levels(tree, root, total, values):
            stream.write(_packed(level, bits).data)
    stream.write(bytes(_GAP))
    for part in _data(starts, present, fields):
        stream.write(part.data)
    stream.write(about)
    prefixes = sum(int((tree.row >= 0).sum()) for tree in trees)
    size = total * bits // 4 + _GAP + int(starts[-1]) + len(about)
    return Summary(total, bits, prefixes, len(heads), size)


def _checked(four: Ranges4, six: Ranges6, columns: Mapping[str, Column]) -> int:
    """Return the number of entries. Raises `MmdbError` for what would make a broken file."""
    entries = np.concatenate([four[2], six[2]])
    if not disjoint(four[0], four[1]) or not disjoint(six[0], six[1]):
        raise MmdbError("the ranges of a family are not sorted and disjoint")
    count = int(entries.max(initial=-1)) + 1
    sizes = {len(codes) for _, codes in columns.values()}
    if len(columns) > _MOST:
        raise MmdbError(f"{len(columns)} columns are too many: at most {_MOST}")
    if int(entries.min(initial=0)) < 0 or len(sizes) > 1 or (sizes and max(sizes) < count):
        raise MmdbError("entries are numbers of codes, and each column has a code for every entry")
    for name, (values, codes) in columns.items():
        if int(codes.min(initial=0)) < -1 or int(codes.max(initial=-1)) >= len(values):
            raise MmdbError(f"column {name!r}: a code is no place in its {len(values):,} values")
    return max(sizes, default=count)


# -- the data section -------------------------------------------------------------------------


def _records(entries: Ints, count: int, columns: list[Codes]) -> tuple[Codes, Ints]:
    """Return the record of each entry, -1 for those not asked, and the first entry of each.

    Equal rows of codes are found by a hash. What only shares the hash with another row is a
    record of its own: at worst a record is there twice.
    """
    hashed = np.zeros(len(entries), np.uint64)
    for codes in columns:
        hashed = (hashed ^ codes[entries].astype(np.uint64)) * _ODD
        hashed ^= hashed >> np.uint64(32)
    order = np.argsort(hashed, kind="stable")
    hashed = hashed[order]
    new = np.append(True, hashed[1:] != hashed[:-1])[: len(order)]
    leader = np.empty(len(order), np.int64)
    leader[order] = order[new][np.cumsum(new) - 1]
    for codes in columns:
        other = np.flatnonzero(codes[entries] != codes[entries[leader]])
        leader[other] = other
    heads = leader == np.arange(len(leader))
    row = np.full(count, -1, np.int32)
    row[entries] = (np.cumsum(heads) - 1)[leader]
    return row, entries[heads]


def _fields(columns: Mapping[str, Column], heads: Ints) -> Iterator[_Field]:
    """Yield the name and the values of each column that is in any record."""
    for name, (values, codes) in columns.items():
        own = codes[heads]
        if (own >= 0).any():
            yield _field((name,), np.where(own >= 0, 0, -1).astype(np.int8))
            yield _field(values, own)


def _field(values: Sequence[Value], codes: NDArray[Any]) -> _Field:
    """Encode those of some values that records have. Raises `MmdbError`."""
    first = np.full(len(values) + 1, -1, np.int32)
    # Of several assignments to one place the last stays, so from the last record to the first.
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    used = np.flatnonzero(first[:-1] >= 0).astype(np.int32)
    size = np.zeros(len(values), np.int64)
    text = bytearray()
    for slot in range(0, len(used), _SLICE):
        part = used[slot : slot + _SLICE]
        encoded = [_encoded(values[code]) for code in part.tolist()]
        size[part] = [len(item) for item in encoded]
        text += b"".join(encoded)
    width = np.append(np.full(len(values), 2, np.uint8), np.uint8(0))
    return _Field(
        codes, np.frombuffer(text, np.uint8), np.append(0, np.cumsum(size)),
        used, first[used], np.zeros(len(values), np.int64), width,
    )  # fmt: skip


def _lay_out(present: NDArray[np.int16], fields: list[_Field]) -> Ints:
    """Return where records begin, and where the last ends; fill in `at` and `width` of fields.

    ``present`` is how many columns each record has.
    How wide a pointer is depends on where it leads, and that on pointers before. All lead
    backwards: nothing before byte 2048 has pointers wider than 2 bytes, so the first pass tells
    rightly which values lie behind it, the second which lie behind the reach of 3 bytes, the
    third of 4, and the fourth where everything lies.
    """
    starts = np.zeros(len(present) + 1, np.int64)
    for _ in range(4):
        size = np.where(present < 29, 1, 2)  # of the control bytes of the map
        inside = []
        for field in fields:
            inside.append(size[field.first])
            size += field.width[field.codes]
            size[field.first] = inside[-1] + np.diff(field.begin)[field.used]
        np.cumsum(size, out=starts[1:])
        for field, place in zip(fields, inside, strict=True):
            at = starts[field.first] + place
            field.at[field.used] = at
            field.width[field.used] = 2 + np.searchsorted(_REACH, at, "right")
    return starts


def _data(starts: Ints, present: NDArray[np.int16], fields: list[_Field]) -> Iterator[Bytes]:
    """Yield the data section, some records at a time."""
    low = 0
    while low < len(starts) - 1:
        behind = int(np.searchsorted(starts, starts[low] + _SLICE_BYTES, "right")) - 1
        high = min(max(behind, low + 1), low + _SLICE)
        out = np.empty(int(starts[high] - starts[low]), np.uint8)
        place = starts[low:high] - starts[low]
        count = present[low:high]
        out[place] = _MAP << 5 | np.minimum(count, 29)
        many = np.flatnonzero(count >= 29)
        out[place[many] + 1] = count[many] - 29
        place += np.where(count < 29, 1, 2)
        for field in fields:
            _put(out, place, starts[low], field, field.codes[low:high])
        yield out
        low = high


def _put(out: Bytes, place: Ints, start: np.int64, field: _Field, codes: NDArray[Any]) -> None:
    """Put one field of some records at ``place`` of ``out``, and move each place behind it.

    ``out`` begins at ``start`` of the data section.
    """
    there = np.flatnonzero(codes >= 0)
    code, to = codes[there], place[there]
    whole = field.at[code] == to + start  # else a pointer
    begin = field.begin[code]
    width = np.where(whole, field.begin[code + 1] - begin, field.width[code])
    for octets in (2, 3, 4, 5):
        which = np.flatnonzero(~whole & (width == octets))
        offset = field.at[code[which]] - (_BIAS[octets - 2] if octets < 5 else 0)
        top = offset >> 8 * (octets - 1) if octets < 5 else 0
        out[to[which]] = _POINTER << 5 | octets - 2 << 3 | top
        for k in range(1, octets):
            out[to[which] + k] = offset >> 8 * (octets - 1 - k) & 255
    for k in np.flatnonzero(whole & (width >= _LONG)).tolist():
        out[to[k] : to[k] + width[k]] = field.text[begin[k] : begin[k] + width[k]]
    which = np.flatnonzero(whole & (width < _LONG))
    size = width[which]
    inner = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    out[np.repeat(to[which], size) + inner] = field.text[np.repeat(begin[which], size) + inner]
    place[there] += width


def _encoded(value: Value) -> bytes:
    """Encode a text, an unsigned integer or an array of them. Raises `MmdbError`."""
    if isinstance(value, str):
        text = value.encode(errors="replace")
        return _control(_STRING, len(text)) + text
    if isinstance(value, int):
        if not 0 <= value < 1 << 128:
            raise MmdbError(f"{value} is no unsigned integer of at most 128 bits")
        kind = _UINT32 if value < 1 << 32 else _UINT64 if value < 1 << 64 else _UINT128
        return _integer(kind, value)
    return _control(_ARRAY, len(value)) + b"".join(map(_encoded, value))


def _integer(kind: int, value: int) -> bytes:
    """Encode an integer in as few bytes as it has."""
    size = (value.bit_length() + 7) // 8
    return _control(kind, size) + value.to_bytes(size, "big")


def _control(kind: int, size: int) -> bytes:
    """Return what stands before a value: its kind and size. Raises `MmdbError`."""
    if size > _LONGEST:
        raise MmdbError(f"a text or array of size {size:,} is too long: at most {_LONGEST:,}")
    step = 0 if size < 29 else 1 if size < 285 else 2 if size < 65821 else 3
    first = min(size, 28 + step) if step else size
    extra = (size - (0, 29, 285, 65821)[step]).to_bytes(step, "big") if step else b""
    return bytes([kind << 5 | first] if kind < 8 else [first, kind - 7]) + extra


def _metadata(
    nodes: int, bits: int, kind: str, description: str, languages: Sequence[str], built: int
) -> bytes:
    """Return the marker and the metadata."""
    pairs = {
        "node_count": _integer(_UINT32, nodes),
        "record_size": _integer(_UINT16, bits),
        "ip_version": _integer(_UINT16, 6),
        "database_type": _encoded(kind),
        "languages": _encoded(tuple(languages)),
        "binary_format_major_version": _integer(_UINT16, 2),
        "binary_format_minor_version": _integer(_UINT16, 0),
        "build_epoch": _integer(_UINT64, max(built, 1)),  # libmaxminddb takes no 0
        # Verifiers want a description in some language.
        "description": _control(_MAP, 1) + _encoded([*languages, "en"][0]) + _encoded(description),
    }
    parts = [_encoded(name) + value for name, value in pairs.items()]
    return _MARKER + _control(_MAP, len(parts)) + b"".join(parts)


# -- the tree ---------------------------------------------------------------------------------


def _tree6(six: Ranges6, row: Codes, mixed: bool) -> _Tree:
    """Return the IPv6 tree; if it is mixed, two blocks lead to the IPv4 tree."""
    first, length, source = prefixes6(six[0], six[1])
    rows = row[six[2][source]]
    # Prefixes between the blocks, which is all that ::/80 has left.
    count = int(np.searchsorted(first[:, 0], np.uint64(0), "right"))
    count = int(np.searchsorted(first[:count, 1], MAPPED))
    blocks = np.array([[0, 0], [0, MAPPED]], np.uint64)[: 2 * mixed]
    places = [0, count][: len(blocks)]
    first, length = np.insert(first, places, blocks, axis=0), np.insert(length, places, 96)
    words = (first[:, 0], first[:, 1])
    return _Tree(words, length, np.insert(rows, places, -1), shared_bits(words))


def _tree4(four: Ranges4, row: Codes) -> _Tree:
    first, length, source = prefixes4(four[0], four[1])
    rows = row[four[2][source]]
    if length[0] == 0:
        # Readers take a record without a tree below for an alias wherever they meet it again.
        first, length = np.array([0, 1 << 31], np.uint32), np.ones(2, np.uint8)
        rows = np.repeat(rows, 2)
    return _Tree((first,), length, rows, shared_bits((first,)))


def _levels(tree: _Tree, root: int, empty: int, values: Words4) -> Iterator[Words4]:
    """Yield the records (nodes, 2) of each level of a tree whose root is node ``root``.

    A prefix that shares s bits with the one before goes its own way from the node at depth s on:
    at depth d the records that are not empty are one for each prefix with s <= d < length, in
    order, and a node begins where s < d. Nodes are numbered level by level.
    """
    bits = tree.words[0].itemsize * 8
    for depth in range(int(tree.length.max())):
        edge = np.flatnonzero((tree.shared <= depth) & (tree.length > depth))
        node = np.cumsum(tree.shared[edge] < depth) - 1
        word = tree.words[depth // bits][edge]
        side = (word >> word.dtype.type(bits - 1 - depth % bits) & word.dtype.type(1)).astype(int)
        leaf = tree.length[edge] == depth + 1
        root += int(node[-1]) + 1  # the first node of the next level
        record = (np.cumsum(~leaf) + (root - 1)).astype(np.uint32)
        record[leaf] = values[tree.row[edge[leaf]]]
        level = np.full((int(node[-1]) + 1, 2), empty, np.uint32)
        level[node, side] = record
        yield level


def _packed(records: Words4, bits: int) -> Bytes:
    """Return records (n, 2) as they lie in the file, big-endian."""
    octets = records.astype(">u4").view(np.uint8).reshape(-1, 2, 4)
    if bits != 28:
        return octets[:, :, 4 - bits // 8 :].reshape(-1)
    # The byte in the middle has the highest 4 bits of both.
    middle = octets[:, :1, 0] << 4 | octets[:, 1:, 0]
    return np.concatenate([octets[:, 0, 1:], middle, octets[:, 1, 1:]], axis=1).reshape(-1)
