"""Split one object's raw text into attributes, for showing and for the values without a column.

The same lexical rules as the indexer's scan, one object at a time.
"""

from __future__ import annotations

from typing import Final

# What a remark says of a lease: not the line that is leased to reach a net.
LEASE_WORD: Final = (
    r"(?<!dhcp )\b(?:ip[ -]?)?leas(?:e|ed|es|ing)\b(?![ -]*(?:lines?|circuits?|links?|time))"
)
GEOFEED_URL: Final = r"\bgeofeed:?\s+(https?://\S+)"


def is_name(text: str) -> bool:
    """Say whether a text can be somebody's name: it has a letter or digit and is no certificate."""
    return not text.startswith("-----BEGIN ") and any(map(str.isalnum, text))


def decode(value: bytes) -> str:
    """Decode one value or line: strict UTF-8, else latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


_BLANKS = bytes(range(33))


def attributes(raw: bytes) -> list[tuple[str, str]]:
    """Return an object's attributes in order, names in lower case, continuations joined."""
    found: list[tuple[str, list[bytes]]] = []
    for line in raw.split(b"\n"):
        line = line.removesuffix(b"\r")
        if not line or line[:1] in b"#%":
            continue
        if line[:1] in b" \t+":
            if found:
                found[-1][1].append(line[1:])
            continue
        name, _, value = line.partition(b":")
        found.append((decode(name).lower(), [value]))
    return [(name, _joined(parts)) for name, parts in found]


def _joined(parts: list[bytes]) -> str:
    return decode(b" ".join(part for part in (p.strip(_BLANKS) for p in parts) if part))


def text_of(raw: bytes) -> str:
    """Return an object's raw text, decoded line by line."""
    return "\n".join(decode(line.removesuffix(b"\r")) for line in raw.split(b"\n"))


def lines_of(raw: bytes, names: tuple[str, ...]) -> list[str]:
    """Return the lines of some attributes in order, continuations as lines of their own."""
    found = []
    wanted = False
    for line in raw.split(b"\n"):
        if not line or line[:1] in b"#%":
            continue
        value = line[1:]
        if line[:1] not in b" \t+":
            name, _, value = line.partition(b":")
            wanted = name.lower().decode("latin-1") in names
        if wanted:
            found.append(decode(value.strip(_BLANKS)))
    return found
