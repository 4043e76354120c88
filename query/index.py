"""Open an index and look up one address, prefix, range, AS number or handle.

The fast paths (`Index.match`, `Index.lookup`) read memoryviews in a few bytecodes and touch
neither LMDB nor NumPy. The trie's encoding is described in `rirdex.indexer.trie`.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from socket import AF_INET, AF_INET6, inet_pton
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from . import layout
from .addresses import PAIR, PARTS, WORD, Address, Network, Span, pack, span
from .errors import AddressError, StoreError
from .finding import chosen, containing, near, ranged
from .handles import handle_answers, object_of
from .layout import BUCKETS, DEEP, ROOM, ROOM_BITS, WIDE
from .model import Answer, HandleAnswer
from .place import default_path
from .records import Net, Object
from .store import Store, Tables

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .columns import Dictionaries
    from .days import Day
    from .desk import Desk
    from .ladder import Memory
    from .past import Times
    from .tenures import History

Query = Address | Network
_MAPPED = bytes(10) + b"\xff\xff"


def open_index(
    path: str | PathLike[str] | None = None, *, desk: str | PathLike[str] | None = None
) -> Index:
    """Open an index file, by default the one at `default_path`.

    ``desk`` is the folder of the user's own files, by default `desk.desk_folder`'s.
    Raises `NoIndex`, `Damaged`, `WrongVersion` (all `StoreError`).
    """
    return Index(path if path is not None else default_path(), desk)


class Index:
    """Hold an open index. Use it as a context manager, from any number of threads.

    A forked child may go on using it; a pickle carries the path and the build id and reopens.
    """

    def __init__(self, path: str | PathLike[str], desk: str | PathLike[str] | None = None) -> None:
        self._store = Store(path)
        self._tables = Tables(self._store)
        self._desk = None if desk is None else os.fspath(desk)
        self._memory: Memory | None = None
        self._dictionaries: Dictionaries | None = None
        self._times: Times | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index: it and everything it gave raises `StoreError` from now on."""
        self._store.close()
        self._tables.release()
        if self._times is not None:
            self._times.release()
        self._dictionaries = None

    def __reduce__(self) -> tuple[Any, tuple[str, str, str | None]]:
        return _reopened, (os.path.abspath(self.path), self.build_id, self._desk)

    def __len__(self) -> int:
        """Return how many nets the index holds."""
        return self._tables.nets

    def __repr__(self) -> str:
        return f"<Index {self.path} {len(self)} nets>"

    @property
    def path(self) -> str:
        """Return the file's path as it was given."""
        return self._store.path

    @property
    def build_id(self) -> str:
        """Return what identifies this build: equal for equal inputs and options."""
        return self._store.build_id

    @property
    def meta(self) -> dict[str, Any]:
        """Return the metadata: versions, sources with counts and rejects, sizes of the tables."""
        return self._store.meta

    @property
    def memory(self) -> Memory:
        """Return what `ladder` keeps for the answers of this index. Raises `DeskError`."""
        if self._memory is None:
            from .ladder import Memory

            self._memory = Memory(self._desk)
        return self._memory

    @property
    def desk(self) -> Desk:
        """Return the user's own files. Raises `DeskError`."""
        return self.memory.desk

    @property
    def times(self) -> Times:
        """Return the past of this index. Raises `StoreError`."""
        if self._times is None:
            from .past import Times

            self._store.check_open()
            self._times = Times(self._tables)
        return self._times

    @property
    def dictionaries(self) -> Dictionaries:
        """Return the texts of this index for whole columns. Raises `StoreError`."""
        if self._dictionaries is None:
            from .columns import Dictionaries

            self._store.check_open()
            self._dictionaries = Dictionaries(self._tables)
        return self._dictionaries

    # -- one address --------------------------------------------------------------------------

    def match(self, address: Address) -> int | None:
        """Return the id of the last net of the address's chain, None where there is none.

        Raises `AddressError`.
        """
        tables = self._tables
        try:
            if ":" in address:  # type: ignore[operator]
                piece = self._piece6(inet_pton(AF_INET6, address))  # type: ignore[arg-type]
            else:
                number: int = WORD(inet_pton(AF_INET, address))[0]  # type: ignore[arg-type]
                piece = tables.trie4_root[number >> tables.shift4]
                if piece < -1:
                    if tables.large4:  # `STRIDES_LARGE` written out: a loop costs 100 ns
                        nodes = tables.trie4_nodes
                        number &= 1023
                        piece = nodes[(number >> 6) - piece]
                        if piece < -1:
                            piece = nodes[(number >> 3 & 7) - piece]
                            if piece < -1:
                                piece = nodes[(number & 7) - piece]
                    else:
                        piece = self._piece4(number)
        except (TypeError, AttributeError, OSError, ValueError):
            # Anything but the text of an address: asking beforehand would cost everyone 60 ns.
            piece = self._piece(*pack(address))
        if piece < tables.nets:
            return piece if piece >= 0 else None
        return tables.piece_net[piece - tables.nets]  # type: ignore[no-any-return]

    def _piece(self, family: int, number: int) -> int:
        """Return the piece that answers for an address, -1 for none."""
        return self._piece4(number) if family == 4 else self._piece6(number.to_bytes(16, "big"))

    def _piece4(self, number: int) -> int:
        tables = self._tables
        piece: int = tables.trie4_root[number >> tables.shift4]
        for shift, mask in tables.levels4 if piece < -1 else ():
            piece = tables.trie4_nodes[(number >> shift & mask) - piece]
            if piece >= -1:
                break
        return piece

    def _piece6(self, packed: bytes) -> int:
        """Return the piece that answers for a packed IPv6 address, -1 for none."""
        tables = self._tables
        top, second, third, fourth, fifth, sixth = PARTS(packed)
        if not top and packed.startswith(_MAPPED):
            return self._piece4(WORD(packed[12:])[0])
        piece: int = tables.trie6_root[top]
        if piece >= -1:
            return piece
        # A loop over the levels would take a third longer.
        nodes = tables.trie6_nodes
        if BUCKETS < piece <= WIDE:
            piece = tables.trie6_wide[WIDE - piece + second]
        elif piece > BUCKETS:
            piece = nodes[(second >> 8) - piece]
            if BUCKETS < piece < -1:
                piece = nodes[(second & 255) - piece]
        if BUCKETS < piece < -1:
            piece = nodes[third - piece]
            if BUCKETS < piece < -1:
                piece = nodes[fourth - piece]
                if BUCKETS < piece < -1:
                    piece = nodes[fifth - piece]
                    if BUCKETS < piece < -1:
                        piece = nodes[sixth - piece]
        if piece >= -1:
            return piece
        # A bucket: search its segments for the last that begins at or before the address.
        if piece > DEEP:
            piece = BUCKETS - piece
            first = piece >> ROOM_BITS
            behind = first + 2 + (piece & ROOM - 1)
        else:
            first, behind = DEEP - piece, tables.segments6
        high, low = PAIR(packed)
        highs, lows = tables.trie6_hi, tables.trie6_lo
        place = bisect_right(highs, high, first, behind) - 1
        if lows[place] > low and highs[place] == high:
            begin = bisect_left(highs, high, first, place + 1)
            place = bisect_right(lows, low, begin, place + 1) - 1
        return tables.trie6_piece[place]  # type: ignore[no-any-return]

    def lookup(self, query: Query, *, at: Day | None = None) -> Answer:
        """Return the answer to an address, prefix, range, AS number or handle; false = no match.

        Of several objects under one handle the first is meant; `answers` gives them all. ``at`` is
        an earlier day (`past`): a date, a time, or a text of ISO 8601; handles are those of today.
        Raises `AddressError`, `DateError`.
        """
        if at is not None:
            return self.times.answer(self.lookup(query), at)
        tables = self._tables
        try:
            number: int = WORD(inet_pton(AF_INET, query))[0]  # type: ignore[arg-type]
        except (TypeError, OSError, ValueError):
            return self.answers(query)[0]
        piece = tables.trie4_root[number >> tables.shift4]
        if piece < -1:
            if tables.large4:  # as in `match`
                nodes = tables.trie4_nodes
                low = number & 1023
                piece = nodes[(low >> 6) - piece]
                if piece < -1:
                    piece = nodes[(low >> 3 & 7) - piece]
                    if piece < -1:
                        piece = nodes[(low & 7) - piece]
            else:
                piece = self._piece4(number)
        return Answer(self, tables, query, number, piece)  # type: ignore[arg-type]

    def history(self, query: str | Network | Span) -> History:
        """Return who held an address, prefix or range when (`history`). Raises `AddressError`."""
        from .history import history

        return history(self, query)

    def answers(self, query: Query, *, at: Day | None = None) -> list[Answer]:
        """Return one answer, or one for each object under a handle.

        ``at`` is an earlier day, as in `lookup`. Raises `AddressError`, `DateError`.
        """
        if at is not None:
            return [self.times.answer(answer, at) for answer in self.answers(query)]
        asked = span(query)
        if asked is None:
            return handle_answers(self, str(query))
        piece = self._piece(asked.family, asked.first)
        text = query if isinstance(query, str) else _query_text(query)
        return [Answer(self, self._tables, text, asked, piece)]

    def reached_at(self, contact: str, within: str | None = None) -> Answer:
        """Return an answer whose `more` are the nets a mailbox or domain answers for.

        ``within`` is a range: then only nets around it or inside count. Raises `AddressError`.
        """
        rows = self.nets(contact=contact)
        if within is not None:
            rows = sorted(set(rows).intersection(near(self._tables, ranged(within))))
        return HandleAnswer(self, self._tables, contact, "contact", None, lambda: rows)

    @overload
    def lookup_many(
        self, addresses: Iterable[Query], *, columns: None = None, at: Day | None = None
    ) -> Iterator[Answer]: ...

    @overload
    def lookup_many(
        self, addresses: Any, *, columns: Sequence[str], at: Day | None = None
    ) -> dict[str, NDArray[Any]]: ...

    def lookup_many(
        self, addresses: Any, *, columns: Sequence[str] | None = None, at: Day | None = None
    ) -> Iterator[Answer] | dict[str, NDArray[Any]]:
        """Yield the answer to each query, in order; or return some columns of all answers.

        ``columns`` are those of `rirdex batch` (`columns.COLUMNS`). Then the addresses may be
        arrays, as in `match_many`, and prefixes and ranges beside them; each column is an array
        (n,): `depth` int32, -1 = none; the others of objects, str or None, lists as tuples.
        ``at`` is an earlier day, as in `lookup`.

        Raises `AddressError` with ``position``, `DateError`, `BatchError` for an unknown column,
        `DeskError`.
        """
        if columns is None:
            return self._each(addresses, at)
        from .columnar import answer_columns

        return answer_columns(self, addresses, columns, at)

    def _each(self, addresses: Iterable[Query], at: Day | None) -> Iterator[Answer]:
        lookup = self.lookup
        for position, address in enumerate(addresses):
            try:
                yield lookup(address, at=at)
            except AddressError as error:
                raise AddressError(str(error), position) from None

    def match_many(self, addresses: Any) -> NDArray[np.int32]:
        """Return the ids of the last nets of many addresses, -1 = none.

        Takes a uint32 array (n,) of IPv4 addresses in native order, a uint8 array (n, 16) of
        packed IPv6 addresses, or any iterable of what `match` takes. Returns int32 (n,).
        Raises `AddressError` with ``position``.
        """
        from .many import match_many

        return match_many(self, addresses)

    # -- nets and objects ---------------------------------------------------------------------

    def net(self, net: int) -> Net:
        """Return a net by its id. Raises IndexError."""
        if not 0 <= net < self._tables.nets:
            raise IndexError(f"net {net}: the index holds the nets 0 to {self._tables.nets - 1}")
        return Net(self._tables, net, net)

    def objects(
        self, key: str, kind: str | None = None, registry: str | None = None
    ) -> list[Object]:
        """Return the objects under a key, without regard to case, in the order of their classes."""
        count = self.meta["counts"]["objects"]
        rows = self._store.find("handles", layout.sort_key(key.strip(layout.BLANKS)))
        found = [Object(self._tables, row) for row in rows if row < count]
        return [
            item
            for item in found
            if kind in (None, item.kind) and registry in (None, item.registry)
        ]

    def object(
        self, key: str, kind: str | None = None, registry: str | None = None
    ) -> Object | Net | None:
        """Return the first object under a key: organisation, role, ... and last a net's range."""
        return object_of(self, key, kind, registry)

    def nets(
        self,
        *,
        org: str | None = None,
        mnt_by: str | None = None,
        netname: str | None = None,
        country: str | None = None,
        contact: str | None = None,
        inside: str | Network | Span | None = None,
    ) -> list[int]:
        """Return the ids of the nets that match every keyword, ascending.

        Texts compare without regard to case; ``inside`` is an address, prefix or range that
        contains the nets whole; ``contact`` is a mailbox or a domain that the registry's own rule
        gives for the nets. Raises `AddressError`.
        """
        texts = {"org": org, "mnt_by": mnt_by, "netname": netname, "country": country}
        return chosen(self._tables, texts, contact, inside)

    def containing(self, bounds: Span) -> list[Net]:
        """Return every net that contains a range, of any registry and role, widest first."""
        return containing(self._tables, bounds)


def _query_text(query: Query) -> str:
    return query.hex() if isinstance(query, bytes) else str(query)


def _reopened(path: str, build_id: str, desk: str | None) -> Index:
    index = Index(path, desk)
    if index.build_id != build_id:
        index.close()
        raise StoreError(path, "the index was replaced by another build since it was pickled")
    return index
