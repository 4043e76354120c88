"""Measure what the past costs: a build with a previous index, its size, and answers of then.

The second snapshot is the first one with 2 % of its nets changed: other users, netnames and
countries, and some nets gone.
"""

from __future__ import annotations

import gzip
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Final

from measures import Peak, Row

from rirdex.query import Index, open_index
from rirdex.query.addresses import format_address

CHANGED: Final = 0.02
ASKED: Final = 20_000
ROUNDS: Final = 5
FIRST, THEN, SECOND = "2025-01-01", date(2025, 1, 15), "2025-02-01"
_NET: Final = re.compile(rb"inet6?num:")


def aged(dumps: Path, folder: Path) -> Path:
    """Write the dumps as they are a month later, unless they are there."""
    if folder.is_dir():
        return folder
    folder.mkdir()
    chooser = Random(1)
    for path in sorted(dumps.iterdir()):
        target = folder / path.name
        if _NET.match(path.name.split(".")[2].encode() + b":"):
            with gzip.open(path, "rb") as old, gzip.open(target, "wb", compresslevel=1) as new:
                objects = (_changed(item, chooser) for item in old.read().split(b"\n\n"))
                new.write(b"\n\n".join(item for item in objects if item is not None))
        else:
            target.write_bytes(path.read_bytes())
    return folder


def _changed(item: bytes, chooser: Random) -> bytes | None:
    """Return an object, changed if it is a net whose turn it is; None for one that goes."""
    if chooser.random() >= CHANGED or not _NET.match(item):
        return item
    kind = chooser.random()
    if kind < 0.1:
        return None
    name, value = (
        (b"descr", b"Firma %d Ltd" % chooser.randrange(50_000)) if kind < 0.7
        else (b"netname", b"NET-%d" % chooser.randrange(500_000)) if kind < 0.8
        else (b"country", chooser.choice([b"VE", b"HK", b"NL", b"JP"]))
    )  # fmt: skip
    return re.sub(rb"(?m)^(%b:\s+).*$" % name, rb"\g<1>" + value, item, count=1)


def built(dumps: Path, target: Path, day: str, *more: str) -> tuple[float, int]:
    """Build an index in a process of its own; return the seconds and the peak of memory."""
    code = "from rirdex.query.cli import main; main()"
    command = [sys.executable, "-c", code, "build", str(dumps), "-o", str(target), "-q"]
    begin = time.perf_counter()
    process = subprocess.Popen([*command, "--date", day, *more])
    peak = Peak(process.pid)
    process.wait()
    peak.stop()
    assert process.returncode == 0
    return time.perf_counter() - begin, peak.bytes


def time_rows(dumps: Path, folder: Path, size: str) -> Iterator[Row]:
    """Yield the rows of the past: builds by turns, sizes, look-ups, histories."""
    later = aged(dumps, folder / f"dumps-{size}-later")
    first, alone, both = (folder / f"{size}-{name}.rirdex" for name in ("first", "alone", "both"))
    built(dumps, first, FIRST)
    plain, kept = [], []
    peaks = [0]
    for _ in range(2):
        plain.append(built(later, alone, SECOND)[0])
        seconds, peak = built(later, both, SECOND, "--previous", str(first))
        kept.append(seconds)
        peaks.append(peak)
    ratio = statistics.median(kept) / statistics.median(plain)
    yield (
        "build --previous, 2 % changed", f"{statistics.median(kept):.1f} s", "without",
        f"{statistics.median(plain):.1f} s", f"{ratio:.2f} x, bar 1.5",
    )  # fmt: skip
    yield "memory", f"{max(peaks) / 2**20:,.0f} MiB", "", "", ""
    more = both.stat().st_size / alone.stat().st_size
    yield "index with one change", f"{both.stat().st_size:,} B", "", "", f"{more:.3f} x of one"
    with open_index(alone) as without, open_index(both) as index:
        yield from look_ups(without, index)


def look_ups(without: Index, index: Index) -> Iterator[Row]:
    """Measure today's and earlier answers, by turns."""
    match = raced(
        index,
        lambda texts: [index.match(text) for text in texts],
        lambda texts: [without.match(text) for text in texts],
    )
    yield (
        "match(str), with a past", f"{match[0]:.2f} us", "without", f"{match[1]:.2f} us",
        f"{match[0] / match[1]:.2f} x, bar 1.1",
    )  # fmt: skip
    for what, past in (("any", False), ("changed", True)):
        then = raced(index, lambda texts: names(index, texts), past=past)
        yield f"lookup(at=), all netnames, {what} space", f"{then[0]:.1f} us", "", "", "bar 20 us"
        told = raced(index, lambda texts: [index.history(text) for text in texts[:1000]],
                     count=1000, past=past)  # fmt: skip
        yield f"history, {what} space", f"{told[0] / 1000:.3f} ms", "", "", "bar 1 ms"


def names(index: Index, texts: list[str]) -> None:
    """Look every text up as of an earlier day, and read the netname of every net."""
    for text in texts:
        for net in index.lookup(text, at=THEN).chain:
            net.netname  # noqa: B018


def raced(
    index: Index, *loops: Callable[[list[str]], object], count: int = ASKED, past: bool = False
) -> list[float]:
    """Return the median microseconds a text of each loop; every round draws new texts."""
    times: list[list[float]] = [[] for _ in loops]
    tables = index.times.past if past else index._tables
    assert tables is not None
    for seed in range(ROUNDS):
        chooser = Random(seed)
        texts = []
        for _ in range(ASKED):
            row = chooser.randrange(tables.nets4)
            address = chooser.randint(tables.net_first4[row], tables.net_last4[row])
            texts.append(format_address(4, address))
        for loop, seconds in zip(loops, times, strict=True):
            begin = time.perf_counter()
            loop(texts)
            seconds.append(time.perf_counter() - begin)
    return [statistics.median(seconds) / count * 1e6 for seconds in times]
