"""Write another day's dumps: exchange tenants, rename, remove, add, move, and say what was done.

    python tests/exchange.py FROM TO [SEED] [EACH]

FROM holds dumps of registries that write RPSL (`FILES`), others are copied as they are. A *leaf* is
a net of a customer with no other inside; each is chosen at most once, by the seed. What is done is
printed, or returned by `exchange`. No code is shared with what compares indexes.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

FILES: Final = {
    "RIPE": "ripe.db.inetnum.gz", "APNIC": "apnic.db.inetnum.gz", "AFRINIC": "afrinic.db.gz",
}  # fmt: skip
LEAVES: Final = {
    "RIPE": ("ASSIGNED PA", "SUB-ALLOCATED PA"), "AFRINIC": ("ASSIGNED PA", "SUB-ALLOCATED PA"),
    "APNIC": ("ASSIGNED NON-PORTABLE", "ALLOCATED NON-PORTABLE"),
}  # fmt: skip
OUTER: Final = ("ALLOCATED PA", "ALLOCATED PORTABLE")
DAY: Final = "2024-04-02"


@dataclass
class Record:
    """Hold an object: its attributes in order, as (name, value)."""

    pairs: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.pairs if each == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def put(self, name: str, *values: str) -> None:
        """Put values in the place of those of an attribute, or behind the first one."""
        at = next((k for k, pair in enumerate(self.pairs) if pair[0] == name), 1)
        rest = [pair for pair in self.pairs if pair[0] != name]
        self.pairs = [*rest[:at], *((name, value) for value in values), *rest[at:]]

    def text(self) -> str:
        return "".join(f"{name + ':':<15} {value}\n" for name, value in self.pairs)

    @property
    def range(self) -> tuple[int, int]:
        first, last = (int(IPv4Address(end.strip())) for end in self.first("inetnum").split("-"))
        return first, last


@dataclass
class Dump:
    """Hold the objects of a file of a registry."""

    registry: str
    records: list[Record]
    leaves: list[Record] = field(default_factory=list)


class Done(NamedTuple):
    """Say what was done to a net, and which fields of its record that changes.

    ``what`` is the name of one of the ways below. ``registry`` is where the net is now, or was,
    ``moved`` where it was before it moved.
    """

    what: str
    registry: str
    first: str
    last: str
    fields: tuple[str, ...]
    moved: str | None = None


# -- dumps ------------------------------------------------------------------------------------


def read(path: Path) -> list[Record]:
    """Read the objects of a dump; every byte is a character."""
    found = []
    for text in gzip.decompress(path.read_bytes()).decode("latin-1").split("\n\n"):
        pairs: list[tuple[str, str]] = []
        for line in text.split("\n"):
            if line[:1] in (" ", "\t", "+") and pairs:
                pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}\n{line}")
            elif line and line[0] not in "%#":
                name, _, value = line.partition(":")
                pairs.append((name, value.strip()))
        if pairs:
            found.append(Record(pairs))
    return found


def leaves_of(dump: Dump) -> list[Record]:
    """Return the nets of customers in which there is no other net, nor beside with one range."""
    nets = [record for record in dump.records if record.pairs[0][0] == "inetnum"]
    nets.sort(key=lambda record: (record.range[0], -record.range[1]))
    found = []
    for k, net in enumerate(nets):
        around = (nets[k - 1 : k] + nets[k + 1 : k + 2]) if k else nets[1:2]
        alone = all(
            other.range[1] < net.range[0] or net.range[1] < other.range[0]
            or (other.range[0] <= net.range[0] and net.range[1] <= other.range[1]
                and other.range != net.range)
            for other in around
        )  # fmt: skip
        if alone and net.first("status") in LEAVES[dump.registry] and net.first("descr"):
            found.append(net)
    return found


def gaps(dump: Dump) -> Iterator[tuple[Record, int]]:
    """Yield holders' nets with the first address of 256 that no other net has."""
    nets = sorted(record.range for record in dump.records if record.pairs[0][0] == "inetnum")
    for holder in dump.records:
        if holder.first("status") in OUTER and holder.pairs[0][0] == "inetnum":
            first, last = holder.range
            inside = [each for each in nets if first <= each[0] <= last and each != (first, last)]
            at = max((each[1] + 1 for each in inside), default=first)
            if not at & 255 and at + 255 <= last and inside:
                yield holder, at


# -- ways -------------------------------------------------------------------------------------


def tenant(net: Record, k: int, _: Dump) -> tuple[str, ...]:
    """Another party has the net: its organisation if it names one, and its descr."""
    net.put("descr", f"Exchanged Tenant Number {k}")
    if net.all("org"):
        net.put("org", f"ORG-XCH{k}-TEST")
        return "descr", "org"
    return ("descr",)


def respelled(net: Record, *_: object) -> tuple[str, ...]:
    """The same party is written in another way: without an organisation it is told by its name."""
    first, *rest = net.all("descr")
    net.put("descr", f"{first.swapcase()} LTD.", *rest)
    return ("descr",)


def maintained(net: Record, k: int, _: Dump) -> tuple[str, ...]:
    net.put("mnt-by", f"XCH{k}-MNT", *net.all("mnt-by"))
    return ("mnt_by",)


def reordered(net: Record, *_: object) -> tuple[str, ...]:
    """The maintainers are in another order, handles in another case: nothing."""
    net.put("mnt-by", *(name.lower() for name in reversed(net.all("mnt-by"))))
    net.pairs[1:] = sorted(net.pairs[1:], key=lambda pair: pair[0], reverse=True)
    return ()


def status(net: Record, k: int, dump: Dump) -> tuple[str, ...]:
    one, other = LEAVES[dump.registry]
    net.put("status", other if net.first("status") == one else one)
    return ("status",)


def country(net: Record, *_: object) -> tuple[str, ...]:
    net.put("country", "IS" if net.first("country") != "IS" else "NO")
    return ("country",)


def dated(net: Record, *_: object) -> tuple[str, ...]:
    """The date alone is another one: nothing."""
    return ()


WAYS: Final[dict[str, Callable[[Record, int, Dump], tuple[str, ...]]]] = {
    "tenant": tenant, "respelled": respelled, "maintained": maintained, "reordered": reordered,
    "status": status, "country": country, "dated": dated,
}  # fmt: skip


def moved(net: Record, old: str, new: str) -> tuple[str, ...]:
    """Write a net in another registry's dialect."""
    fields = set()
    one, other = LEAVES[old], LEAVES[new]
    status = other[one.index(net.first("status"))]
    if status != net.first("status"):
        net.put("status", status)
        fields.add("status")
    net.put("source", new)
    net.pairs = [pair for pair in net.pairs if pair[0] not in ("created", "changed")]
    return tuple(fields)


def touch(net: Record) -> None:
    """Give a net a new date, as its registry writes it."""
    if net.first("source") == "AFRINIC":
        net.put("changed", *net.all("changed"), f"***@afrinic.net {DAY.replace('-', '')}")
    else:
        net.put("last-modified", f"{DAY}T12:00:00Z")


def exchange(source: Path, target: Path, seed: int = 1, each: int = 8) -> list[Done]:
    """Write the dumps of a folder into another one, changed; ``each`` times what there is to do."""
    rng = Random(seed)
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        shutil.copyfile(path, target / path.name)
    dumps = {name: Dump(name, read(source / file)) for name, file in FILES.items()}
    done: list[Done] = []
    for dump in dumps.values():
        dump.leaves = leaves_of(dump)
        rng.shuffle(dump.leaves)
    for dump in dumps.values():
        done += _altered(dump, rng, each)
    for old, new in (("RIPE", "APNIC"), ("APNIC", "AFRINIC"), ("AFRINIC", "RIPE")):
        for _ in range(each):
            net = dumps[old].leaves.pop()
            fields = moved(net, old, new)
            dumps[old].records.remove(net)
            dumps[new].records.append(net)
            touch(net)
            done.append(_done("moved", new, net, fields)._replace(moved=old))
    for name, file in FILES.items():
        text = "\n".join(record.text() for record in dumps[name].records)
        (target / file).write_bytes(gzip.compress(text.encode("latin-1"), 1))
    return done


def _altered(dump: Dump, rng: Random, each: int) -> Iterator[Done]:
    """Do to a registry's own nets what there is to do."""
    places = [*gaps(dump)]
    for number, (what, way) in enumerate(WAYS.items()):
        for k in range(each):
            net = dump.leaves.pop()
            while what == "respelled" and (net.all("org") or not net.first("descr").isascii()):
                net = dump.leaves.pop()
            fields = way(net, 1000 * number + k, dump)
            touch(net)
            yield _done(what, dump.registry, net, fields)
    for _ in range(each):
        net = dump.leaves.pop()
        dump.records.remove(net)
        yield _done("removed", dump.registry, net, ())
    for k, (holder, at) in enumerate(rng.sample(places, min(each, len(places)))):
        net = Record([
            ("inetnum", f"{IPv4Address(at)} - {IPv4Address(at + 255)}"),
            ("netname", f"ADDED-{k}"), ("descr", f"Added Tenant Number {k}"),
            ("country", holder.first("country")), ("status", LEAVES[dump.registry][0]),
            ("mnt-by", "ADDED-MNT"), ("created", f"{DAY}T12:00:00Z"),
            ("last-modified", f"{DAY}T12:00:00Z"), ("source", dump.registry),
        ])  # fmt: skip
        dump.records.append(net)
        yield _done("added", dump.registry, net, ())
    # Organisations of holders have another name, their handle stays.
    holders = {record.first("org") for record, _ in places}
    for record in dump.records:
        if record.pairs[0][0] == "organisation" and record.pairs[0][1] in sorted(holders)[:each]:
            record.put("org-name", f"{record.first('org-name')} Renamed")
            yield Done("renamed", dump.registry, record.pairs[0][1], "", ("org_name",))


def _done(what: str, registry: str, net: Record, fields: tuple[str, ...]) -> Done:
    first, last = (str(IPv4Address(end)) for end in net.range)
    return Done(what, registry, first, last, fields)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[3:]]
    for one in exchange(Path(sys.argv[1]), Path(sys.argv[2]), *numbers):
        print(json.dumps(one._asdict()))
