"""Measure rirdex beside its peers in one run: `make bench SIZE=small|medium|large|ripe`.

The dumps are generated (`fixtures/generate.py`). Look-ups are interleaved in one process, five
rounds, medians; every address is new to the process. Peers hold the same nets: pytricia and
py-radix the prefixes of every range, maxminddb an MMDB written with netname and status. What a
peer cannot do at a size is left out and said.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench_batch import batch_rows
from bench_casework import casework_rows
from bench_time import time_rows
from measures import Peak, Row

from rirdex.query import Index, leases, open_index
from rirdex.query.addresses import prefixes

SIZES = {"small": 20_000, "medium": 300_000, "large": 1_000_000, "ripe": 4_300_000}
ROUNDS = 5
LOOKUPS = 40_000
MMDB_NETS = 300_000  # mmdb-writer takes about 1.3 kB and 40 us a net: larger sizes are sampled
RADIX_NETS = 1_000_000


def main() -> None:
    """Generate, build, measure, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--size", choices=SIZES, default="medium")
    parser.add_argument("--folder", help="keep dumps and index here, and use what is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rirdex-bench-") as scratch:
        folder = Path(options.folder or scratch)
        dumps = generated(folder / f"dumps-{options.size}", SIZES[options.size])
        show(measured(dumps, folder / f"{options.size}.rirdex"))
        show(batch_rows(folder / f"{options.size}.rirdex", folder, options.size))
        show(time_rows(dumps, folder, options.size))
        evident = folder / "leases.rirdex"
        show(lease_rows(dumps, evident))
        held = evident if evident.exists() else folder / f"{options.size}.rirdex"
        show(casework_rows(held, folder))
        show(world_rows(dumps, folder, options.size))


def generated(folder: Path, count: int) -> Path:
    """Write the dumps unless they are there."""
    if not folder.is_dir():
        script = Path(__file__).parent.parent / "fixtures" / "generate.py"
        command = [sys.executable, str(script), str(folder), "--inetnum", str(count)]
        subprocess.run([*command, "--space", "unicast"], check=True, stdout=subprocess.DEVNULL)
    return folder


def measured(dumps: Path, target: Path) -> Iterator[Row]:
    """Yield the rows: what, ours, the peer, the peer's, and the ratio with its bar."""
    yield from build_rows(dumps, target)
    with open_index(target) as index:
        nets4 = index.meta["counts"]["nets4"]
        yield from match_rows(index, nets4)
        yield from contact_rows(index, nets4)
        yield from single_rows(target)


# -- build ------------------------------------------------------------------------------------


def build_rows(dumps: Path, target: Path) -> Iterator[Row]:
    """Build in a process of its own, and parse with a plain line loop beside it."""
    seconds, peak = built([str(dumps)], target)
    with open_index(target) as index:
        text = sum(source["text_bytes"] for source in index.meta["sources"])
        objects = sum(sum(source["classes"].values()) for source in index.meta["sources"])
    size = target.stat().st_size
    plain, lines = line_loop(next(dumps.glob("ripe.db.inetnum*")))
    yield ("build", f"{seconds:.1f} s", "plain line loop, inetnum only", f"{plain:.1f} s", "")
    yield ("  objects/s", f"{objects / seconds:,.0f}", "", f"{lines / plain:,.0f}", "")
    yield ("  text", f"{text / seconds / 1e6:.0f} MB/s", "", "", f"{text / 1e9:.2f} GB")
    yield ("  anonymous memory, peak", f"{peak / 2**20:,.0f} MiB", "", "", "")
    yield ("  index / text", f"{size / text:.1%}", "", "", f"{size / 1e6:,.0f} MB, bar 25 %")


def built(
    paths: list[str], target: Path, evidence: dict[str, list[str]] | None = None
) -> tuple[float, int]:
    """Build in a process of its own; return the seconds and the peak of anonymous memory."""
    code = (
        "import json, sys; from rirdex.indexer.build import build; "
        "build(sys.argv[3:], sys.argv[1], **json.loads(sys.argv[2]))"
    )
    begin = time.perf_counter()
    options = json.dumps(evidence or {})
    child = subprocess.Popen([sys.executable, "-c", code, str(target), options, *paths])
    peak = Peak(child.pid)
    if child.wait():
        raise SystemExit("the build failed")
    seconds = time.perf_counter() - begin
    peak.stop()
    return seconds, peak.bytes


def lease_rows(dumps: Path, target: Path) -> Iterator[Row]:
    """Build with routes, ROAs and AS organisations, where `RIRDEX_REAL_DATA` has them; list leases.

    Rows are the time until the first lease is there.
    """
    place = os.environ.get("RIRDEX_REAL_DATA")
    if not place:
        yield "build with evidence", "left out", "", "", "RIRDEX_REAL_DATA is not set"
        return
    files = {
        "routes": ["routeviews-rv2.pfx2as.gz", "routeviews6.pfx2as.gz"],
        "vrps": ["rpkiclient_summary_20250720T093135Z.json.bz2"],
        "as_orgs": ["20201001.as-org2info.txt.gz"],
    }
    found = {
        name: [str(Path(place, "routing", each)) for each in names] for name, names in files.items()
    }
    plain, _ = built([str(dumps)], target)
    seconds, peak = built([str(dumps)], target, found)
    yield (
        "build with evidence", f"{seconds:.1f} s", "without", f"{plain:.1f} s",
        f"{seconds - plain:.1f} s more; bar 25 s, verdicts included",
    )  # fmt: skip
    yield "  anonymous memory, peak", f"{peak / 2**20:,.0f} MiB", "", "", "bar 4 GiB"
    with open_index(target) as index:
        chosen = leases.select(index)
        yield "  leased nets", f"{len(chosen):,}", "", "", f"of {len(index):,}"
        first = next(leases.rows(index, chosen))
        for name, value in (
            ("lessor", first.lessor_handle or first.lessor), ("lessor", first.lessor),
            ("country", "DE"), ("facilitator", "IPXO"),
        ):  # fmt: skip
            spent = [seconds_of_first(index, {name: value}) for _ in range(ROUNDS)]
            middle = statistics.median(spent) * 1e3
            yield f"leases, first by {name}", f"{middle:.0f} ms", "", "", "bar 50 ms, by lessor"


def seconds_of_first(index: Index, wanted: dict[str, Any]) -> float:
    """Return how long the first lease takes."""
    return seconds(lambda: next(leases.rows(index, leases.select(index, **wanted)), None))


def world_rows(ripe: Path, folder: Path, size: str) -> Iterator[Row]:
    """Measure builds of ARIN's and LACNIC's dialects, and of all three registries together.

    RIPE-sized means 3.2 M nets of ARIN and 0.5 M of LACNIC.
    """
    script = Path(__file__).parent.parent / "fixtures" / "generate.py"
    counts = {"arin": SIZES[size] * 3_200_000 // 4_300_000, "lacnic": SIZES[size] * 5 // 43}
    places = {"ripe": ripe}
    for name, count in counts.items():
        places[name] = folder / f"dumps-{size}-{name}"
        if not places[name].is_dir():
            command = [sys.executable, str(script), str(places[name]), f"--{name}", str(count)]
            subprocess.run([*command, "--space", "unicast"], check=True, stdout=subprocess.DEVNULL)
    for name, paths in (
        *((name, [str(places[name])]) for name in counts),
        ("all three", [str(path) for path in places.values()]),
    ):
        target = folder / "world.rirdex"
        seconds, peak = built(paths, target)
        with open_index(target) as index:
            nets = len(index)
        what = f"build, {name}, {nets:,} nets"
        yield what, f"{seconds:.1f} s", "", f"{nets / seconds:,.0f}/s", f"{peak / 2**20:,.0f} MiB"


def line_loop(path: Path) -> tuple[float, int]:
    """Read ranges and netnames the plain way; return the seconds and how many."""
    import gzip

    begin = time.perf_counter()
    found = []
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            if line.startswith(b"inetnum:"):
                low, _, high = line[8:].partition(b"-")
                found.append([low.strip(), high.strip(), b""])
            elif line.startswith(b"netname:"):
                found[-1][2] = line[8:].strip()
    return time.perf_counter() - begin, len(found)


# -- look-ups ---------------------------------------------------------------------------------


def match_rows(index: Index, nets4: int) -> Iterator[Row]:
    """Measure single and vectorised look-ups against the peers over the same nets."""
    import pytricia

    first = np.frombuffer(index._tables.view("net_first4"), np.uint32)
    last = np.frombuffer(index._tables.view("net_last4"), np.uint32)
    tricia = pytricia.PyTricia(32)
    for net in standing(index, range(nets4)):
        for address, length in prefixes(4, int(first[net]), int(last[net])):
            tricia.insert(address, length, net)
    workloads = {"uniform": uniform(first), "Zipf": zipf(first, last)}
    for name, draw in workloads.items():
        ours, theirs = raced(
            draw, lambda texts: each(index.match, texts), lambda texts: each(tricia.get, texts)
        )
        bar = 0.35 if name == "uniform" else 0.6
        yield timed(f"match(str) IPv4, {name}", ours, "PyTricia.get", theirs, bar)
    for name, draw in workloads.items():
        ours, theirs = raced(
            draw, lambda texts: names(index, texts), lambda texts: each(tricia.get, texts)
        )
        yield timed(f"lookup(str), all netnames, {name}", ours, "PyTricia.get", theirs, 3)
    yield from many_rows(index, tricia, workloads["uniform"])
    yield from radix_rows(index, first, last)
    yield from mmdb_rows(index, first, last)
    yield from wide_rows(index, nets4)


def standing(index: Index, nets: Iterable[int]) -> Iterator[int]:
    """Yield the nets that may answer."""
    roles = index._tables.piece_role
    return (net for net in nets if roles[net] & 15 not in (0, 8))


def each(function: Callable[[str], Any], texts: list[str]) -> None:
    """Call a function for every text, as a loop of a user would."""
    for text in texts:
        function(text)


def names(index: Index, texts: list[str]) -> None:
    """Look up every text and read the netname of every net of its chain."""
    lookup = index.lookup
    for text in texts:
        for net in lookup(text).chain:
            net.netname  # noqa: B018


Draw = Callable[[int], list[str]]


def raced(draw: Draw, *loops: Callable[[list[str]], None]) -> list[float]:
    """Return the median nanoseconds a text of each loop; every round draws new texts."""
    seconds: list[list[float]] = [[] for _ in loops]
    for number in range(ROUNDS):
        texts = draw(number)
        for loop, times in zip(loops, seconds, strict=True):
            begin = time.perf_counter()
            loop(texts)
            times.append(time.perf_counter() - begin)
    return [statistics.median(times) / LOOKUPS * 1e9 for times in seconds]


def uniform(first: Any) -> Draw:
    """Draw addresses evenly from the space in which there are nets."""
    low, high = int(first[0]), int(first[-1])

    def draw(seed: int) -> list[str]:
        chooser = np.random.default_rng(seed)
        return dotted(chooser.integers(low, high, LOOKUPS))

    return draw


def zipf(first: Any, last: Any) -> Draw:
    """Draw addresses of few nets often and of many seldom."""

    def draw(seed: int) -> list[str]:
        chooser = np.random.default_rng(1000 + seed)
        rank = chooser.zipf(1.2, LOOKUPS) % len(first)
        net = (rank * 2654435761) % len(first)
        span = last[net].astype(np.int64) - first[net] + 1
        return dotted(first[net].astype(np.int64) + chooser.integers(0, 1 << 32, LOOKUPS) % span)

    return draw


def dotted(numbers: Any) -> list[str]:
    """Write addresses as text."""
    return [f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in numbers.tolist()]


def timed(what: str, ours: float, peer: str, theirs: float, bar: float) -> Row:
    """Return a row of two times in nanoseconds."""
    share = f"{ours / theirs:.2f} x, bar {bar}"
    return what, f"{ours:,.0f} ns", peer, f"{theirs:,.0f} ns", share


def many_rows(index: Index, tricia: Any, draw: Draw) -> Iterator[Row]:
    """Measure `match_many` in its three forms against a loop over PyTricia.get."""
    texts = draw(99)
    numbers = [int(ipaddress.IPv4Address(text)) for text in texts]
    array = np.random.default_rng(5).permutation(np.tile(np.array(numbers, np.uint32), 50))
    array += np.random.default_rng(6).integers(0, 256, len(array), dtype=np.uint32)
    loop = seconds(lambda: each(tricia.get, texts)) / LOOKUPS
    for what, call, count, bar in (
        ("match_many(uint32)", lambda: index.match_many(array), len(array), 40),
        ("match_many(list of str)", lambda: index.match_many(texts), LOOKUPS, 2),
    ):
        rate = count / seconds(call)
        yield (
            what, f"{rate / 1e6:.1f} M/s", "PyTricia.get loop", f"{1 / loop / 1e6:.2f} M/s",
            f"{rate * loop:.0f} x, bar {bar}",
        )  # fmt: skip


def seconds(call: Callable[[], object]) -> float:
    """Return the median seconds of five calls."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def radix_rows(index: Index, first: Any, last: Any) -> Iterator[Row]:
    """Measure `match` against py-radix over a sample of the nets it can hold."""
    import radix

    tree = radix.Radix()
    some = random.Random(1).sample(range(len(first)), min(len(first), RADIX_NETS))
    for net in standing(index, some):
        for address, length in prefixes(4, int(first[net]), int(last[net])):
            tree.add(packed=address.to_bytes(4, "big"), masklen=length)
    ours, theirs = raced(
        zipf(first, last),
        lambda texts: each(index.match, texts),
        lambda texts: each(tree.search_best, texts),
    )
    name = f"py-radix, {len(some):,} nets"
    yield (
        "match(str) IPv4, Zipf",
        f"{ours:,.0f} ns",
        name,
        f"{theirs:,.0f} ns",
        f"{ours / theirs:.2f} x",
    )


def mmdb_rows(index: Index, first: Any, last: Any) -> Iterator[Row]:
    """Measure `lookup` with two fields against the C reader of maxminddb with the same fields."""
    import maxminddb
    from mmdb_writer import MMDBWriter
    from netaddr import IPSet

    with tempfile.TemporaryDirectory() as folder:
        writer = MMDBWriter(4, "rirdex-bench")
        share = max(len(first) // MMDB_NETS, 1)
        some = list(standing(index, range(0, len(first), share)))
        # The most specific last: mmdb-writer lets a later network win.
        for net in some:
            fields = {"netname": index.net(net).netname, "status": index.net(net).status}
            blocks = prefixes(4, int(first[net]), int(last[net]))
            networks = [f"{ipaddress.IPv4Address(a)}/{length}" for a, length in blocks]
            writer.insert_network(IPSet(networks), fields)
        path = os.path.join(folder, "bench.mmdb")
        writer.to_db_file(path)
        reader = maxminddb.open_database(path, maxminddb.MODE_MMAP_EXT)
        chosen = np.array(some)

        def last_net(texts: list[str]) -> None:
            for text in texts:
                net = index.lookup(text).chain[-1]
                net.netname, net.status  # noqa: B018

        ours, theirs = raced(
            zipf(first[chosen], last[chosen]), last_net, lambda texts: each(reader.get, texts)
        )
        reader.close()
    name = f"maxminddb (C), {len(some):,} nets"
    what = "lookup(str), last net, 2 fields"
    yield what, f"{ours:,.0f} ns", name, f"{theirs:,.0f} ns", f"{ours / theirs:.2f} x"


def wide_rows(index: Index, nets4: int) -> Iterator[Row]:
    """Measure IPv6 against PyTricia(128) over the same nets."""
    import pytricia

    tricia = pytricia.PyTricia(128)
    bounds = []
    for net in standing(index, range(nets4, len(index))):
        low, high = index.net(net).bounds
        bounds.append((low, high))
        for address, length in prefixes(6, low, high):
            tricia.insert(address.to_bytes(16, "big"), length, net)
    if not bounds:
        return

    def draw(seed: int) -> list[str]:
        chooser = random.Random(seed)
        chosen = (bounds[chooser.randrange(len(bounds))] for _ in range(LOOKUPS))
        return [str(ipaddress.IPv6Address(chooser.randint(low, high))) for low, high in chosen]

    ours, theirs = raced(
        draw, lambda texts: each(index.match, texts), lambda texts: each(tricia.get, texts)
    )
    yield timed("match(str) IPv6, random nets", ours, "PyTricia(128).get", theirs, 0.75)
    texts = draw(99)
    packed = b"".join(ipaddress.IPv6Address(text).packed for text in texts * 25)
    array = np.frombuffer(packed, np.uint8).reshape(-1, 16)
    loop = seconds(lambda: each(tricia.get, texts)) / LOOKUPS
    rate = len(array) / seconds(lambda: index.match_many(array))
    yield (
        "match_many((n, 16))", f"{rate / 1e6:.1f} M/s", "PyTricia(128).get loop",
        f"{1 / loop / 1e6:.2f} M/s", f"{rate * loop:.0f} x, bar 10",
    )  # fmt: skip


def contact_rows(index: Index, nets4: int) -> Iterator[Row]:
    """Measure whom to tell about an address, and which nets a mailbox answers for."""
    first = np.frombuffer(index._tables.view("net_first4"), np.uint32)
    last = np.frombuffer(index._tables.view("net_last4"), np.uint32)
    draws = (uniform(np.unique(first)), zipf(first, last))
    for name, draw in zip(("uniform", "Zipf"), draws, strict=True):
        (ours,) = raced(draw, lambda texts: reached(index, texts))
        yield f"contacts, every mailbox, {name}", f"{ours / 1e3:.1f} us", "", "", "bar 20 us"
    chooser = random.Random(3)
    some = (index.lookup(str(index.net(chooser.randrange(nets4)).first)) for _ in range(200))
    mailboxes = [contact.mailbox or "" for answer in some for contact in answer.abuse[:1]]
    each(lambda text: index.nets(contact=text), mailboxes[:1])
    spent = seconds(lambda: each(lambda text: index.nets(contact=text), mailboxes))
    yield "nets(contact=...)", f"{spent / len(mailboxes) * 1e3:.1f} ms", "", "", "milliseconds"


def reached(index: Index, texts: list[str]) -> None:
    """Read the mailbox of everybody to tell, for every text."""
    lookup = index.lookup
    for text in texts:
        for contact in lookup(text).contacts:
            contact.mailbox  # noqa: B018


def single_rows(target: Path) -> Iterator[Row]:
    """Measure one look-up as a whole process."""
    command = [os.path.join(os.path.dirname(sys.executable), "rirdex"), "-i", str(target)]

    def call() -> object:
        return subprocess.run([*command, "193.0.0.1"], capture_output=True, check=False)

    call()
    bare = seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    whole = seconds(call)
    yield (
        "rirdex lookup, whole process", f"{whole * 1e3:.0f} ms", "python -c ''",
        f"{bare * 1e3:.0f} ms", "bar 100 ms",
    )  # fmt: skip


def show(rows: Iterable[Row]) -> None:
    """Print the table as it comes."""
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} cores")
    for row in rows:
        print(f"{row[0]:36} {row[1]:>12}   {row[2]:30} {row[3]:>12}   {row[4]}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"(this process, with the peers: {peak / 1024:,.0f} MiB at its peak)")


if __name__ == "__main__":
    main()
