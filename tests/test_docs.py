"""Run every example of docs/python.md, and hold what it names against what there is."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, errors, model, past, records, tenures
from rirdex.query.contacts import Contact

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "python.md").read_text()
CLASSES: dict[str, type] = {
    "Index": Index, "Answer": model.Answer, "Lease": model.Lease, "Net": records.Net,
    "Object": records.Object, "Party": records.Party, "Org": records.Org, "Contact": Contact,
    "Note": model.Note, "PastAnswer": past.PastAnswer, "History": tenures.History,
    "Ranged": tenures.Ranged, "Tenure": tenures.Tenure, "State": tenures.State,
}  # fmt: skip
ENGINES = {"Arrow": "pyarrow", "DuckDB": "duckdb", "Polars": "polars", "pandas": "pandas"}


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with what `make demo` leaves, as the working directory."""
    leases = ROOT / "fixtures" / "leases"
    (tmp_path / "build").mkdir()
    now = ROOT / "fixtures" / "now"
    before, demo = (str(tmp_path / "build" / f"{name}.rirdex") for name in ("before", "demo"))
    build([str(ROOT / "fixtures" / "before")], before, processes=0)
    build([str(now)], demo, previous=before, processes=0)
    build(
        [str(leases)], str(tmp_path / "build" / "leases.rirdex"), processes=0,
        routes=[str(leases / "pfx2as")], vrps=[str(leases / "vrps.json")],
        relationships=[str(leases / "as-rel")], as_orgs=[str(leases / "as-org2info.txt")],
        desk=str(leases / "desk"),
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    return tmp_path


def sections() -> Iterator[tuple[str, str, int]]:
    """Yield the title, the text and the first line of each section."""
    line = 0
    for part in re.split(r"(?m)^(?=## )", TEXT):
        yield part.partition("\n")[0].strip("# "), part, line
        line += part.count("\n")


def test_every_example_prints_what_the_document_says(demo: Path) -> None:
    runner = doctest.DocTestRunner()
    said: list[str] = []
    names: dict[str, Any] = {}
    for title, text, line in sections():
        engine = ENGINES.get(title)
        if engine and not installed(engine):
            continue
        # A fence that closes would count as output.
        text = re.sub(r"(?m)^```.*$", "", text)
        test = doctest.DocTestParser().get_doctest(text, names, title, "docs/python.md", line)
        runner.run(test, out=said.append, clear_globs=False)
        names = test.globs
    assert not said, "".join(said)
    assert runner.summarize(verbose=False).attempted > 60


def installed(library: str) -> bool:
    try:
        importlib.import_module(library)
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("way", ["fork", "forkserver", "spawn"])
def test_the_script_of_workers_prints_what_the_document_says(
    demo: Path, environment: dict[str, str], way: str
) -> None:
    found = re.search(r"```python\n(# workers\.py\n.*?)```.*?```\n(.*?)```", TEXT, re.S)
    assert found is not None
    (demo / "workers.py").write_text(found[1])
    done = subprocess.run(
        [sys.executable, "workers.py", way], capture_output=True, text=True, env=environment,
        cwd=demo, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, found[2], "")


def members() -> dict[str, list[str]]:
    """Return what the last table says each class has."""
    rows = re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", TEXT.partition("## What there is")[2])
    # What stands in brackets explains.
    return {name: re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", text)) for name, text in rows}


def test_every_member_that_is_named_exists() -> None:
    table = members()
    assert table.keys() == CLASSES.keys()
    for name, listed in table.items():
        there = {*dir(CLASSES[name])}
        assert {*listed} <= there, name
        assert len({*listed}) == len(listed), name


def test_every_public_member_of_an_index_and_of_records_is_named() -> None:
    table = members()
    helpers = {
        "Answer": {"desk", "memory", "tables", "around", "objects", "authority_of", "history"},
        "PastAnswer": {each for each in dir(model.Answer) if not each.startswith("_")},
        "Net": {"as_foreign", "as_object", "called", "org_code", "org_handle", "tables"},
        "Object": {"as_object", "org_code", "org_handle"},
        "Contact": {"place", "tables", "to_ranked"},
        "Lease": {"answer"},
    }
    for name, kind in CLASSES.items():
        public = {each for each in dir(kind) if not each.startswith("_")} - {*dir(tuple)}
        assert public - {*table[name]} == helpers.get(name, set()), name


def test_every_error_that_is_named_exists_with_what_it_has() -> None:
    rows = re.findall(r"(?m)^\| (`.*`) \| .* \| (.*) ?\|$", TEXT.partition("## Errors")[2])
    made: dict[str, Callable[[], Exception]] = {
        "AddressError": lambda: errors.AddressError("text", 3),
        "WrongVersion": lambda: errors.WrongVersion("path", 1, 2),
        "BatchError": lambda: errors.BatchError("text"), "Error": lambda: errors.Error("text"),
    }  # fmt: skip
    found = set()
    for names, has in rows:
        for name in re.findall(r"`(?:\w+\.)?(\w+)`", names):
            kind = (
                getattr(errors, name, None)
                or importlib.import_module("rirdex.query.desk").DeskError
            )
            error = made[name]() if name in made else kind("path", "text")
            assert all(hasattr(error, each) for each in re.findall(r"`(\w+)`", has)), name
            found.add(name)
    assert {"Error", "AddressError", "StoreError", "NoIndex", "Damaged", "WrongVersion"} < found
