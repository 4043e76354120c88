"""Read dotted quads out of a text for a million addresses at once (NumPy).

What counts as an address is what `inet_pton` takes: four decimal numbers from 0 to 255 without
leading zeros, which some programs would read as octal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def read_quads(text: NDArray[np.uint8], start: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Read the dotted quad that begins at each offset.

    Returns the address (int64), the offset behind it, and whether there was one; all of shape
    (n,). The text needs at least 16 bytes behind the last offset. What follows a quad is not
    looked at, but a digit behind its last number is an error.
    """
    at = start.copy()
    value = np.zeros(len(at), np.int64)
    good = np.ones(len(at), bool)
    for part in range(4):
        one = text[at] - np.uint8(48)
        two = text[at + 1] - np.uint8(48)
        three = text[at + 2] - np.uint8(48)
        second = two < 10
        third = second & (three < 10)
        number = one.astype(np.int64)
        number = np.where(second, number * 10 + two, number)
        number = np.where(third, number * 10 + three, number)
        good &= (one < 10) & (number < 256) & ~(second & (one == 0))
        at = at + 1 + second + third
        value = value * 256 + number
        if part < 3:
            good &= text[at] == 46
            at = at + 1
    good &= (text[at] - np.uint8(48)) > 9
    return value, at, good


def write_quads(addresses: NDArray[np.uint32]) -> list[bytes]:
    """Return IPv4 addresses as dotted quads."""
    parts = [(addresses >> np.uint32(k) & np.uint32(255)).tolist() for k in (24, 16, 8, 0)]
    return [b"%d.%d.%d.%d" % quad for quad in zip(*parts, strict=True)]
