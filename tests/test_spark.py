"""Annotate frames in a Spark of two cores: every row against `lookup` and `lookup_many`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, NoIndex, StoreError, open_index, spark
from rirdex.query.arrow import COLUMNS
from rirdex.query.columns import COLUMNS as EVERY
from rirdex.query.errors import BatchError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.filterwarnings(
    "ignore:PySpark does not yet fully support pandas:FutureWarning"
)
ROWS = 100_000
FILES = 4
OPTIONS: dict[str, bool | float | int | str | None] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    # It runs for seconds: no time for the compiler of hot code, nor for threads that collect.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "2",
}
GARBAGE = ("", " ", "x.y", "300.1.2.3", "1.2.3", "10.0.0.1/99", "::1::2", "é", "a\tb", "null")
TOPS = (10, 240, 241, 244, 248, 203, 198, 192, 100, 1)
JOB = "import sys\nfrom rirdex.query.spark import main\n\nsys.exit(main())\n"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Return a Spark of this process, or skip."""
    needed()
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    options = OPTIONS | {
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        found = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
        found.sparkContext.setLogLevel("OFF")
        yield found
        found.stop()
        # Else Java and its sockets stay until this process ends.
        gateway: Any = SparkContext._gateway
        SparkContext._gateway = SparkContext._jvm = None
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(30)


def needed() -> None:
    """Skip where there is no Spark, or nothing to run it."""
    pytest.importorskip("pyspark")
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        pytest.skip("Spark needs Java")


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Any]]:
    """Return queries of every kind, with columns beside them, two of which are called as ours."""
    chooser = Random(7)
    kinds: list[Callable[[], str | None]] = [
        lambda: quad(chooser),
        lambda: quad(chooser),
        lambda: str(IPv6Address((0x3FFF << 112) + (chooser.getrandbits(26) << 86) + 1)),
        lambda: f"{quad(chooser)}/32",
        lambda: f"{chooser.choice(TOPS)}.{chooser.randrange(256)}.0.0/{chooser.randrange(16, 25)}",
        lambda: chooser.choice(GARBAGE),
        lambda: None,
    ]
    asked = [kinds[number % len(kinds)]() for number in range(ROWS)]
    return {
        "number": [*range(ROWS)],
        "ip": asked,
        "holder": [number * 7 for number in range(ROWS)],
        "Country": [f"mine {number % 5}" for number in range(ROWS)],
    }


def quad(chooser: Random) -> str:
    return f"{chooser.choice(TOPS)}.{chooser.randrange(64)}.{chooser.randrange(256)}.7"


@pytest.fixture(scope="module")
def source(rows: dict[str, list[Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of Parquet with the rows."""
    folder = tmp_path_factory.mktemp("rows") / "in.parquet"
    folder.mkdir()
    whole = pa.table(rows)
    for number in range(FILES):
        size = ROWS // FILES
        pq.write_table(whole.slice(number * size, size), folder / f"{number}.parquet")
    return folder


@pytest.fixture(scope="module")
def frame(session: SparkSession, source: Path) -> DataFrame:
    return session.read.parquet(str(source))


def ordered(folder: Path) -> pa.Table:
    """Return what Spark wrote, in the order of the input: Spark keeps none."""
    return pq.read_table(folder).sort_by("number")


def written(frame: DataFrame, folder: Path) -> pa.Table:
    frame.write.parquet(str(folder))
    return ordered(folder)


def small(session: SparkSession, folder: Path, columns: dict[str, Any]) -> DataFrame:
    pq.write_table(pa.table(columns), folder / "small.parquet")
    return session.read.parquet(str(folder / "small.parquet"))


def holder(index: Index, text: str) -> str | None:
    found = index.lookup(text).holder
    return (found.name or found.handle) if found else None


def plain(value: Any) -> Any:
    """Return a value of `lookup_many` as Parquet has it."""
    if isinstance(value, tuple):
        return [*value]
    return None if isinstance(value, np.integer) and value < 0 else value


def check(index: Index, rows: dict[str, list[Any]], told: dict[str, list[Any]]) -> None:
    """Compare all columns of all rows."""
    asked = rows["ip"]
    valid = [k for k, text in enumerate(asked) if text is not None and text not in GARBAGE]
    texts = [asked[k] for k in valid]
    known = {text: holder(index, text) for text in set(texts)}
    assert [told["holder"][k] for k in valid] == [known[text] for text in texts]
    assert len(set(known.values())) > 5
    for name, column in index.lookup_many(texts, columns=[*told]).items():
        assert [told[name][k] for k in valid] == [plain(value) for value in column], name
    for k in set(range(len(asked))).difference(valid):
        assert told["holder"][k] is None
        assert (told["error"][k] is None) == (asked[k] is None)


# -- frames -----------------------------------------------------------------------------------


def test_every_row_has_the_answer_of_a_look_up_and_keeps_its_own_columns(
    frame: DataFrame, rows: dict[str, list[Any]], index: Index, index_path: Path, tmp_path: Path
) -> None:
    found = written(spark.annotate_frame(frame, "ip", index_path, EVERY), tmp_path / "out")
    ours = ["rirdex_" + name if name in ("ip", "holder", "country") else name for name in EVERY]
    assert found.column_names == [*rows, *ours]
    for name, column in rows.items():
        assert found[name].to_pylist() == column
    told = {name: found[our].to_pylist() for name, our in zip(EVERY, ours, strict=True)}
    check(index, rows, told)


def test_an_index_that_was_sent_is_found_by_its_bare_name_and_columns_may_be_one_struct(
    session: SparkSession, frame: DataFrame, rows: dict[str, list[Any]], index: Index,
    index_path: Path, tmp_path: Path,
) -> None:  # fmt: skip
    shutil.copy(index_path, tmp_path / "sent.rirdex")
    session.sparkContext.addFile(str(tmp_path / "sent.rirdex"))
    told = spark.annotate_frame(frame, "ip", "sent.rirdex", into="who")
    assert told.columns == [*rows, "who"]
    found = written(told, tmp_path / "out")["who"].combine_chunks()
    fields = [field.name for field in found.type]
    assert tuple(fields) == COLUMNS
    assert found.is_null().to_pylist() == [text is None for text in rows["ip"]]
    check(index, rows, {name: found.field(name).to_pylist() for name in fields})


def test_a_worker_opens_the_index_once_for_all_its_tasks(
    frame: DataFrame, index_path: Path, tmp_path: Path
) -> None:
    shutil.copy(index_path, tmp_path / "own.rirdex")
    annotate = spark.annotator(tmp_path / "own.rirdex", "ip", ["holder"])

    def counted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import os

        from pyspark import TaskContext

        from rirdex.query import spark as here

        context: Any = TaskContext.get()
        me = (context.partitionId(), os.getpid())
        for batch in annotate(batches):
            told = (*me, here._opened.cache_info().misses, batch.num_rows)
            yield pa.RecordBatch.from_arrays([pa.array([number]) for number in told], names)

    names = ["task", "pid", "opened", "rows"]
    schema = ", ".join(f"{name} long" for name in names)
    told = frame.repartition(12).mapInArrow(counted, schema).collect()
    assert sum(row.rows for row in told) == ROWS
    assert len({row.task for row in told}) == 12
    workers = {row.pid for row in told}
    assert len(workers) <= 4  # fewer than tasks: Spark uses them again
    assert os.getpid() not in workers
    assert len({(row.pid, row.opened) for row in told}) == len(workers)


def test_workers_refuse_another_build_than_the_driver_saw(
    session: SparkSession, index_path: Path, dumps_now: Path, tmp_path: Path
) -> None:
    frame = small(session, tmp_path, {"ip": ["240.10.33.7", "10.33.77.5"]})
    path = tmp_path / "shared.rirdex"
    shutil.copy(index_path, path)
    told = spark.annotate_frame(frame, "ip", path, ["holder"])
    other = tmp_path / "other.rirdex"
    build([str(dumps_now.parent / "before")], str(other), processes=0)
    os.replace(other, path)
    with pytest.raises(Exception, match=r"shared\.rirdex: this worker has another build"):
        told.collect()
    with open_index(path) as index:
        expected = [holder(index, text) for text in ("240.10.33.7", "10.33.77.5")]
    found = spark.annotate_frame(frame, "ip", path, ["holder"]).collect()
    assert [row.holder for row in found] == expected
    later = spark.annotate_frame(frame, "ip", path, ["netname"])
    path.unlink()
    assert [row.netname is None for row in later.collect()] == [True, False]  # it is open


def test_numbers_and_packed_bytes_are_addresses_too(
    session: SparkSession, index: Index, index_path: Path, tmp_path: Path
) -> None:
    texts = ["240.10.33.7", "10.33.77.5", "1.1.1.1"]
    numbers = [int(IPv4Address(text)) for text in texts]
    six = IPv6Address("3fff:10::1")
    columns = {
        "unsigned": pa.array([*numbers, None, 0], pa.uint32()),  # Spark makes int64 of it
        "mixed": pa.array([*numbers, None, -1], pa.int64()),
        "packed": [*(IPv4Address(text).packed for text in texts), six.packed, b"123"],
    }
    frame = small(session, tmp_path, columns)
    known = [holder(index, text) for text in texts]
    asked = ["ip", "holder", "error"]
    for column, rest in (
        ("unsigned", [(None, None, None), ("0.0.0.0", None, None)]),
        ("mixed", [(None, None, None), ("-1", None, "'-1' is no address, prefix or range")]),
    ):
        found = spark.annotate_frame(frame, column, index_path, asked).collect()
        told = [(row.ip, row.holder, row.error) for row in found]
        assert told == [*zip(texts, known, [None] * 3, strict=True), *rest]
    found = spark.annotate_frame(frame, "packed", index_path, ["holder", "error"]).collect()
    assert [row.holder for row in found] == [*known, holder(index, str(six)), None]
    assert [row.error is None for row in found] == [True] * 4 + [False]


def test_an_empty_frame_gives_an_empty_one(
    session: SparkSession, index_path: Path, tmp_path: Path
) -> None:
    frame = small(session, tmp_path, {"ip": pa.array([], pa.string())})
    told = spark.annotate_frame(frame, "ip", index_path)
    assert told.collect() == []
    assert told.columns == ["ip", *COLUMNS]


def test_what_cannot_be_is_said_before_anything_runs(
    session: SparkSession, frame: DataFrame, index_path: Path, tmp_path: Path
) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("address", {}, "address is no column of the frame: it has number, ip, holder, Country"),
        ("IP", {}, "IP is no column of the frame"),
        ("flag", {}, "flag is boolean: a column of addresses is string, binary, bigint"),
        ("ip", {"columns": ["holder", "holders"]}, "holders is no column: choose from ip, first"),
        ("ip", {"columns": []}, "nothing is no column"),
        ("ip", {"columns": ["abuse", "abuse"]}, "a frame has each column once"),
        ("ip", {"into": "HOLDER"}, "the frame has a column HOLDER already: name another one"),
    ]
    for column, options, words in cases:
        asked = frame.selectExpr("true as flag") if column == "flag" else frame
        with pytest.raises(BatchError, match=words):
            spark.annotate_frame(asked, column, index_path, **options)
    for path in (tmp_path / "none.rirdex", "never-sent.rirdex"):
        with pytest.raises(NoIndex, match="there is no index"):
            spark.annotate_frame(frame, "ip", path)


def test_a_function_on_a_frame_without_its_column_says_so(
    session: SparkSession, index_path: Path, tmp_path: Path
) -> None:
    frame = small(session, tmp_path, {"ip": ["1.1.1.1"], "n": [1]})
    schema = spark.annotated_schema(frame.schema, ["holder"])
    told = frame.mapInArrow(spark.annotator(index_path, "address", ["holder"]), schema)
    with pytest.raises(Exception, match="address is no column of the frame: it has ip, n"):
        told.collect()


# -- the function by itself -------------------------------------------------------------------


def test_a_function_works_without_spark_and_its_index_is_opened_once(
    index: Index, index_path: Path, tmp_path: Path
) -> None:
    shutil.copy(index_path, tmp_path / "one.rirdex")
    batch = pa.RecordBatch.from_pydict({"ip": ["240.10.33.7", None, "x.y"]})
    opened = spark._opened.cache_info().misses
    for columns in (["holder"], ["abuse", "holder"]):
        annotate = spark.annotator(tmp_path / "one.rirdex", "ip", columns)
        found = [*annotate(iter([batch, batch.slice(1), batch.slice(0, 0)]))]
        assert [part.schema.names for part in found] == [["ip", *columns]] * 3
        names = [holder(index, "240.10.33.7"), None, None]
        assert [part.column("holder").to_pylist() for part in found] == [names, names[1:], []]
    assert spark._opened.cache_info().misses == opened + 1


def test_a_worker_without_the_index_says_how_to_send_it(index_path: Path, tmp_path: Path) -> None:
    shutil.copy(index_path, tmp_path / "gone.rirdex")
    annotate = spark.annotator(tmp_path / "gone.rirdex", "ip")
    os.unlink(tmp_path / "gone.rirdex")
    with pytest.raises(StoreError, match="this worker has no index: send it with `--files`"):
        next(annotate(iter([])))


# -- the job ----------------------------------------------------------------------------------


def test_the_job_runs_by_itself_and_by_spark_submit_with_an_index_it_sends(
    source: Path, rows: dict[str, list[Any]], index: Index, index_path: Path, tmp_path: Path,
    environment: dict[str, str],
) -> None:  # fmt: skip
    needed()
    some = {name: column[: ROWS // FILES] for name, column in rows.items()}
    file = str(source / "0.parquet")
    shutil.copy(index_path, tmp_path / "sent.rirdex")
    (tmp_path / "job.py").write_text(JOB)
    away = tmp_path / "away"
    away.mkdir()
    options = ["--column", "ip", "--columns", "holder,error,abuse"]
    settings = [word for pair in OPTIONS.items() for word in ("--conf", "{}={}".format(*pair))]
    master = ["--master", "local[1]", *settings]
    import pyspark

    home = Path(pyspark.__path__[0])
    variables = environment | {
        "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(tmp_path), "SPARK_HOME": str(home),
        "PYSPARK_SUBMIT_ARGS": shlex.join([*master, "pyspark-shell"]),
    }  # fmt: skip
    own = [sys.executable, "-m", "rirdex.query.spark", file, "own", "--index", str(index_path)]
    submit = [str(home / "bin" / "spark-submit"), *master, "--files", "../sent.rirdex"]
    sent = [*submit, "../job.py", file, "sent", "--index", "sent.rirdex", "--into", "told"]

    def run(command: list[str], python: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *options], cwd=away, env=variables | python, timeout=300, check=False,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    with ThreadPoolExecutor(2) as pool:  # most of it is waiting for Java
        for done in pool.map(run, (own, sent), ({}, {"PYSPARK_PYTHON": sys.executable})):
            assert done.returncode == 0, done.stdout
    plain, struct = ordered(away / "own"), ordered(away / "sent")["told"].combine_chunks()
    told = {name: struct.field(name).to_pylist() for name in ("holder", "error", "abuse")}
    check(index, some, told)
    for name, values in told.items():
        assert plain["rirdex_" * (name == "holder") + name].to_pylist() == values


def test_the_job_says_in_one_line_what_is_wrong(
    session: SparkSession, source: Path, index_path: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    there = tmp_path / "there.parquet"
    there.mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "bad").write_text("no index")
    target = str(tmp_path / "out.parquet")
    for code, words, given in (
        (2, "address is no column of the frame: it has number, ip", {"column": "address"}),
        (2, "who is no column: choose from", {"columns": "holder,who"}),
        (3, "there is no index: build one with", {"index": f"{tmp_path}/none"}),
        (3, "there is no index: build one with", {"index": "never-sent"}),
        (3, "is no rirdex index", {"index": f"{tmp_path}/bad"}),
        (5, "already exists", {"target": str(there)}),
        (5, "Parent path is not a directory", {"target": f"{tmp_path}/file/out"}),
        (5, "Path does not exist", {"source": f"{tmp_path}/nothing"}),
    ):
        named = {"source": str(source), "target": target, "index": str(index_path), "column": "ip"}
        named |= given
        arguments = [named.pop("source"), named.pop("target")]
        arguments += [word for name, text in named.items() for word in (f"--{name}", text)]
        assert spark.main(arguments) == code, words
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith("rirdex: ")
        assert words in told.err
        assert told.err.count("\n") == 1
    assert not Path(target).exists()
    assert session.range(3).count() == 3  # a session that was there goes on


def test_what_a_worker_says_is_the_reason_and_no_traceback() -> None:
    trace = "An exception was thrown:\nTraceback (most recent call last):\n  File x\n"
    for message, reason in (
        (f"{trace}rirdex.query.errors.StoreError: /x: another build\n", "/x: another build"),
        (f"{trace}ModuleNotFoundError: No module named 'rirdex'\n\tat org.apache",
         "ModuleNotFoundError: No module named 'rirdex'"),
        ("An error occurred while calling o83.parquet.\n: org.a.SomeException: Job failed\n\tat x\n"
         "Caused by: java.io.IOException: disk full\n\tat y", "java.io.IOException: disk full"),
        ("[PATH_ALREADY_EXISTS] Path a exists.\nmore", "[PATH_ALREADY_EXISTS] Path a exists."),
    ):  # fmt: skip
        assert spark._reason(message) == reason


@pytest.mark.parametrize("library", ["pyspark", "pyarrow"])
def test_the_job_without_spark_says_what_to_install(
    library: str, environment: dict[str, str]
) -> None:
    if library == "pyarrow":
        pytest.importorskip("pyspark")
    code = (
        f"import sys; sys.modules[{library!r}] = None; from rirdex.query.spark import main; "
        "sys.exit(main('in out --index x --column ip'.split()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 5
    assert done.stderr == f"rirdex: {library} is missing: pip install 'rirdex[spark]'\n"


def test_importing_the_module_loads_neither_spark_nor_arrow(environment: dict[str, str]) -> None:
    code = (
        "import sys; import rirdex.query.spark; print(sorted({name.split('.')[0] "
        "for name in sys.modules} & {'pyspark', 'py4j', 'pyarrow', 'pandas', 'click'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "[]\n"
