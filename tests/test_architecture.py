"""Keep the layers and the homes of libraries that ARCHITECTURE.md describes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*ROOT.glob("indexer/*.py"), *ROOT.glob("query/*.py")])
# Which modules may import a library at all.
HOMES = {
    "lmdb": {"query/store", "query/verify", "indexer/writer", "indexer/build"},
    "zstandard": {
        "query/raw", "query/layout", "query/packed", "indexer/blobs", "indexer/sorted_tables",
        "indexer/sources", "indexer/build",
    },
    "click": {
        "query/cli", "query/fetching", "query/telling", "query/auditing", "query/leasing",
        "query/batching", "query/exporting", "query/options", "query/spark", "query/comparing",
        "query/narrating", "query/caseload", "query/notifying", "query/reporting", "query/casing",
    },
    "tqdm": {
        "query/cli", "query/fetching", "query/auditing", "query/batching", "query/exporting",
        "query/notifying", "query/reporting",
    },
    "platformdirs": {"query/place"},
    "socket": {
        "query/addresses", "query/index", "query/export_ranges", "indexer/values", "indexer/rpsl",
        "indexer/delegated", "indexer/transfers", "indexer/iana",
    },
    "urllib": {"indexer/web", "indexer/transfer", "indexer/downloads"},
    "http": {"indexer/web", "indexer/transfer"},
    "ssl": {"indexer/web"},
    "dns": {"query/mx"},
    "pytricia": {"indexer/prefix_set"},
    "pyarrow": {"query/arrow", "query/arrow_files", "query/exports", "query/spark"},
    "duckdb": {"query/duck"},
    "polars": {"query/frames"},
    "pandas": {"query/frames"},
    "pyspark": {"query/spark"},
    "jinja2": {"query/draft_texts", "query/report_page"},
    "matplotlib": {"query/report_charts"},
    "sqlite3": {"query/ledger"},
    "intelmq": {"query/experts"},
    "xarf": {"query/xarf_reports"},
}  # fmt: skip
NO_NUMPY = {
    "query/many",
    "query/quads",
    "query/audit",
    "query/audited",
    "query/changes",
    "query/changed",
    "query/paired",
    "query/watching",
    "query/leases",
    "query/turnovers",
    "query/same",
    "query/watched",
    "query/parties",
    "query/lease_counts",
    "query/blocks",
    "query/delimited",
    "query/dated",
    "query/earlier",
    "query/found",
    "query/inputs",
    "query/columns",
    "query/tabulated",
    "query/entries",
    "query/matched",
    "query/segments",
    "query/mmdb",
    "query/columnar",
    "query/arrow",
    "query/arrow_files",
    "query/tallies",
    "query/exports",
    "query/export_ranges",
}  # these import NumPy


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def imports(path: Path, *, everywhere: bool = True) -> set[str]:
    """Return what a module imports, anywhere or only when it is loaded; relative names resolved."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = f"rirdex.{path.parent.name}" if node.level else ""
            found.add(".".join(part for part in (base, node.module) if part))
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_library_is_imported_only_where_it_is_at_home(path: Path) -> None:
    for library, homes in HOMES.items():
        if any(name.split(".")[0] == library for name in imports(path)):
            assert name_of(path) in homes, library


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_query_knows_nothing_of_the_indexer_but_for_the_command_build(path: Path) -> None:
    if path.parent.name == "query":
        users = {name for name in imports(path) if name.startswith("rirdex.indexer")}
        assert not users or name_of(path) in {"query/cli", "query/render", "query/fetching"}
        loaded = imports(path, everywhere=False)
        assert not any(name.startswith("rirdex.indexer") for name in loaded)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_numpy_is_loaded_only_by_what_works_on_arrays(path: Path) -> None:
    if path.parent.name == "query" and name_of(path) not in NO_NUMPY:
        assert "numpy" not in imports(path, everywhere=False)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_opens_with_its_idea_and_stays_below_400_lines(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)) is not None
    assert text.count("\n") <= 400


def test_a_scalar_look_up_loads_neither_numpy_nor_the_indexer(index_path: Path) -> None:
    code = (
        "import sys; from rirdex.query import open_index; "
        f"index = open_index({str(index_path)!r}); answer = index.lookup('240.10.33.7'); "
        "assert answer.holder and answer.user and answer.to_dict(); index.match('3fff:10::1'); "
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'numpy' "
        "or name.startswith('rirdex.indexer')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_command_is_in_the_readme() -> None:
    from rirdex.query.cli import cli

    readme = (ROOT / "README.md").read_text()
    for name, command in cli.commands.items():
        assert f"rirdex {name}" in readme
        assert "Example: rirdex" in (command.epilog or "")


def test_every_fixture_has_a_line_in_their_readme() -> None:
    readme = (ROOT / "fixtures" / "README.md").read_text()
    for path in sorted((ROOT / "fixtures").rglob("*")):
        if path.is_file() and path.name != "README.md" and "__pycache__" not in path.parts:
            assert f"`{path.relative_to(ROOT / 'fixtures')}`" in readme
