"""Hold prefixes and a number for each in memory, in Patricia tries: pytricia, one trie per family.

pytricia 1.3.0 stores what it is given, wrong or not: lengths of 200 bits, host bits, one family in
the trie of the other; an IPv6 address given as an integer becomes 255.255.255.255. So what gets in
are packed addresses and lengths that were checked here, and values are integers, as a value that
refers to its trie is never freed. Nothing that an index holds depends on these sets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from rirdex.query.errors import AddressError, Error

_BITS: Final = {4: 32, 6: 128}
_AF_INET: Final = 2  # pytricia takes the family of a key from its length; this one is not used
Row = tuple[int, int, int]


def _tries() -> dict[int, Any]:
    try:
        import pytricia
    except ImportError:
        raise Error(
            "sets of prefixes need pytricia, which is compiled when it is installed: install a C "
            "compiler and the headers of Python, then `pip install pytricia`"
        ) from None
    # With keys as (packed address, length) instead of text.
    return {family: pytricia.PyTricia(bits, _AF_INET, True) for family, bits in _BITS.items()}


def _key(family: int, first: int, length: int) -> tuple[bytes, int]:
    """Return a prefix as pytricia's key. Raises `AddressError` for what is no prefix."""
    bits = _BITS.get(family, -1)
    if not (0 <= length <= bits and 0 <= first >> (bits - length) < 1 << length):
        raise AddressError(f"{first}/{length} is no prefix of IPv{family}")
    if first & ((1 << (bits - length)) - 1):
        raise AddressError(f"{first}/{length} of IPv{family} has bits set behind its length")
    return first.to_bytes(bits // 8, "big"), length


class PrefixSet:
    """Hold prefixes of both families, each with an integer.

    A prefix is its family (4 or 6), its first address as an integer, and its length in bits. Every
    method raises `AddressError` for what is none. Raises `Error` where pytricia is missing.
    """

    def __init__(self) -> None:
        self._tries = _tries()
        self._count = 0

    def __len__(self) -> int:
        """Return how many prefixes there are."""
        return self._count

    def add(self, family: int, first: int, length: int, value: int) -> None:
        """Put a prefix in, or give it another value."""
        self.fill(family, [(first, length, value)])

    def fill(self, family: int, rows: Iterable[Row]) -> None:
        """Put prefixes of one family in, as (first, length, value)."""
        trie = self._tries.get(family)
        for first, length, value in rows:
            address, bits = key = _key(family, first, length)
            self._count += not trie.has_key(key)  # type: ignore[union-attr]
            trie.insert(address, bits, value)  # type: ignore[union-attr]

    def exact(self, family: int, first: int, length: int) -> int | None:
        """Return the value of a prefix, None when it is not in the set."""
        key = _key(family, first, length)
        trie = self._tries[family]
        return trie.get(key) if trie.has_key(key) else None

    def covering(self, family: int, first: int, length: int) -> int | None:
        """Return the value of the longest prefix that contains one, itself included."""
        key = _key(family, first, length)
        found: int | None = self._tries[family].get(key)
        return found

    def chain(self, family: int, first: int, length: int) -> list[Row]:
        """Return all prefixes that contain one, itself included, the longest first."""
        wanted = _key(family, first, length)
        trie = self._tries[family]
        key = trie.get_key(wanted)
        found = []
        while key is not None:
            found.append((int.from_bytes(key[0], "big"), key[1], trie.get(key)))
            key = trie.parent(key)
        return found

    def inside(self, family: int, first: int, length: int) -> list[Row]:
        """Return the prefixes that a prefix contains, itself left out, in their order."""
        key = _key(family, first, length)
        trie = self._tries[family]
        there = trie.has_key(key)
        if not there:
            trie.insert(*key, 0)  # `children` knows only what is in the set
        try:
            keys = trie.children(key)
        finally:
            if not there:
                trie.delete(key)
        return sorted((int.from_bytes(k[0], "big"), k[1], trie.get(k)) for k in keys)
