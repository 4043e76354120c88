"""Spread work over processes, results in order and only a few on the way.

The processes are forked: what the function holds (an index, its columns) is there without being
sent. They ignore Ctrl-C and end with the process that began them.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, TypeVar

from .errors import Error

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")
_AHEAD: Final = 3  # pieces of work on the way for each process
_work: Callable[[Any], Any] | None = None


def in_order(
    work: Callable[[_Given], _Found], given: Iterable[_Given], jobs: int
) -> Iterator[_Found]:
    """Yield what ``work`` makes of each item, in order. Raises `Error` when a process dies."""
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(jobs, context, _begin, (work,))
    waiting: deque[Any] = deque()
    try:
        for item in given:
            waiting.append(pool.submit(_call, item))
            if len(waiting) >= jobs * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise Error("a process was killed: is there too little memory? Try --jobs 0") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(work: Callable[[Any], Any]) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work = work


def _call(item: Any) -> Any:
    assert _work is not None
    return _work(item)
