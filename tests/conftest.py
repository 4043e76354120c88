"""Build the index that tests share, and run the command line in a process of its own.

Tests can import the modules beside them: `from oracles import parse`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from rirdex.indexer.build import build
from rirdex.query import Index, open_index

sys.path.insert(0, str(Path(__file__).parent))

# In CI the same examples each time; `make test` draws new ones on every run.
settings.register_profile("ci", derandomize=True)
if profile := os.environ.get("HYPOTHESIS_PROFILE"):
    settings.load_profile(profile)

FIXTURES = Path(__file__).parent.parent / "fixtures"
PROGRAM = "from rirdex.query.cli import main; main()"
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def dumps_now() -> Path:
    """Return the folder of the hand-written dumps."""
    return FIXTURES / "now"


@pytest.fixture(scope="session")
def index_path(tmp_path_factory: pytest.TempPathFactory, dumps_now: Path) -> Path:
    """Return an index of `fixtures/now`. Nobody may change it: copy it first."""
    path = tmp_path_factory.mktemp("shared") / "now.rirdex"
    build([str(dumps_now)], str(path), processes=0)
    return path


@pytest.fixture(scope="session")
def index(index_path: Path) -> Iterator[Index]:
    """Return the open index of `fixtures/now`. Nobody may close it."""
    with open_index(index_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return variables for a process that is to know nothing of this one or of the user."""
    dropped = ("PYTHON", "RIRDEX", "XDG", "LC_", "COV")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    if "PYTHONPATH" in os.environ:
        kept["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return kept | {"HOME": str(tmp_path_factory.mktemp("home")), "LANG": "C.UTF-8"}


@pytest.fixture(scope="session")
def program() -> list[str]:
    """Return the command that is `rirdex`."""
    return [sys.executable, "-c", PROGRAM]


@pytest.fixture(scope="session")
def rirdex(environment: dict[str, str], program: list[str]) -> Command:
    """Return a function that runs `rirdex` with arguments, and returns what it wrote."""

    def run(
        *arguments: str | Path,
        stdin: bytes = b"",
        cwd: Path | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*program, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=cwd,
            env=environment | variables,
            timeout=120,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args,
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    return run
