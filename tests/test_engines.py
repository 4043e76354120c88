"""Check DuckDB's functions, Polars' namespace and pandas' frames against answers, one by one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from test_batch import LEASES, LISTS, Case, asked, cleaned, naive, odd_world
from test_leases import made

from rirdex.indexer.build import build
from rirdex.query import Index, StoreError, open_index
from rirdex.query.columns import COLUMNS
from rirdex.query.errors import BatchError

IP = "240.10.33.7"
HOLDER = "Nordlicht Hosting GmbH"
BIG = 300_000
FUNCTIONS = [name for name in COLUMNS if name not in ("ip", "input")]
SOME = ["holder", "verdict", "country", "depth", "error"]
TYPES = {"depth": "INTEGER", "origins": "BIGINT[]"} | dict.fromkeys(
    ("country", "descr", "mnt_by"), "VARCHAR[]"
)
Row = dict[str, Any]


# -- worlds, queries, and what is wanted ------------------------------------------------------


@pytest.fixture(scope="module", params=["now", "leases", "odd", "crossing"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("engines")
    target, desk = folder / "index", folder
    if request.param == "leases":
        desk = LEASES / "desk"
        build(
            [str(LEASES)], str(target), processes=0, routes=[str(LEASES / "pfx2as")],
            vrps=[str(LEASES / "vrps.json")], relationships=[str(LEASES / "as-rel")],
            as_orgs=[str(LEASES / "as-org2info.txt")], desk=str(desk),
        )  # fmt: skip
    elif request.param == "odd":
        odd_world(folder)
    elif request.param == "crossing":
        target = made(folder, Random(3))
    else:
        build([str(LEASES.parent / "now")], str(target), processes=0)
    with open_index(target, desk=desk) as index:
        yield index


@pytest.fixture
def closed(index_path: Path) -> Index:
    index = open_index(index_path)
    index.close()
    return index


def mix(index: Index) -> tuple[list[str | None], list[Row | None]]:
    """Return texts of every kind, nulls among them, and the rows that are wanted."""
    cases = asked(index, Random(5), 60)
    cases += [Case(text, None, text) for text in ("garbage", "1.2.3", "10.0.0.1 10.0.0.2", "#")]
    texts: list[str | None] = [case.text for case in cases]
    rows: list[Row | None] = [naive(index, case) for case in cases]
    for place in range(0, len(texts), 9):
        texts.insert(place, None)
        rows.insert(place, None)
    return texts, rows


def many(index: Index) -> tuple[list[str | None], dict[str, list[Any]]]:
    """Return enough texts for several threads, and the columns that `lookup_many` gives."""
    cases = [case for case in asked(index, Random(7), 200) if case.query is not None]
    found = index.lookup_many([case.query for case in cases], columns=SOME)
    rows: list[tuple[str | None, list[Any]]] = [
        (case.text, [settled(found[name][k], name) for name in SOME])
        for k, case in enumerate(cases)
    ]
    rows.append((None, [settled(None, name) for name in SOME]))
    rows.append(("garbage", [settled("no address" if name == "error" else None, name)
                             for name in SOME]))  # fmt: skip
    order = Random(9).choices(rows, k=BIG)
    columns = zip(*(row for _, row in order), strict=True)
    wanted = {name: list(column) for name, column in zip(SOME, columns, strict=True)}
    return [text for text, _ in order], wanted


def check_columns(found: dict[str, list[Any]], wanted: dict[str, list[Any]]) -> None:
    """Compare many rows, column by column."""
    for name in wanted:
        values: Any = found[name]
        if name == "error":
            values = map(bool, values)
        elif name in LISTS:
            values = ([*value] if value else [] for value in values)
        assert [*values] == wanted[name], name


def check(found: Sequence[Row], wanted: Sequence[Row | None], names: Sequence[str]) -> None:
    """Compare rows; a null has nothing in any column."""
    assert len(found) == len(wanted)
    for row, want in zip(found, wanted, strict=True):
        assert {name: settled(row[name], name) for name in names} == {
            name: settled(want[name] if want else None, name) for name in names
        }, want
        if want is None:
            assert all(row[name] is None for name in names)


def settled(value: Any, name: str) -> Any:
    if name == "error":
        return bool(value)
    if name in LISTS:
        return cleaned([*value] if value is not None else [])
    if name == "depth":
        return None if value is None or value < 0 else int(value)
    return cleaned(value)


# -- DuckDB -----------------------------------------------------------------------------------


@pytest.fixture
def connection() -> Iterator[Any]:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    with duckdb.connect() as opened:
        yield opened


def filled(connection: Any, texts: Sequence[str | None]) -> None:
    """Make a table t with the texts as column q, in order."""
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"q": pa.array(texts, pa.string())})
    connection.register("given", table)
    connection.execute("create or replace table t as select * from given")


def one(connection: Any, query: str) -> Any:
    """Return the only row; a connection of DuckDB is busy until its last row was fetched."""
    (row,) = connection.execute(query).fetchall()
    return row


def rows_of(relation: Any) -> list[Row]:
    names = [column[0] for column in relation.description]
    return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def test_every_function_of_duckdb_is_what_the_answer_says(world: Index, connection: Any) -> None:
    from rirdex.query import duck

    names = duck.register(connection, world)
    assert sorted(names) == sorted([*(f"ip_{name}" for name in FUNCTIONS), "ip_answer"])
    texts, wanted = mix(world)
    filled(connection, texts)
    calls = ", ".join(f"ip_{name}(q) as {name}" for name in FUNCTIONS)
    check(rows_of(connection.execute(f"select {calls} from t")), wanted, FUNCTIONS)
    for name in FUNCTIONS:
        kind = one(connection, f"select typeof(ip_{name}('{IP}'))")[0]
        assert kind == TYPES.get(name, "VARCHAR"), name


def test_a_struct_of_duckdb_has_the_columns_of_one_look_up(
    world: Index, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    from rirdex.query import arrow, duck

    lengths: list[int] = []
    annotate = arrow.annotate

    def counted(index: Index, addresses: Any, *rest: Any, **options: Any) -> Any:
        lengths.append(len(addresses))
        return annotate(index, addresses, *rest, **options)

    monkeypatch.setattr(arrow, "annotate", counted)
    duck.register(connection, world, columns=COLUMNS)
    texts, wanted = mix(world)
    filled(connection, texts)
    found = connection.execute("select ip_answer(q) from t").fetchall()
    assert [answer is None for (answer,) in found] == [text is None for text in texts]
    nothing = dict.fromkeys(COLUMNS)
    check([answer or nothing for (answer,) in found], wanted, COLUMNS)
    lengths.clear()
    fields = ", ".join(f"ip_answer(q).{name} as {name}" for name in FUNCTIONS)
    check(rows_of(connection.execute(f"select {fields} from t")), wanted, FUNCTIONS)
    assert sum(lengths) == len(texts)


def test_functions_of_duckdb_take_null_constants_and_tables_without_rows(
    index: Index, connection: Any
) -> None:
    from rirdex.query import duck

    duck.register(connection, index)
    found = one(
        connection,
        f"select ip_holder('{IP}'), ip_holder(null), ip_holder('no'), ip_error('no'), "
        f"ip_error('{IP}'), ip_answer(null), ip_answer('no').holder, ip_depth('{IP}')",
    )
    assert (*found[:3], *found[4:]) == (HOLDER, None, None, None, None, None, 3)
    assert "no address" in found[3]
    filled(connection, [])
    assert connection.execute("select ip_holder(q), ip_answer(q) from t").fetchall() == []
    filled(connection, [None] * 5000)
    assert one(connection, "select count(ip_holder(q)), count(*) from t") == (0, 5000)
    filled(connection, [IP, "192.88.99.1", "no", None])
    query = f"select q from t where ip_holder(q) = '{HOLDER}' order by ip_verdict(q)"
    assert connection.execute(query).fetchall() == [(IP,)]


def test_duckdb_asks_from_all_its_threads(index: Index, connection: Any) -> None:
    from rirdex.query import duck

    duck.register(connection, index, columns=SOME)
    texts, wanted = many(index)
    filled(connection, texts)
    connection.execute("set threads = 2")
    found = connection.sql("select unnest(ip_answer(q)) from t").to_arrow_table()
    check_columns(found.to_pydict(), wanted)

    def asked_of(cursor: Any) -> list[Any]:
        query = "select ip_holder(q), count(*) from (from t limit 60000) group by all order by all"
        found: list[Any] = cursor.execute(query).fetchall()
        return found

    cursors = [connection.cursor() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(asked_of, cursors)
    assert sum(count for _, count in first) == 60_000
    assert others == [first] * 3


def test_the_default_index_is_registered_without_one(
    index: Index, index_path: Path, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rirdex.query import duck

    monkeypatch.setenv("RIRDEX_INDEX", str(index_path))
    duck.register(connection)
    holder = index.lookup("240.10.33.7").holder
    assert holder is not None
    assert one(connection, "select ip_holder('240.10.33.7')") == (holder.name,)


def test_a_second_index_takes_the_place_of_the_first_in_duckdb(
    index: Index, connection: Any, tmp_path: Path
) -> None:
    from rirdex.query import duck

    odd_world(tmp_path)
    query = "select ip_holder('10.0.0.1'), ip_answer('10.0.0.1').holder"
    with open_index(tmp_path / "index") as other:
        duck.register(connection, index)
        connection.execute(f"create view v as {query}")
        assert one(connection, "from v") == (None, None)
        duck.register(connection, other)
        assert one(connection, query) == ("First Holder", "First Holder")
        assert one(connection, "from v") == ("First Holder", "First Holder")
        duck.register(connection, index, prefix="old_")
        query = "select old_holder('10.0.0.1'), ip_holder('10.0.0.1')"
        assert one(connection, query) == (None, "First Holder")
        duck.unregister(connection, prefix="old_")
        duck.unregister(connection, prefix="old_")
        assert functions(connection, "old_") == []
        assert len(functions(connection, "ip_")) == len(FUNCTIONS) + 1


def functions(connection: Any, prefix: str) -> list[str]:
    query = (
        "select distinct function_name from duckdb_functions() where starts_with(function_name, ?)"
    )
    return [name for (name,) in connection.execute(query, [prefix]).fetchall()]


def test_names_that_others_have_in_duckdb_are_told(index: Index, connection: Any) -> None:
    from rirdex.query import duck

    duck.register(connection, index)
    with pytest.raises(BatchError, match=r"ip_first is taken .* another connection"):
        duck.register(connection.cursor(), index)
    assert one(connection, f"select ip_holder('{IP}')") == (HOLDER,)
    for columns in (["nonsense"], [], ["holder", "holder"]):
        with pytest.raises(BatchError):
            duck.register(connection, index, prefix="x_", columns=columns)
    with pytest.raises(BatchError, match="first is taken"):
        duck.register(connection, index, prefix="")
    assert functions(connection, "x_") == functions(connection, "holder") == []


def test_a_closed_index_is_told_by_duckdb(closed: Index, connection: Any) -> None:
    duckdb = pytest.importorskip("duckdb")
    from rirdex.query import duck

    duck.register(connection, closed)
    with pytest.raises(duckdb.Error, match=r"StoreError: .*index is closed"):
        connection.execute(f"select ip_holder('{IP}')").fetchall()


# -- Polars -----------------------------------------------------------------------------------


@pytest.fixture
def pl() -> Any:
    pytest.importorskip("pyarrow")
    polars = pytest.importorskip("polars")
    import rirdex.query.frames  # noqa: F401

    return polars


def test_every_column_of_polars_is_what_the_answer_says(world: Index, pl: Any) -> None:
    texts, wanted = mix(world)
    frame = pl.DataFrame({"q": pl.Series(texts, dtype=pl.String), "row": range(len(texts))})
    asking = pl.col("q").rirdex.annotate(world, COLUMNS)
    found = frame.select(asking, "row")
    assert found.columns == ["q", "row"]
    assert found["q"].is_null().to_list() == [text is None for text in texts]
    check(found["q"].struct.unnest().to_dicts(), wanted, COLUMNS)
    lazy = frame.lazy().with_columns(asking.struct.unnest())
    for engine in ("in-memory", "streaming"):
        collected = lazy.collect(engine=engine)
        assert lazy.collect_schema() == collected.schema
        check(collected.to_dicts(), wanted, COLUMNS)
    for name in COLUMNS:
        column = frame.select(pl.col("q").rirdex.column(world, name))
        assert column.columns == [name]
        assert column[name].dtype == collected[name].dtype
        check(column.to_dicts(), wanted, [name])
        assert frame["q"].rirdex.column(world, name).equals(column[name], check_dtypes=True)


def test_polars_asks_in_chunks_and_from_several_threads(index: Index, pl: Any) -> None:
    texts, wanted = many(index)
    parts = [pl.DataFrame({"q": pl.Series(texts[k::3], dtype=pl.String)}) for k in range(3)]
    frame = pl.concat(parts, rechunk=False)
    wanted = {name: [one for k in range(3) for one in wanted[name][k::3]] for name in SOME}
    assert frame["q"].n_chunks() == 3
    asking = pl.col("q").rirdex.annotate(index, SOME).struct.unnest()
    for engine in ("in-memory", "streaming"):
        found = frame.lazy().select(asking).collect(engine=engine)
        check_columns(found.to_dict(as_series=False), wanted)
    part = frame[5:1000].select(asking).to_dict(as_series=False)
    check_columns(part, {name: wanted[name][5:1000] for name in SOME})
    found = (
        frame.lazy()
        .filter(pl.col("q").rirdex.column(index, "verdict") == "likely-leased")
        .group_by(pl.col("q").rirdex.column(index, "holder"))
        .len()
        .collect(engine="streaming")
    )
    leased = [
        holder
        for holder, verdict in zip(wanted["holder"], wanted["verdict"], strict=True)
        if verdict == "likely-leased"
    ]
    assert sum(found["len"]) == len(leased) > 0
    assert {*found["holder"]} == {*leased}


def test_polars_takes_every_type_that_addresses_have(index: Index, pl: Any) -> None:
    number, packed = int(ip_address(IP)), ip_address("3fff:c10:1::1").packed
    kinds = [
        (pl.Series([IP, None], dtype=pl.Categorical), HOLDER),
        (pl.Series([IP, None], dtype=pl.Enum([IP, "x"])), HOLDER),
        (pl.Series([number, None], dtype=pl.UInt32), HOLDER),
        (pl.Series([ip_address(IP).packed, None], dtype=pl.Binary), HOLDER),
        (pl.Series([packed, None], dtype=pl.Binary), "Dodo Address Holdings Ltd"),
        (pl.Series([None, None]), None),
        (pl.Series([], dtype=pl.String), None),
        (pl.Series([], dtype=pl.UInt32), None),
    ]
    for series, holder in kinds:
        found = series.rirdex.column(index, "holder")
        assert found.to_list() == [holder, None][: len(series)], series.dtype
        assert found.dtype == pl.String
        select = series.to_frame("q").lazy().select(pl.col("q").rirdex.column(index, "holder"))
        assert select.collect(engine="streaming")["holder"].to_list() == found.to_list()
    with pytest.raises(BatchError, match="not int64"):
        pl.Series([number]).rirdex.annotate(index)


def test_what_polars_is_asked_wrongly_is_told(index: Index, closed: Index, pl: Any) -> None:
    for columns in (["nonsense"], [], ["holder", "holder"]):
        with pytest.raises(BatchError):
            pl.col("q").rirdex.annotate(index, columns)
        with pytest.raises(BatchError):
            pl.Series([IP]).rirdex.annotate(index, columns)
    asking = pl.col("q").rirdex.column(closed, "holder")
    errors = (StoreError, pl.exceptions.ComputeError)  # the latter from Polars 1
    for engine in ("in-memory", "streaming"):
        with pytest.raises(errors, match=r"now\.rirdex: index is closed"):
            pl.LazyFrame({"q": [IP]}).select(asking).collect(engine=engine)
    with pytest.raises(StoreError, match=r"now\.rirdex: index is closed"):
        pl.Series([IP]).rirdex.annotate(closed)


# -- pandas -----------------------------------------------------------------------------------


@pytest.fixture
def pd() -> Any:
    return pytest.importorskip("pandas")


def told(pd: Any, frame: Any, names: Sequence[str]) -> list[Row]:
    """Return the rows of a frame, with None for what is missing."""
    columns = [listed(pd, frame[name]) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def listed(pd: Any, series: Any) -> list[Any]:
    """Return the values of a series, with None for what is missing."""
    missing = series.isna().tolist()
    values = series.tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def test_every_column_of_pandas_is_what_the_answer_says(world: Index, pd: Any) -> None:
    from rirdex.query.frames import annotate_frame

    texts, wanted = mix(world)
    for dtype in ("str", "object", "string", "category"):
        series = pd.Series(texts, dtype=None if dtype == "str" else dtype)
        if dtype == "object":
            series[series.isna()] = [[None, pd.NA, float("nan"), pd.NaT][k % 4]
                                     for k in range(int(series.isna().sum()))]  # fmt: skip
        found = annotate_frame(pd.DataFrame({"q": series}), "q", world, COLUMNS)
        assert [*found.columns] == ["q", *COLUMNS]
        assert found["depth"].dtype == "Int32"
        assert found["holder"].dtype == pd.Series(["text"]).dtype
        check(told(pd, found, COLUMNS), wanted, COLUMNS)


@pytest.mark.parametrize("labels", ["numbers", "doubles", "pairs", "dates", "backwards"])
def test_rows_of_pandas_keep_their_labels_and_their_order(
    index: Index, pd: Any, labels: str
) -> None:
    from rirdex.query.frames import annotate_frame

    ips = [IP, None, "10.33.77.5", "no", IP, "10.33.77.5"]
    index_of = {
        "numbers": [7, 3, 9, 1, 0, 5], "doubles": ["a", "a", "b", "a", "b", "b"],
        "pairs": pd.MultiIndex.from_product([["x", "y"], [1, 2, 3]]),
        "dates": pd.date_range("2026-01-01", periods=6), "backwards": range(6, 0, -1),
    }[labels]  # fmt: skip
    frame = pd.DataFrame({"country": range(6), "q": ips}, index=index_of)
    frame.attrs["kept"] = True
    before = frame.copy()
    found = frame.pipe(annotate_frame, "q", index, ["holder", "country", "depth"])
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(found[["country", "q"]], before)
    assert [*found.columns] == ["country", "q", "holder", "rirdex_country", "depth"]
    holders = [HOLDER, None, "Dodo Address Holdings Ltd", None, HOLDER, "Dodo Address Holdings Ltd"]
    rows = told(pd, found, ["holder", "rirdex_country", "depth"])
    assert [row["holder"] for row in rows] == holders
    assert [row["rirdex_country"] for row in rows] == [("FI",), None, ("VE",), (), ("FI",), ("VE",)]
    assert [row["depth"] for row in rows] == [3, None, 2, None, 3, 2]


def test_pandas_takes_addresses_that_are_no_texts(index: Index, pd: Any) -> None:
    from rirdex.query.frames import annotate_frame

    number = int(ip_address(IP))
    mixed = [
        ip_address(IP), ip_network("240.10.33.0/25"), ip_address(IP).packed, number,
        ip_address(f"::ffff:{IP}"), f"::ffff:{IP}", 1.5, True, b"abc", ["list"], -1, 1 << 130,
    ]  # fmt: skip
    found = annotate_frame(pd.DataFrame({"q": mixed}), "q", index, ["ip", "holder", "error"])
    assert told(pd, found, ["holder"]) == [{"holder": HOLDER}] * 6 + [{"holder": None}] * 6
    assert found["ip"].tolist()[:6] == [IP, "240.10.33.0/25", IP, IP, IP, IP]
    assert found["error"].isna().tolist() == [True] * 6 + [False] * 6
    for series in (
        pd.Series([number], dtype="uint32"), pd.Series([number]),
        pd.Series([number, None], dtype="UInt32"), pd.Series([number, None], dtype="Int64"),
    ):  # fmt: skip
        found = annotate_frame(series.to_frame("q"), "q", index, ["holder", "ip"])
        rows = told(pd, found, ["holder", "ip"])
        assert rows[0] == {"holder": HOLDER, "ip": IP}
        assert rows[1:] == [{"holder": None, "ip": None}] * (len(series) - 1)


def test_large_and_empty_frames_of_pandas(index: Index, pd: Any) -> None:
    from rirdex.query.frames import annotate_frame

    texts, wanted = many(index)
    frame = pd.DataFrame({"q": texts}, index=np.arange(BIG)[::-1])
    found = annotate_frame(frame, "q", index, SOME)
    assert found["q"].isna().tolist() == [text is None for text in texts]
    check_columns({name: listed(pd, found[name]) for name in SOME}, wanted)
    for empty in (frame[:0], pd.DataFrame({"q": []}), pd.DataFrame({"q": [None, None]})):
        found = annotate_frame(empty, "q", index)
        assert len(found) == len(empty)
        assert found.shape[1] == 18
        assert found["holder"].dtype == pd.Series(["text"]).dtype
        assert found["depth"].dtype == "Int32"
        assert found.drop(columns="q").isna().all(axis=None)


def test_what_pandas_is_asked_wrongly_is_told(index: Index, closed: Index, pd: Any) -> None:
    from rirdex.query.frames import annotate_frame

    frame = pd.DataFrame({"q": [IP]})
    for columns in (["nonsense"], [], ["holder", "holder"]):
        with pytest.raises(BatchError):
            annotate_frame(frame, "q", index, columns)
    with pytest.raises(KeyError):
        annotate_frame(frame, "x", index)
    with pytest.raises(BatchError, match="several columns q:"):
        annotate_frame(pd.concat([frame, frame], axis=1), "q", index)
    with pytest.raises(StoreError, match=r"now\.rirdex: index is closed"):
        annotate_frame(frame, "q", closed)


# -- what is not installed --------------------------------------------------------------------

OPENED = "from rirdex.query import open_index\nindex = open_index(sys.argv[1])\n"
DUCK = "import duckdb\nfrom rirdex.query import duck\nduck.register(duckdb.connect(), index)"
POLARS = (
    "import polars as pl\nimport rirdex.query.frames\n"
    f"frame = pl.LazyFrame({{'q': ['{IP}']}}).select(pl.col('q').rirdex.column(index, 'holder'))\n"
    "print(frame.collect().item())"
)
PANDAS = (
    "import pandas as pd\nfrom rirdex.query.frames import annotate_frame\n"
    f"found = annotate_frame(pd.DataFrame({{'q': ['{IP}']}}), 'q', index, ['holder'])\n"
    "print(found['holder'].item())"
)
NO_PANDAS = "from rirdex.query.frames import annotate_frame\nannotate_frame({}, 'q', index)"
BLOCK = """
import sys
class Refused:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refused())
"""


@pytest.mark.parametrize(
    ("needed", "blocked", "code", "said"),
    [
        ([], "duckdb", "import rirdex.query.duck", "needs duckdb: pip install \"rirdex[duckdb]\""),
        (["duckdb"], "pyarrow", DUCK, "need pyarrow: pip install \"rirdex[duckdb]\""),
        (["polars"], "pyarrow", POLARS, "needs pyarrow: pip install \"rirdex[polars]\""),
        ([], "pandas", NO_PANDAS,
         "needs pandas: pip install \"rirdex[pandas]\""),
        (["pandas"], "pyarrow polars", PANDAS, None),
        (["polars", "pyarrow"], "pandas", POLARS, None),
        ([], "polars pandas pyarrow", f"import rirdex.query.frames\nprint('{HOLDER}')", None),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_its_extra(
    environment: dict[str, str], index_path: Path, needed: list[str], blocked: str, code: str,
    said: str | None,
) -> None:  # fmt: skip
    for name in needed:
        pytest.importorskip(name)
    refused = BLOCK.format(blocked=blocked.split())
    done = subprocess.run(
        [sys.executable, "-c", refused + OPENED + code, str(index_path)], capture_output=True,
        text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    if said is None:
        assert (done.returncode, done.stdout) == (0, f"{HOLDER}\n"), done.stderr
    else:
        assert done.returncode == 1
        assert said in done.stderr
