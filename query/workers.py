"""Spread work over processes, results in order and only a few on the way.

The processes are forked: what the function holds (an index, its columns) is there without being
sent, and results come back in memory that they share. They ignore Ctrl-C and end with the process
that began them.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, Final, TypeVar

from .errors import Error

_Given = TypeVar("_Given")
_AHEAD: Final = 3  # pieces of work on the way for each process
_ROOM: Final = 1 << 24  # bytes for a result in shared memory; what is larger is sent
_work: Callable[[Any], Any] | None = None
_slots: list[mmap.mmap] = []


def in_order(work: Callable[[_Given], Any], given: Iterable[_Given], jobs: int) -> Iterator[Any]:
    """Yield what ``work`` makes of each item, in order: named tuples with ``text``, some bytes.

    Raises `Error` when a process dies.
    """
    context = multiprocessing.get_context("fork")
    slots = [mmap.mmap(-1, _ROOM) for _ in range(jobs * _AHEAD)]
    free = deque(range(len(slots)))
    pool = ProcessPoolExecutor(jobs, context, _begin, (work, slots, os.getpid()))
    waiting: deque[tuple[int, Any]] = deque()
    items = iter(given)
    try:
        while True:
            for item in islice(items, len(free)):
                slot = free.popleft()
                waiting.append((slot, pool.submit(_call, item, slot)))
            if not waiting:
                return
            slot, future = waiting.popleft()
            length, found = future.result()
            if length is None:
                yield found
            else:
                yield found._replace(text=slots[slot][:length])
            free.append(slot)
    except BrokenProcessPool:
        raise Error("a process was killed: is there too little memory? Try --jobs 0") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(work: Callable[[Any], Any], slots: list[mmap.mmap], parent: int) -> None:
    global _work, _slots
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _work, _slots = work, slots
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when the one that began it is gone, killed without a chance to say so."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _call(item: Any, slot: int) -> tuple[int | None, Any]:
    """Return how many bytes of a result lie in the slot, None for none, and the rest of it."""
    assert _work is not None
    found = _work(item)
    length = len(found.text)
    if length > _ROOM:
        return None, found
    _slots[slot][:length] = found.text
    return length, found._replace(text=b"")
