"""Fix what lies on disk: the header, the tables and the codes in their columns.

An index is one LMDB file (engine 0.9, ``subdir=False``) that is never written again. LMDB uses
about 150 bytes of each of its two meta pages; the free half of page 0 holds the *seal*
(`SEAL`), so that a file is recognised, measured and checked before LMDB reads a page of it.

Key ``meta`` of the main database is JSON; every other key of it is a *table*, one value each:
an array in native byte order, or text. `COLUMNS` lists the arrays. A string column holds codes
into its own dictionary: code 0 is "missing", the text of code c lies at
``text.NAME[at[c] : at[c + 1]]``. Lists are one string, its items joined by a line feed (no
value of a dump can hold one). `SORTED` lists the LMDB databases with sorted keys.

What a column means is said here; how it is filled is the indexer's business.
"""

from __future__ import annotations

import struct
from typing import Any, Final

FORMAT: Final = 7
SMALLEST_TABLE: Final = 4096
PART: Final = 64 << 20

# -- the seal: bytes 2048.. of page 0 ---------------------------------------------------------
SEAL_AT: Final = 2048
SEAL_MAGIC: Final = b"rirdex index\n\0\0\0"
# magic, format, unused, file size, build id, sha256 of the value of `meta`, then two digests:
# sha256 of the two LMDB meta structures and of the seal up to here; sha256 of the whole file with
# the seal as zeros, and of the seal up to here.
SEAL: Final = struct.Struct("<16sIIQ16s32s32s32s")
SEALED: Final = SEAL.size - 64  # bytes of the seal before the two digests
# LMDB 0.9 on 64 bits, little-endian: a page header, then MDB_meta up to mm_txnid. Its members:
# magic, version, address, map size, page size and the rest of the free list's record, the main
# database's record, last page, transaction id. The second meta page is one page further.
LMDB_MAGIC: Final = 0xBEEFC0DE
META: Final = struct.Struct("<16xIIQQI44s48sQQ")

# -- tables -----------------------------------------------------------------------------------
# name -> type code of `array`/`memoryview.cast`; "" = the narrowest of B, H, I that holds the
# codes, recorded in meta["types"].
COLUMNS: Final[dict[str, str]] = {
    # longest-prefix match: leaf >= 0 is a piece, -1 nothing, below that a node (see trie.py)
    "trie4.root": "i",
    "trie4.nodes": "i",
    "trie6.root": "i",
    "trie6.nodes": "i",
    "trie6.wide": "i",
    "trie6.hi": "Q",
    "trie6.lo": "Q",
    "trie6.piece": "i",
    # nets, ordered by family, first address, size (larger first): ids 0 .. n-1
    "net.first4": "I",
    "net.last4": "I",
    "net.first6.hi": "Q",
    "net.first6.lo": "Q",
    "net.last6.hi": "Q",
    "net.last6.lo": "Q",
    "net.netname": "",
    "net.descr": "",
    "net.country": "",
    "net.status": "",
    "net.org": "",
    "net.mnt_by": "",
    "net.created": "H",
    "net.modified": "H",
    "net.origin": "",
    "net.object": "I",
    # a result (RESULT_BITS: its first row in contact.*, 0 = none) and flags, see below
    "net.contact": "I",
    "object.contact": "I",
    # items of results: rule, status and MORE_ITEMS; the mailbox, a code of text.mail; what has it:
    # an object's id + 1, a code of text.mail as -code, 0 = the text of the referring object; what
    # refers to it: an object's id, -1 = the net or AS number itself; days since 1970
    "contact.what": "B",
    "contact.mail": "",
    "contact.handle": "i",
    "contact.object": "i",
    "contact.checked": "H",
    # pieces: one per net (same id), then the pieces of nets that other nets cross
    "piece.above": "i",
    "piece.role": "B",
    "piece.net": "I",
    # the verdict on a piece, a row of verdict.*: what it is (`VERDICT_BITS` ...), the rules that
    # fired as bits, and a place in meta["facilitators"] + 1, 0 = none
    "piece.verdict": "",
    "verdict.what": "B",
    "verdict.rules": "I",
    "verdict.party": "B",
    # what AS numbers are called, ascending: codes of text.asname
    "as.number": "I",
    "as.name": "",
    # AS numbers that buy transit, ascending; of whom: upstream.provider[upstream.at[k] :
    # upstream.at[k + 1]], who has the fewest customers first
    "upstream.asn": "I",
    "upstream.at": "I",
    "upstream.provider": "I",
    # announced prefixes by address, then length; origins are a set of AS numbers
    # (origin.asn[origin.at[k] : origin.at[k + 1]]), parent is the next one around, -1 = none
    "route4.first": "I",
    "route4.length": "B",
    "route4.origins": "i",
    "route4.parent": "i",
    "route6.hi": "Q",
    "route6.lo": "Q",
    "route6.length": "B",
    "route6.origins": "i",
    "route6.parent": "i",
    "origin.at": "I",
    "origin.asn": "I",
    # largest last address of GROUP nets, of GROUP such groups ...: see `indexer/cover.py`
    "cover4": "I",
    "cover6": "Q",
    # what the registries' statistics say from each address on: a place in meta["stated"]
    "stated4.begin": "I",
    "stated4.what": "",
    "stated6.hi": "Q",
    "stated6.lo": "Q",
    "stated6.what": "",
    # ranges that moved from one registry to another, with their cover; day << 8 | from << 4 | to
    "moved4.first": "I",
    "moved4.last": "I",
    "moved4.what": "I",
    "moved4.cover": "I",
    "moved6.first": "Q",
    "moved6.last": "Q",
    "moved6.what": "I",
    "moved6.cover": "Q",
    # AS numbers registered as a range, by their first: object ids
    "asn.first": "I",
    "asn.last": "I",
    "asn.object": "I",
    # every kept object that is no net, in the order of class, key, registry
    "object.class": "B",
    "object.key": "",
    "object.name": "",
    "object.org": "",
    "object.created": "H",
    "object.modified": "H",
    "object.origin": "",
    "object.object": "I",
    # organisation code of net.org -> object id, -1 when no source holds it
    "org.object": "i",
    # raw text: compressed blocks of BLOCK objects, offsets into all parts together
    "raw.at": "Q",
    # since when a net has been as it is, a place in meta["past"]["days"]; empty where all have been
    # as they are since the first snapshot
    "net.since": "",
}
DICTIONARIES: Final = (
    "netname", "descr", "country", "status", "org", "mnt_by", "key", "name",
)  # fmt: skip
# "mail": mailboxes, and handles that no source holds; "asname": names of AS organisations.
TEXTS: Final = (*DICTIONARIES, "mail", "asname")
BLOCK: Final = 16
GROUP: Final = 64

# The past, where there is one: nets as they were in earlier snapshots, each from the first to the
# last day on which it was seen just so. Tables are called as those of the present, with
# ``past.`` in front: columns and dictionaries below, raw.* and text.*. A row has one piece, its
# own, and more where ranges cross. Its organisation is an object that has nothing but a name;
# what has a contact and what refers to it are texts (of code c in text.mail: -c, -1 - c). A result
# that comes from the net above is 0 with `INHERITED`.
PAST_COLUMNS: Final[dict[str, str]] = {
    **{
        name: COLUMNS[name]
        for name in (
            "net.first4", "net.last4", "net.first6.hi", "net.first6.lo", "net.last6.hi",
            "net.last6.lo", "net.netname", "net.descr", "net.country", "net.status", "net.org",
            "net.mnt_by", "net.created", "net.modified", "net.origin", "net.object", "net.contact",
            "contact.what", "contact.mail", "contact.handle", "contact.object", "contact.checked",
            "piece.above", "piece.role", "piece.net", "piece.verdict", "verdict.what",
            "verdict.rules", "verdict.party", "origin.at", "origin.asn", "object.name",
            "org.object", "raw.at",
        )
    },
    # days since 1970; which of the nets of one range it was, a code of text.slot; how it was
    # announced: length of the prefix + 1, 0 = not; its origins
    "net.from": "H",
    "net.to": "H",
    "net.slot": "",
    "net.route": "B",
    "net.origins": "i",
    # the nets flattened over all time: from each address on, the smallest piece there
    "segment4.begin": "I",
    "segment4.piece": "i",
    "segment6.hi": "Q",
    "segment6.lo": "Q",
    "segment6.piece": "i",
}  # fmt: skip
PAST_TEXTS: Final = (
    "netname", "descr", "country", "status", "org", "mnt_by", "name", "mail", "slot",
)  # fmt: skip

# LMDB databases with sorted keys: handles -> object ids, contact (mailbox or domain) -> results,
# the others -> net ids (uint32 arrays).
SORTED: Final = ("handles", "org", "mnt_by", "netname", "country", "contact")
# LMDB takes keys of at most 511 bytes; a longer one is cut and ends in a digest (see `sort_key`).
LONGEST_KEY: Final = 255

# How many address bits the root of the IPv4 trie and each level of nodes below it take: for
# small and for large dumps. Of the roots that are fast (20 to 24 bits), 22 makes the smallest
# trie: 110 MB against 199 MB for 24, 4, 4 at RIPE's size, and 4 % slower.
STRIDES_SMALL: Final = (16, 4, 4, 4, 4)
STRIDES_LARGE: Final = (22, 4, 3, 3)

# -- codes ------------------------------------------------------------------------------------
ROLES: Final = (
    "registry", "holder", "partition", "facilitator", "lessee", "customer", "aggregate",
    "infrastructure", "placeholder", "foreign",
)  # fmt: skip
REGISTRY, HOLDER, PARTITION, FACILITATOR, LESSEE, CUSTOMER, AGGREGATE, INFRASTRUCTURE = range(8)
PLACEHOLDER, FOREIGN = 8, 9
ROLE_BITS: Final = 0x0F
IS_USER: Final = 0x10  # as the last net of a chain, its party differs from the holder's
MORE_DESCR: Final = 0x20  # the net has more than one descr; the others are in its raw text
OWNER: Final = 0x40  # the net's descr is LACNIC's owner: a name, no description
AS_ABOVE: Final = 0x80  # its party is that of the piece above

# Rules by which a registry gives a contact (`indexer/contacts.py`); a result that was taken from a
# net above is by the registry's rule `parent`.
RULES: Final = (
    "", "ripe.abuse-c", "ripe.org.abuse-c", "apnic.abuse-c", "apnic.mnt-irt", "apnic.irt.e-mail",
    "apnic.org.e-mail", "afrinic.abuse-c", "afrinic.mnt-irt", "afrinic.org", "afrinic.tech-c",
    "afrinic.admin-c", "afrinic.mnt-by", "afrinic.remarks", "arin.net.abuse", "arin.org.abuse",
    "arin.noc", "arin.tech", "arin.comment", "lacnic.abuse-c", "lacnic.tech-c", "lacnic.owner-c",
)  # fmt: skip
RULE_BITS: Final = 0x1F
STATUS_SHIFT: Final = 5
STATUSES: Final = ("unknown", "valid", "invalid")
MORE_ITEMS: Final = 0x80  # the next row belongs to the same result
# Bits of net.contact and object.contact.
RESULT_BITS: Final = (1 << 26) - 1
INHERITED: Final = 1 << 31  # the result is that of the next net above that has one of its own
TELLS: Final = 1 << 30  # the object's text may hold a mail address that no rule reads
OTHERS_TELL: Final = 1 << 26  # or that of an object it refers to
DANGLING: Final = 1 << 29  # a reference leads to no object though its class is held
BAD_MAILBOX: Final = 1 << 28  # a reference leads to a mailbox that holds no address
UNLOADED: Final = 1 << 27  # a reference leads into a class that no source holds

# Verdicts on leases. verdict.what holds the verdict, its confidence, and how the net is announced:
# as just this prefix, by a larger one that is still more specific than the holder's block, or by
# prefixes inside.
VERDICTS: Final = ("unknown", "leased", "likely-leased", "customer", "own-use", "unused")
CONFIDENCES: Final = ("low", "medium", "high")
ANNOUNCED: Final = ("", "exact", "covering", "inside")
VERDICT_BITS: Final = 0x07
CONFIDENCE_SHIFT: Final = 3
ANNOUNCED_SHIFT: Final = 5
# The rules of verdicts (`indexer/leasing.py`) by their bits in verdict.rules.
LEASE_RULES: Final = (
    "origin-unrelated", "origin-related", "block-announced", "not-announced", "no-routes",
    "no-holder", "same-party", "facilitator-maintainer", "facilitator-organisation",
    "facilitator-contact", "lease-remark", "facilitator-name", "facilitator-origin",
    "user-is-facilitator", "own-contact", "own-geofeed", "country-differs", "created-later",
    "siblings-differ", "roa-foreign", "sub-allocated-24", "holder-without-as", "origin-service",
    "origin-of-user", "turnover",
)  # fmt: skip
STRONG: Final = (
    "facilitator-maintainer", "facilitator-organisation", "facilitator-contact", "lease-remark",
)  # fmt: skip
SIGNS: Final = (
    "facilitator-name", "facilitator-origin", "own-contact", "own-geofeed", "country-differs",
    "created-later", "siblings-differ", "roa-foreign", "sub-allocated-24", "turnover",
)  # fmt: skip

# Classes kept with their raw text. The order is that in which `Index.object` prefers them.
CLASSES: Final = (
    "organisation", "role", "person", "irt", "mntner", "aut-num", "route", "route6", "net",
)  # fmt: skip
REGISTRIES: Final = ("RIPE", "APNIC", "AFRINIC", "LACNIC", "ARIN")


BLANKS: Final = "".join(map(chr, range(33)))  # what is stripped off both ends of every value
# Entries of the IPv6 trie from here down are buckets: the first segment times ROOM, and how many
# begin inside less one. From DEEP down they are ones without a limit to their length: the first
# segment alone. In the root, entries from WIDE down to BUCKETS are nodes for 16 bits.
WIDE: Final = -(1 << 29)
BUCKETS: Final = -(2 << 29)
DEEP: Final = -(3 << 29)
ROOM_BITS: Final = 4
ROOM: Final = 1 << ROOM_BITS
CROWD: Final = 16  # segments that begin inside a bucket, at most: no more than ROOM


def levels(strides: tuple[int, ...]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Return the shift of the root's index, and (shift, mask) for each level of nodes below."""
    shift = 32 - strides[0]
    below = []
    for bits in strides[1:]:
        below.append((shift - bits, (1 << bits) - 1))
        shift -= bits
    return 32 - strides[0], tuple(below)


def sort_key(text: str) -> bytes:
    """Return the key under which LMDB finds a handle or name, case folded, at most 255 bytes."""
    key = text.upper().encode("utf-8", "surrogateescape")
    if len(key) <= LONGEST_KEY:
        return key
    from hashlib import blake2b

    return key[: LONGEST_KEY - 16] + blake2b(key, digest_size=16).digest()


class RowError(Exception):
    """Say that a row of a database with sorted keys cannot be unpacked."""


def ids_in_row(row: bytes, key: bytes) -> list[int]:
    """Return the ids under a key in one row of a database with sorted keys, [] without it.

    A row is compressed: the number of keys, their lengths, how many ids each has (all uint32),
    the keys, then the ids of each as differences from the one before (uint32).
    """
    from itertools import accumulate

    import zstandard

    try:
        data = memoryview(zstandard.decompress(row))
    except zstandard.ZstdError as error:
        raise RowError(str(error)) from None
    count = int.from_bytes(data[:4], "little")
    lengths = data[4 : 4 + 4 * count].cast("I")
    counts = data[4 + 4 * count : 4 + 8 * count].cast("I")
    at = 4 + 8 * count
    before = 0
    ids_at = at + sum(lengths)
    for length, size in zip(lengths, counts, strict=True):
        if data[at : at + length] == key:
            first = ids_at + 4 * before
            return list(accumulate(data[first : first + 4 * size].cast("I")))
        at += length
        before += size
    return []


def update_digest(digest: Any, key: bytes, value: bytes) -> None:
    """Add a row of a database with sorted keys to the sha256 of its table."""
    digest.update(len(key).to_bytes(2, "little") + key + len(value).to_bytes(4, "little") + value)
