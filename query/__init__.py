"""Answer from an index: who holds an address, who uses it, and why."""

from __future__ import annotations

from .errors import AddressError, Damaged, DumpError, Error, NoIndex, StoreError, WrongVersion
from .index import Index, open_index
from .model import Answer
from .records import Net, Object

__all__ = [
    "AddressError",
    "Answer",
    "Damaged",
    "DumpError",
    "Error",
    "Index",
    "Net",
    "NoIndex",
    "Object",
    "StoreError",
    "WrongVersion",
    "open_index",
]
