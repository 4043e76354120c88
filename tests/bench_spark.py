"""Measure how fast Spark annotates Parquet with `rirdex.query.spark`, by number of cores.

Every number of cores has a process and a Java of its own. A first, small run has started the
workers and compiled Spark's code; then the same file is copied without rirdex, and annotated. A
core of Spark is a thread of Java and a Python worker that take turns, so one core of Spark may keep
more than one of the machine busy.

    python tests/bench_spark.py INDEX [--rows N] [--cores 1,2] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measures import Peak, Row

from rirdex.query import spark
from rirdex.query.quads import write_quads

COLUMNS = ("netname", "country", "registry", "holder", "abuse")
ROUNDS = 3
PART = 1 << 19
FILES = 20


def spark_rows(
    target: Path, folder: Path, count: int = 10_000_000, cores: Sequence[int] = (1, 2)
) -> Iterator[Row]:
    """Write Parquet with random addresses to the folder, and yield the rates; 1 core first."""
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        yield "Spark", "left out", "", "", "there is no Java"
        return
    if not find_spec("pyspark"):
        yield "Spark", "left out", "", "", "there is no pyspark"
        return
    source = address_parquet(folder / f"spark-{count}.parquet", count)
    first = 0.0
    for number in cores:
        told, peak = in_a_process(target, source, folder / f"spark-out-{number}", number)
        first = first or told["annotated"]
        yield (
            f"Spark, {count:,} rows, local[{number}]",
            f"{told['annotated']:.1f} s, {count / told['annotated'] / 1e6:.2f} M/s",
            "copied without rirdex",
            f"{told['copied']:.1f} s, {count / told['copied'] / 1e6:.2f} M/s",
            f"{first / told['annotated']:.2f} x; {peak / 2**20:,.0f} MiB",
        )  # fmt: skip


def address_parquet(folder: Path, count: int) -> Path:
    """Write files with random IPv4 addresses as text and a number; use what is there."""
    if (folder / "_SUCCESS").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    draw = np.random.default_rng(11)
    for number in range(FILES):
        rows = count * (number + 1) // FILES - count * number // FILES
        texts: list[str] = []
        for low in range(0, rows, PART):
            size = min(PART, rows - low)
            some = draw.integers(1 << 24, 224 << 24, size, dtype=np.uint32)
            texts += [quad.decode() for quad in write_quads(some)]
        table = pa.table({"number": pa.array(np.arange(rows)), "ip": texts})
        pq.write_table(table, folder / f"{number:03}.parquet")
    (folder / "_SUCCESS").touch()
    return folder


def in_a_process(target: Path, source: Path, out: Path, cores: int) -> tuple[dict[str, float], int]:
    """Return the seconds that `measured` prints, and the peak of anonymous memory in bytes."""
    command = [sys.executable, __file__, str(target), "--measured", str(source), str(out)]
    child = subprocess.Popen(
        [*command, "--cores", str(cores)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    peak = Peak(child.pid)
    said, _ = child.communicate()
    peak.stop()
    if child.returncode:
        raise SystemExit("Spark failed")
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found, peak.bytes


def measured(target: Path, source: Path, out: Path, cores: int) -> dict[str, float]:
    """Return the median seconds of a copy and of annotating."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    from pyspark.sql import SparkSession

    options: dict[str, bool | float | int | str | None] = {
        "spark.ui.enabled": "false", "spark.driver.memory": "2g",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
    }  # fmt: skip
    session = SparkSession.builder.master(f"local[{cores}]").config(map=options).getOrCreate()
    frame = session.read.parquet(str(source))

    def annotated() -> None:
        found = spark.annotate_frame(frame, "ip", target, COLUMNS)
        found.write.parquet(str(out), mode="overwrite")

    few = session.read.parquet(str(source / "000.parquet"))
    few = spark.annotate_frame(few.limit(1000), "ip", target, COLUMNS)
    few.write.parquet(str(out), mode="overwrite")
    found = {
        "copied": middle(lambda: frame.write.parquet(str(out), mode="overwrite")),
        "annotated": middle(annotated),
    }
    session.stop()
    shutil.rmtree(out)
    return found


def middle(call: Callable[[], object]) -> float:
    """Return the median seconds of some calls."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("index", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--cores", default="1,2")
    parser.add_argument("--folder", type=Path, help="keep the addresses here")
    parser.add_argument("--measured", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    cores = [int(word) for word in options.cores.split(",")]
    if options.measured:
        source, out = options.measured
        print(json.dumps(measured(options.index, source, out, cores[0])))
        return
    with tempfile.TemporaryDirectory(prefix="rirdex-spark-") as scratch:
        for row in spark_rows(options.index, options.folder or Path(scratch), options.rows, cores):
            print(f"{row[0]:36} {row[1]:>20}   {row[2]:24} {row[3]:>20}   {row[4]}", flush=True)


if __name__ == "__main__":
    main()
