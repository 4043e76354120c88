"""Measure `rirdex batch` beside the scripts that people write instead, and what stands around it.

The scripts (`peer_pytricia.py`, `peer_maxminddb.py`) load once and then read and write the same
files as rirdex does, in turn with it. Their time is that of the loop, rirdex's that of a whole
process.
"""

from __future__ import annotations

import csv
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from bench_spark import spark_rows
from measures import Peak, Row

from rirdex.query import Index, open_index
from rirdex.query.addresses import format_prefixes
from rirdex.query.columns import Nets

COUNTS = {"small": 200_000, "medium": 1_000_000, "large": 5_000_000, "ripe": 5_000_000}
COLUMNS = ("netname", "country", "registry", "holder", "abuse")
ROUNDS = 3
STREAMED = 100_000_000  # lines through one process, at the largest size
MANY = 16  # addresses of the list, to one in a log


def batch_rows(target: Path, folder: Path, size: str) -> Iterator[Row]:
    """Measure all; files are written to the folder."""
    count = COUNTS[size]
    with open_index(target) as index:
        files = address_files(index, folder, count)
        prefixes = folder / "prefixes.csv"
        write_prefixes(index, prefixes)
    yield from mmdb_export_rows(target, folder / "bench.mmdb")
    tests = Path(__file__).parent
    peers = {
        "pytricia + csv": ("peer_pytricia.py", str(prefixes)),
        "maxminddb + csv": ("peer_maxminddb.py", str(folder / "bench.mmdb"), *COLUMNS),
    }
    for name, (script, *arguments) in peers.items():
        with Peer([sys.executable, str(tests / script), *arguments]) as peer:
            yield f"  {name}, loading", "", "", f"{peer.loading:.1f} s", ""
            for kind, path in files.items():
                yield raced(name, kind, count, target, path, peer, folder)
    yield from form_rows(target, files["in nets"], count, folder)
    if size == "ripe":
        yield from stream_rows(target, files["in nets"], count)
    yield from engine_rows(target, files["in nets"])
    yield from spark_rows(target, folder, 2 * count)
    yield from process_rows(target)


class Peer:
    """Run a script that answers files as it is told."""

    def __init__(self, command: Sequence[str]) -> None:
        begun = time.perf_counter()
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._child.stdout
        assert self._child.stdout.readline() == "ready\n"
        self.loading = time.perf_counter() - begun

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.communicate("")

    def seconds(self, given: Path, out: Path) -> float:
        """Return how long the loop over a file takes."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(f"{given} {out}\n")
        self._child.stdin.flush()
        return float(self._child.stdout.readline())


def raced(
    name: str, kind: str, count: int, target: Path, path: Path, peer: Peer, folder: Path
) -> Row:
    """Answer a file by turns; return the medians."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(batch_seconds(target, path, folder / "ours.csv"))
        theirs.append(peer.seconds(path, folder / "theirs.csv"))
    mine, its = statistics.median(ours), statistics.median(theirs)
    bar = "bar 5 x" if name.startswith("pytricia") else ""
    return (
        f"batch, {count:,} addresses {kind}", f"{mine:.2f} s, {count / mine / 1e6:.2f} M/s", name,
        f"{its:.2f} s, {count / its / 1e6:.2f} M/s", f"{its / mine:.1f} x; {bar}",
    )  # fmt: skip


def command_of(target: Path, *options: object) -> list[str]:
    """Return a command line of rirdex."""
    program = str(Path(sys.executable).parent / "rirdex")
    return [program, *map(str, options), "-i", str(target)]


def batch_seconds(target: Path, path: Path, out: Path) -> float:
    """Return how long a whole process takes for a file."""
    columns = ",".join(("ip", *COLUMNS))
    begun = time.perf_counter()
    subprocess.run(command_of(target, "batch", path, "-c", columns, "-o", out), check=True)
    return time.perf_counter() - begun


def address_files(index: Index, folder: Path, count: int) -> dict[str, Path]:
    """Write lists of addresses: of all IPv4, in nets, and as often as in a log (Zipf)."""
    draw = np.random.default_rng(7)
    view = index._tables.view
    first = np.frombuffer(view("net_first4"), np.uint32).astype(np.int64)
    last = np.frombuffer(view("net_last4"), np.uint32).astype(np.int64)
    rows = draw.integers(0, len(first), count)
    inside = first[rows] + (draw.random(count) * (last[rows] - first[rows] + 1)).astype(np.int64)
    often = inside[(draw.zipf(1.2, count) - 1) % (count // MANY)]
    drawn = {"of IPv4": draw.integers(0, 1 << 32, count), "in nets": inside, "as in a log": often}
    found = {}
    for kind, numbers in drawn.items():
        found[kind] = folder / f"list-{kind.replace(' ', '-')}.txt"
        with found[kind].open("w") as file:
            for low in range(0, count, 1 << 19):
                part = numbers[low : low + (1 << 19)].tolist()
                file.write("".join(f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n"
                                   for n in part))  # fmt: skip
    return found


def write_prefixes(index: Index, path: Path) -> None:
    """Write the prefixes of all IPv4 nets with their columns, the inner ones last."""
    with path.open("w", newline="") as file:
        write = csv.writer(file).writerow
        for low in range(0, index._tables.nets4, 1 << 18):
            rows = np.arange(low, min(index._tables.nets4, low + (1 << 18)))
            nets = Nets(index.dictionaries, rows)
            cells = zip(*(nets.column(name).decoded(np.arange(len(rows))) for name in COLUMNS),
                        strict=True)  # fmt: skip
            for row, values in zip(rows.tolist(), cells, strict=True):
                for prefix in format_prefixes(4, *index.net(row).bounds):
                    write([prefix, *values])


def mmdb_export_rows(target: Path, out: Path) -> Iterator[Row]:
    """Measure the export of an MMDB."""
    seconds, peak = watched(command_of(target, "export", "mmdb", "-c", ",".join(COLUMNS),
                                       "-o", out))  # fmt: skip
    size = out.stat().st_size / 2**20
    yield "export mmdb", f"{seconds:.1f} s", "", f"{size:,.0f} MiB", f"{peak / 2**20:,.0f} MiB"


def form_rows(target: Path, path: Path, count: int, folder: Path) -> Iterator[Row]:
    """Measure the other forms, all columns, and one process alone."""
    six = "ip," + ",".join(COLUMNS)
    for what, options in (
        ("csv, one process", ("-c", six, "--jobs", "0", "-o", folder / "x.csv")),
        ("csv, all columns", ("-o", folder / "x.csv")),
        ("jsonl", ("-c", six, "-o", folder / "x.jsonl")),
        ("jsonl, all columns", ("-o", folder / "x.jsonl")),
        ("parquet", ("-c", six, "-o", folder / "x.parquet")),
        ("parquet, all columns", ("-o", folder / "x.parquet")),
        ("summary", ("--summary", "-c", "holder,registry,country,verdict")),
    ):  # fmt: skip
        command = command_of(target, "batch", path, *options)
        seconds, peak = watched(command)
        yield (
            f"batch, {what}", f"{seconds:.2f} s, {count / seconds / 1e6:.2f} M/s", "", "",
            f"{peak / 2**20:,.0f} MiB",
        )  # fmt: skip


def watched(command: Sequence[str], stdin: Any = None) -> tuple[float, int]:
    """Run a command; return its seconds, and the peak of the anonymous memory of its processes."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL)
    peak = Peak(child.pid)
    code = child.wait()
    peak.stop()
    assert code == 0, command
    return time.perf_counter() - begun, peak.bytes


def stream_rows(target: Path, path: Path, count: int) -> Iterator[Row]:
    """Stream a list many times over through one process."""
    times = STREAMED // count
    with subprocess.Popen(["cat", *[str(path)] * times], stdout=subprocess.PIPE) as source:
        columns = ",".join(("ip", *COLUMNS))
        seconds, peak = watched(command_of(target, "batch", "-c", columns), source.stdout)
    rows = times * count
    yield (
        f"batch, {rows:,} lines streamed", f"{seconds:.0f} s, {rows / seconds / 1e6:.2f} M/s", "",
        "", f"{peak / 2**20:,.0f} MiB; bar 1.5 GiB",
    )  # fmt: skip


def engine_rows(target: Path, path: Path) -> Iterator[Row]:
    """Measure DuckDB's functions, Arrow and arrays, over the first million addresses of a list."""
    import duckdb
    import pyarrow as pa

    from rirdex.query import arrow, duck

    with path.open() as file:
        texts = [line.strip() for line in islice(file, 1_000_000)]
    listed = pa.table({"ip": texts})
    batches = listed.column("ip").combine_chunks()
    with open_index(target) as index, duckdb.connect() as connection:
        duck.register(connection, index)
        connection.register("listed", listed)
        for what, call in (
            ("DuckDB, ip_holder(ip)",
             lambda: connection.execute("select count(ip_holder(ip)) from listed").fetchall()),
            ("DuckDB, ip_answer(ip)",
             lambda: connection.execute("select count(ip_answer(ip)) from listed").fetchall()),
            ("Arrow, holder", lambda: arrow.annotate(index, batches, ["holder"])),
            ("Arrow, five columns", lambda: arrow.annotate(index, batches, COLUMNS)),
            ("lookup_many, five columns", lambda: index.lookup_many(texts, columns=COLUMNS)),
        ):  # fmt: skip
            spent = [seconds_of(call) for _ in range(ROUNDS)]
            rate = len(texts) / statistics.median(spent) / 1e6
            yield what, f"{rate:.2f} M/s", "", "", f"{len(texts):,} addresses in nets"


def seconds_of(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def process_rows(target: Path) -> Iterator[Row]:
    """Measure what a fresh process costs, and what it is made of."""
    python = sys.executable
    for what, command, bar in (
        ("python -c pass", [python, "-c", "pass"], ""),
        ("import rirdex.query", [python, "-c", "import rirdex.query"], ""),
        ("import rirdex.query.cli", [python, "-c", "import rirdex.query.cli"], ""),
        ("rirdex lookup of one address", command_of(target, "lookup", "193.0.6.139"), "bar 100 ms"),
    ):
        spent = []
        for _ in range(11):
            begun = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
            spent.append(time.perf_counter() - begun)
        yield what, f"{statistics.median(spent) * 1e3:.0f} ms", "", "", bar
    done = subprocess.run([python, "-X", "importtime", "-c", "import rirdex.query.cli"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    own = re.findall(r"import time: *(\d+) \| *\d+ \| *(\S+)", done.stderr)
    parts: dict[str, int] = {}
    for spent_us, name in own:
        top = name.split(".")[0]
        parts[top] = parts.get(top, 0) + int(spent_us)
    largest = sorted(parts.items(), key=lambda item: -item[1])[:8]
    yield (
        "  imports made of",
        ", ".join(f"{name} {us / 1e3:.1f} ms" for name, us in largest),
        "",
        "",
        f"of {sum(parts.values()) / 1e3:.0f} ms; {os.cpu_count()} cores",
    )
