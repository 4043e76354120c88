"""Name everything rirdex raises on purpose, told apart by whose fault it is.

A look-up that finds nothing is no error: it returns None or an empty answer. A malformed
record in a dump is data (a row in the rejects of the build summary), not an exception.
"""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any


class Error(Exception):
    """Stand above every error that rirdex raises on purpose. It can be sent to other processes."""

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[Error], texts: tuple[Any, ...], members: dict[str, Any]) -> Error:
    """Make an error again from what it has, not from what its constructor takes."""
    error = kind.__new__(kind, *texts)
    error.__dict__.update(members)
    return error


class AddressError(Error, ValueError):
    """Say that a text is no address, prefix, range or AS number: the caller's fault.

    ``position`` is the index of the bad item in the many-forms, else None.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class DateError(Error, ValueError):
    """Say that what should be a day is none: the caller's fault."""


class BatchError(Error, ValueError):
    """Say that a batch is asked for what there is not, such as a column: the caller's fault."""


class DumpError(Error):
    """Say that a file is not the dump it claims to be: the data's fault.

    ``path`` names the file; ``offset`` is the byte in the uncompressed text, or None.
    """

    def __init__(self, path: str, message: str, offset: int | None = None) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.offset = offset


class FetchError(Error):
    """Say that a download failed: the world's fault. ``url`` names it, never with a key."""

    def __init__(self, url: str, message: str) -> None:
        super().__init__(f"{url}: {message}")
        self.url = url


class StoreError(Error):
    """Say that an index cannot be used or written. ``path`` names it."""

    def __init__(self, path: str | PathLike[str], message: str) -> None:
        self.path = fspath(path)
        super().__init__(f"{self.path}: {message}" if self.path else message)


class NoIndex(StoreError):
    """Say that there is no index at a path."""


class WrongVersion(StoreError):
    """Say that an index was written in another format. ``found`` and ``supported`` are versions."""

    def __init__(self, path: str | PathLike[str], found: int, supported: int) -> None:
        super().__init__(
            path,
            f"index format {found}, this rirdex reads format {supported}: "
            "rebuild it with `rirdex build`",
        )
        self.found = found
        self.supported = supported


class Damaged(StoreError):
    """Say that an index file is cut off or overwritten."""
