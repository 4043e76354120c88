"""Turn ARIN's bulk XML into its bulk text, as it streams, for the ordinary reader of that text.

One object is held at a time: the texts of its leaves, by path. Nothing of the XML reaches the text
but values on lines of their own, cleaned of control characters, so a value can neither begin an
attribute nor a record. `arin_text` writes the records.

What ARIN's XML never has and an attack would need is refused: a document type (and with it every
entity), depth, endless objects.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn
from xml.parsers import expat

from rirdex.query.errors import DumpError

from .arin_text import BLOCK, GROUPS, NET_PATHS, RECORDS, Found, Links, net
from .sources import LONGEST_OBJECT, Readable

_NAMESPACE: Final = "http://www.arin.net/bulkwhois/core/"
_PIECE: Final = 1 << 18
_LONGEST_REST: Final = 1 << 16  # of a net that is not all there
_DEEPEST: Final = 12  # ARIN's XML is 5 deep
_MOST_SHAPES: Final = 8
_TRIES: Final = 256  # at finding a shape, which costs ten times as much as a net
_NET_END: Final = b"</net>"
_BLOCK: Final = "/netBlocks/netBlock/"
_EARLY: Final = (3, 5, 6)  # expat: no element found, unclosed token, partial character
_TOKEN = re.compile(
    rb"<(?P<close>/?)(?P<name>[A-Za-z][\w.-]*)(?: number=\"\d+\")?(?P<empty>/?)>[^<&]*"
)
_VALUE: Final = rb"[^<&\0-\x08\x0b\x0c\x0e-\x1f]*"
_PROLOG: Final = (
    (b"<?", b"?>"), (b"<!--", b"-->"), (b"<!DOCTYPE", b">"), (b"<!", b">"), (b"]", b">"),
)  # fmt: skip
_ROOT = re.compile(rb"<bulkwhois(?:\s[^>]*)?/?>")
# What str.splitlines takes for line ends is among these.
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]+")


def is_arin_xml(head: bytes) -> bool:
    """Say whether a file that begins so is ARIN's bulk XML: by its root element.

    One with a document type is, too, so that reading it can refuse it.
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while found := next((ends for ends in _PROLOG if text.startswith(ends[0])), None):
        text = text.partition(found[1])[2].lstrip()
    root = _ROOT.match(text)
    return root is not None and (b"xmlns" not in root[0] or _NAMESPACE.encode() in root[0])


def text_of_xml(source: Readable, place: str = "arin_db.xml") -> Readable:
    """Return the bulk text (UTF-8) of an XML stream, to be read like a file.

    ``place`` is what errors call the source. Reading raises `DumpError` where the XML ends early,
    is damaged or hostile; what came before has been read by then.
    """
    return _Text(source, place)


class _Text:
    """Hold an XML stream, its parser and the text that is ready.

    Nets that have the tags of one before them are matched whole and never reach the parser, which
    costs more than twice as much. It is fed all the rest, in order; that a net was the last it saw
    and ended is known by its end coming from the very last byte.
    """

    def __init__(self, source: Readable, place: str) -> None:
        self._source = source
        self._place = place
        self._records: list[str] = []
        self._marks = _Marks()
        self._parser: expat.XMLParserType | None = _parser(place, self._records, self._marks)
        self._shapes: list[_Shape] = []
        self._tries = _TRIES
        self._between = False  # the parser stands behind a net
        self._rest = b""
        self._ready = b""
        self._at = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes of text, b"" at the end."""
        while self._at >= len(self._ready) and self._parser is not None:
            piece = self._source.read(_PIECE)
            self._feed(self._parser, piece)
            self._ready, self._at = "".join(self._records).encode(), 0
            self._records.clear()
            if not piece:
                self._parser = None
        part = self._ready[self._at : self._at + size]
        self._at += len(part)
        return part

    def _feed(self, parser: expat.XMLParserType, piece: bytes) -> None:
        """Take a piece, b"" for the end: match nets, let the parser see what is none."""
        data, at = self._rest + piece, 0
        self._rest = b""
        while True:
            if self._between:
                begin, at = at, self._match(data, at)
                self._marks.skipped += at - begin
            stop = data.find(_NET_END, at) + len(_NET_END)
            if stop < len(_NET_END):
                break
            self._parse(parser, data[at:stop], False)
            behind = self._marks.seen - len(_NET_END)
            self._between = self._marks.plain and self._marks.end == behind
            if self._between and len(self._shapes) < _MOST_SHAPES and self._tries:
                self._tries -= 1
                shape = _shape(data[data.rfind(b"<net>", at, stop) : stop])
                self._shapes += [shape] if shape else []
            at = stop
        if piece and self._between and len(data) - at < _LONGEST_REST:
            self._rest = data[at:]
        else:
            self._between = False
            self._parse(parser, data[at:], not piece)

    def _match(self, data: bytes, at: int) -> int:
        """Append the records of the nets from ``at`` on that have a known shape; return the end."""
        shapes, records = self._shapes, self._records
        while True:
            for shape in shapes:
                match = shape.pattern.match(data, at)
                if match and (record := _matched(shape, match)):
                    records.append(record)
                    at = match.end()
                    break
            else:
                return at
            if shape is not shapes[0]:
                shapes.remove(shape)
                shapes.insert(0, shape)

    def _parse(self, parser: expat.XMLParserType, piece: bytes, last: bool) -> None:
        """Parse a piece; name what is wrong with it."""
        marks = self._marks
        marks.seen += len(piece)
        try:
            parser.Parse(piece, last)
        except expat.ExpatError as error:
            reason = f"is damaged: {expat.ErrorString(error.code)}"
            if last and error.code in _EARLY:
                reason = "is cut off: the XML ends early"
            offset = parser.ErrorByteIndex + marks.skipped
            raise DumpError(self._place, f"{reason}, download it again", offset) from None
        except (ValueError, LookupError) as error:  # an encoding that Python does not know
            raise DumpError(self._place, f"is damaged: {error}, download it again") from None
        if marks.seen - marks.end > LONGEST_OBJECT:
            where = marks.end + marks.skipped
            raise DumpError(self._place, "is no bulk XML: an object never ends", where)


class _Marks:
    """Count bytes: given to the parser, passed over; the parser tells where an object ended."""

    def __init__(self) -> None:
        self.seen = self.skipped = self.end = 0
        self.plain = True  # UTF-8 or ASCII


class _Shape(NamedTuple):
    """Hold the pattern of nets with certain tags, and the paths of its groups, as `net` wants them.

    ``repeats`` says that a path may be there more than once, or empty.
    """

    pattern: re.Pattern[bytes]
    paths: list[str]
    repeats: bool


def _shape(sample: bytes) -> _Shape | None:
    """Return the pattern of all nets that have the tags of one, None where that is not worth it.

    Values hold no `<` and no `&`, so what matches is well-formed, and is a net like this one.
    """
    parts: list[bytes] = []
    path: list[str] = []
    paths = []
    end = 0
    for token in _TOKEN.finditer(sample):
        closing, tag, empty = token.groups()
        name = tag.decode()
        if token.start() != end or len(parts) > 300 or name in ("pocLink", "phone"):
            return None
        end = token.end()
        parts.append(re.escape(token[0][: token[0].index(b">") + 1]))
        if closing:
            path.pop()
        elif not empty:
            path.append(name)
        leaf = not closing and not empty and sample.startswith(b"</", end)
        key = "".join(f"/{part}" for part in path[1:])
        used = leaf and key in NET_PATHS
        parts.append(b"(" + _VALUE + b")" if used else _VALUE if leaf else rb"\s*")
        paths += [key] if used else []
    if end != len(sample) or path or paths.count(f"{_BLOCK}type") != 1:
        return None
    paths = [path.removeprefix(_BLOCK) for path in paths]
    repeats = len(set(paths)) < len(paths) or "/comment/line" in paths
    pattern = re.compile(rb"\s*" + b"".join(parts))
    return _Shape(pattern, paths, repeats) if set(BLOCK) <= set(paths) else None


def _matched(shape: _Shape, match: re.Match[bytes]) -> str:
    """Return the record of a net, "" where the parser had better see it."""
    joined = b"<".join(match.groups())
    try:
        text = joined.decode()
    except UnicodeDecodeError:
        return ""
    if b"]]>" in joined:
        return ""
    values = text.split("<")
    if not text.isprintable():
        values = [_clean(value) for value in values]
    if shape.repeats:
        found: Found = {}
        for path, value in zip(shape.paths, values, strict=True):
            if (value := value.strip()) or path[0] != "/" or path.endswith("/line"):
                found.setdefault(path, []).append(value)
    else:
        pairs = zip(shape.paths, values, strict=True)
        found = {path: [kept] for path, value in pairs if (kept := value.strip()) or path[0] != "/"}
    return net(found, [])


def _parser(place: str, records: list[str], marks: _Marks) -> expat.XMLParserType:
    """Return a parser that appends records, and marks where an object ends.

    The handlers are closures: 20 elements a net make them the price of a net.
    """
    parser = expat.ParserCreate()
    path: list[str] = []
    parts: list[str] = []
    found: Found = {}
    links: Links = []

    def refuse(*_: object) -> NoReturn:
        reason = "is refused: its XML has a document type, which ARIN's never has"
        raise DumpError(place, reason, parser.CurrentByteIndex)

    def declared(_: str, encoding: str | None, __: int) -> None:
        marks.plain = (encoding or "utf-8").lower() in ("utf-8", "us-ascii")

    def start(tag: str, attributes: dict[str, str]) -> None:
        parts.clear()
        depth = len(path)
        if depth > 2:
            if depth > _DEEPEST:
                where = parser.CurrentByteIndex + marks.skipped
                raise DumpError(place, "is no bulk XML: too deep", where)
            path.append(f"{path[-1]}/{tag}")
            if tag == "pocLink":
                handle = _clean(attributes.get("handle", ""))
                links.append((attributes.get("function", ""), handle))
        elif depth == 2:
            path.append(f"/{tag}")
        else:
            path.append(tag)
            if not depth and not _is_root(tag, attributes):
                raise DumpError(place, f"is no bulk XML: its root is {_clean(tag)!r}", 0)

    def end(tag: str) -> None:
        key = path.pop()
        text = "".join(parts).strip()
        if text and not text.isprintable():
            text = _clean(text)
        parts.clear()
        if len(path) == 1:
            if key in RECORDS:
                records.append(RECORDS[key](found, links))
            found.clear()
            links.clear()
            marks.end = parser.CurrentByteIndex
        elif key in GROUPS:
            GROUPS[key](found)
        elif text or tag == "line":
            if key in found:
                found[key].append(text)
            else:
                found[key] = [text]

    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.XmlDeclHandler = declared
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = parts.append
    return parser


def _is_root(tag: str, attributes: dict[str, str]) -> bool:
    space = attributes.get("xmlns", _NAMESPACE)
    return tag == "bulkwhois" and space.startswith(_NAMESPACE)


def _clean(text: str) -> str:
    """Return a value in which control characters and line ends of any kind are one blank."""
    return _CONTROLS.sub(" ", text).strip()
