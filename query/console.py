"""Write to the terminal, and name the exit codes."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterable

from . import render

NO_MATCH, USAGE, NO_INDEX, INVALID, FAILED, INTERRUPTED = 1, 2, 3, 4, 5, 130


def write(lines: Iterable[str]) -> None:
    """Write lines of data to standard output."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    for line in lines:
        sys.stdout.write(line + "\n")


def complain(message: object) -> None:
    """Write a line to standard error, where there is one."""
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"rirdex: {render.clean(str(message))}\n")
