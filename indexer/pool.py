"""Read chunks in worker processes, and give the results back in order.

Each worker has its own pipe; the text of a chunk goes to it through a slot of one shared
anonymous mapping, so that nothing is left behind whatever kills the process. Workers ignore
Ctrl-C and end when their pipe does. With one process chunks are read in place.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import multiprocessing
import signal
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Final, NamedTuple, cast

from rirdex.query.errors import Error

from .batch import Batch
from .rpsl import read_chunk
from .sources import CHUNK

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_SLOTS: Final = 3  # for each worker: one in work, one waiting, one being filled


class Task(NamedTuple):
    """Name a chunk: where it begins in its file's text, its bytes, and the source it is of.

    The source counts for records that name none.
    """

    offset: int
    text: bytes
    source: bytes = b""


class Failed(Error):
    """Say that a worker died or met an error that is no fault of the data."""


_DIED: Final = "a reading process was killed: is there too little memory? Try --jobs 0"


def read_all(tasks: Iterable[Task], dictionary: bytes, workers: int) -> Iterator[Batch]:
    """Read chunks in ``workers`` processes, or in this one when it is 0; yield batches in order."""
    if not workers:
        for task in tasks:
            yield read_chunk(task.text, task.offset, dictionary, task.source)
        return
    context = multiprocessing.get_context("fork")
    memory = mmap.mmap(-1, workers * _SLOTS * CHUNK)
    pipes: list[Connection] = []
    processes = []
    for _ in range(workers):
        here, there = context.Pipe()
        process = context.Process(
            target=_work, args=(there, [*pipes, here], memory, dictionary), daemon=True
        )
        process.start()
        there.close()
        pipes.append(here)
        processes.append(process)
    try:
        yield from _dispatch(tasks, pipes, memory)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.terminate()
            process.join()
        memory.close()


def _dispatch(tasks: Iterable[Task], pipes: list[Connection], memory: mmap.mmap) -> Iterator[Batch]:
    free = [(pipe, slot) for slot in range(_SLOTS) for pipe in range(len(pipes))][::-1]
    waiting = 0
    ready: dict[int, Batch] = {}
    yielded = 0
    for number, task in enumerate(tasks):
        # A text too long for a slot goes through the pipe: only to workers that listen.
        while not free or (waiting and len(task.text) > CHUNK):
            waiting -= _receive(pipes, free, ready)
        pipe, slot = free.pop()
        length = len(task.text)
        at = (pipe * _SLOTS + slot) * CHUNK
        fits = length <= CHUNK
        if fits:
            memory[at : at + length] = task.text
        try:
            text = None if fits else task.text
            pipes[pipe].send((number, slot, at, length, task.offset, task.source, text))
        except OSError:
            raise Failed(_DIED) from None
        waiting += 1
        while yielded in ready:
            yield ready.pop(yielded)
            yielded += 1
    while waiting:
        waiting -= _receive(pipes, free, ready)
        while yielded in ready:
            yield ready.pop(yielded)
            yielded += 1


def _receive(pipes: list[Connection], free: list[tuple[int, int]], ready: dict[int, Batch]) -> int:
    """Take in what workers have finished; return how many chunks that were."""
    count = 0
    for pipe in cast(list[Connection], wait(pipes)):
        try:
            number, slot, batch, fault = pipe.recv()
        except (EOFError, OSError):
            raise Failed(_DIED) from None
        if fault:
            raise Failed(fault)
        ready[number] = batch
        free.insert(0, (pipes.index(pipe), slot))
        count += 1
    return count


def keep_freed_memory(largest: int) -> None:
    """Tell glibc to keep freed memory, up to pieces of ``largest`` bytes, for the next chunk.

    A chunk's arrays are megabytes each; fetching their pages again for every chunk took a
    quarter of the readers' time. Elsewhere than on glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_MMAP_THRESHOLD, largest)
        allocator.mallopt(_TRIM_THRESHOLD, 8 * largest)


def give_back_memory() -> None:
    """Tell glibc to give back the memory that was freed; on other systems do nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _work(pipe: Connection, others: list[Connection], memory: mmap.mmap, dictionary: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory(128 << 20)
    for other in others:
        other.close()
    while True:
        try:
            number, slot, at, length, offset, source, text = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            chunk = memory[at : at + length] if text is None else text
            pipe.send((number, slot, read_chunk(chunk, offset, dictionary, source), ""))
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception:
            pipe.send((number, slot, None, traceback.format_exc()))
