"""Read the registries' transfer logs: which ranges moved from one registry to another, and when.

The format is the NRO's, version 4.0, one JSON object: `version`, then `transfers`, each with
exactly one of `ip4nets`, `ip6nets` and `asns`. Of its sets the `transfer_set` is what moved; the
`original_set` is what it was cut from. ARIN pads octets with zeros (`054.224.000.000`), which are
decimal all the same: nothing that reads octal may see them. Everything about organisations may be
missing and is not read.

Not only transfers between registries are listed, but mergers and sales within one too. What
follows from a transfer is decided elsewhere.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query.addresses import pack
from rirdex.query.errors import AddressError, DumpError

from .batch import Reject
from .delegated import REGISTRIES
from .scan import Ints

TYPES: Final = ("other", "resource_transfer", "merger_acquisition")
_KINDS: Final = ("ip4nets", "ip6nets", "asns")
_NAMES: Final = {name: code for code, name in enumerate(REGISTRIES)} | {"RIPENCC": 0}
_HEAD = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{.*?"(?:transfers|stats_version)"\s*:', re.DOTALL)
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?")
_PADDED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_AGAIN: Final = "download it again"
_EPOCH: Final = date(1970, 1, 1)


class Moves(NamedTuple):
    """Hold the ranges of one kind that moved, in the order of the file; n of them.

    ``first`` and ``last`` are int64 (n,) of IPv4 addresses and AS numbers, uint64 (n, 2) of IPv6
    addresses: the high and the low half. ``source`` and ``recipient`` (uint8) are places in
    `delegated.REGISTRIES`, ``type`` (uint8) in `TYPES`; ``day`` (int32) counts from 1970-01-01.
    """

    first: NDArray[Any]
    last: NDArray[Any]
    source: NDArray[np.uint8]
    recipient: NDArray[np.uint8]
    type: NDArray[np.uint8]
    day: NDArray[np.int32]


class Transfers(NamedTuple):
    """Hold what one log says.

    ``date`` is when it was produced, in days since 1970, 0 = not said. ``counts`` are the
    transfers of each kind that were read. Of rejects the offset is the place among the transfers.
    """

    producer: str
    date: int
    ipv4: Moves
    ipv6: Moves
    asn: Moves
    counts: dict[str, int]
    rejects: list[Reject]


class _BadTransfer(Exception):
    """Say why one transfer cannot be read."""


def is_transfers(head: bytes) -> bool:
    """Say whether a text begins like a transfer log: an object that names its transfers.

    What precedes the list is short, so ``head`` should be 4 KiB or more.
    """
    return _HEAD.match(head[: 1 << 16]) is not None


def read_transfers(text: bytes, place: str) -> Transfers:
    """Read a transfer log. Raises `DumpError` for what is none, or is cut off."""
    log = _load(text, place)
    rows: dict[str, list[tuple[int, int, int, int, int, int]]] = {kind: [] for kind in _KINDS}
    counts = dict.fromkeys(("ipv4", "ipv6", "asn"), 0)
    rejects = []
    for number, transfer in enumerate(log["transfers"]):
        try:
            kind, moved = _transfer(transfer)
        except _BadTransfer as error:
            sample = json.dumps(transfer)[:80].encode()
            rejects.append(Reject(number, f"a transfer {error}", sample))
            continue
        rows[kind] += moved
        counts[("ipv4", "ipv6", "asn")[_KINDS.index(kind)]] += 1
    version = log.get("version")
    version = version if isinstance(version, dict) else {}
    produced = _day(version.get("production_date"))
    return Transfers(
        str(version.get("producer", "")), produced or 0, _moves(rows["ip4nets"]),
        _wide_moves(rows["ip6nets"]), _moves(rows["asns"]), counts, rejects,
    )  # fmt: skip


def _load(text: bytes, place: str) -> dict[str, Any]:
    """Parse the JSON, and say whether it was cut off or is something else."""
    # Names of organisations may hold anything; they are not read.
    try:
        log = json.loads(text.decode("utf-8-sig", "replace"))
    except RecursionError:
        raise DumpError(place, "is nested too deeply for a transfer log") from None
    except json.JSONDecodeError as error:
        doc = error.doc.rstrip()
        ended = doc.endswith("}") and error.pos < len(doc)
        if doc.startswith("{") and (not ended or error.msg.startswith("Unterminated string")):
            raise DumpError(place, f"is cut off: its JSON does not end: {_AGAIN}") from None
        what = f"is no JSON ({error.msg}, line {error.lineno}): {_AGAIN}"
        raise DumpError(place, what, len(error.doc[: error.pos].encode())) from None
    except ValueError as error:  # a number of thousands of digits
        raise DumpError(place, f"is no transfer log ({error})") from None
    if not isinstance(log, dict) or not isinstance(log.get("transfers"), list):
        raise DumpError(place, "is no transfer log: it has no list of transfers")
    return log


def _transfer(transfer: object) -> tuple[str, list[tuple[int, int, int, int, int, int]]]:
    """Return a transfer's kind and its ranges as rows (first, last, from, to, type, day)."""
    if not isinstance(transfer, dict):
        raise _BadTransfer("is no object")
    kinds = [kind for kind in _KINDS if transfer.get(kind)]
    if len(kinds) != 1:
        raise _BadTransfer("has not exactly one of ip4nets, ip6nets and asns")
    source, recipient = (_registry(transfer.get(f"{who}_rir"), who)
                         for who in ("source", "recipient"))  # fmt: skip
    day = _day(transfer.get("transfer_date"))
    if day is None:
        raise _BadTransfer("has no legal transfer_date")
    word = str(transfer.get("type", "")).lower()
    kind = TYPES.index(word) if word in TYPES else 0
    nets = transfer[kinds[0]]
    moved = nets.get("transfer_set") if isinstance(nets, dict) else None
    if not isinstance(moved, list) or not moved:
        raise _BadTransfer("has no transfer_set")
    ranges = [_range(kinds[0], item) for item in moved]
    return kinds[0], [(first, last, source, recipient, kind, day) for first, last in ranges]


def _registry(name: object, who: str) -> int:
    """Return a registry's place in `REGISTRIES`; `RIPE NCC` is RIPE."""
    code = _NAMES.get(str(name).upper().replace(" NCC", "").strip())
    if code is None:
        raise _BadTransfer(f"names no registry as {who}_rir")
    return code


def _day(text: object) -> int | None:
    """Read `YYYY-MM-DD`, with a time behind or without, as days since 1970."""
    found = _DAY.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        return (date(*map(int, found.groups())) - _EPOCH).days
    except ValueError:
        return None


def _range(kind: str, item: object) -> tuple[int, int]:
    """Return first and last of one member of a transfer set."""
    ends = ("start", "end") if kind == "asns" else ("start_address", "end_address")
    if not isinstance(item, dict):
        raise _BadTransfer("has a range that is no object")
    first, last = (_READERS[kind](item.get(end)) for end in ends)
    if first is None or last is None or first > last:
        raise _BadTransfer(f"has no legal range of {kind}")
    return first, last


def _number(value: object) -> int | None:
    """Read an AS number, a number or a text of digits."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) >= 1 << 32:
        return None
    return int(text)


def _narrow(value: object) -> int | None:
    """Read an IPv4 address whose octets may be padded with zeros; they are decimal."""
    if not isinstance(value, str) or not _PADDED.fullmatch(value.strip()):
        return None
    octets = [int(octet) for octet in value.strip().split(".")]
    return int.from_bytes(bytes(octets), "big") if max(octets) < 256 else None


def _wide(value: object) -> int | None:
    """Read an IPv6 address."""
    try:
        family, number = pack(value.strip()) if isinstance(value, str) else (0, 0)
    except AddressError:
        return None
    return number if family == 6 else None


_READERS: Final = {"ip4nets": _narrow, "ip6nets": _wide, "asns": _number}


def _moves(rows: list[tuple[int, int, int, int, int, int]]) -> Moves:
    columns: Ints = np.array(rows, np.int64).reshape(-1, 6)
    return Moves(
        columns[:, 0], columns[:, 1], columns[:, 2].astype(np.uint8),
        columns[:, 3].astype(np.uint8), columns[:, 4].astype(np.uint8),
        columns[:, 5].astype(np.int32),
    )  # fmt: skip


def _wide_moves(rows: list[tuple[int, int, int, int, int, int]]) -> Moves:
    rest = _moves([(0, 0, *row[2:]) for row in rows])
    pairs = [[(row[end] >> 64, row[end] & 0xFFFFFFFFFFFFFFFF) for row in rows] for end in (0, 1)]
    first, last = (np.array(pair, np.uint64).reshape(-1, 2) for pair in pairs)
    return rest._replace(first=first, last=last)
