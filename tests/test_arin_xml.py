"""Check the way from ARIN's XML to its text: every value arrives, none becomes anything else."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rirdex.indexer import arin_xml
from rirdex.indexer.arin_text import NET_TYPES
from rirdex.indexer.arin_xml import is_arin_xml, text_of_xml
from rirdex.query.errors import DumpError

WORLD = Path(__file__).parent.parent / "fixtures" / "world"
ROOT = '<bulkwhois xmlns="http://www.arin.net/bulkwhois/core/v1">'
Record = list[tuple[str, str]]
# Everything that XML 1.0 can hold as a character reference or as itself.
TEXT = st.text(
    st.one_of(
        st.sampled_from("\t\n\r\x85\u2028\u2029\xa0:#%+ <>&'\"]é"),
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    ),
    max_size=20,
)
NETS = st.lists(st.tuples(TEXT, TEXT, st.lists(TEXT, max_size=2)), min_size=1, max_size=12)


class Slow:
    """Give a text out in steps of a few bytes."""

    def __init__(self, text: bytes, step: int) -> None:
        self.text, self.step, self.at = text, step, 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``step`` bytes."""
        part = self.text[self.at : self.at + min(size, self.step)]
        self.at += len(part)
        return part


def document(*objects: str, head: str = "") -> bytes:
    return f"{head}{ROOT}\n{''.join(objects)}</bulkwhois>\n".encode()


def text_of(xml: bytes, step: int = 1 << 20, size: int = 1 << 20) -> str:
    stream, parts = text_of_xml(Slow(xml, step)), []
    while part := stream.read(size):
        assert len(part) <= size
        parts.append(part)
    assert stream.read(size) == b""
    return b"".join(parts).decode()


def drain(xml: bytes, step: int, place: str) -> None:
    """Read all of a text, a little at a time."""
    stream = text_of_xml(Slow(xml, step), place)
    while stream.read(100):
        pass


def records(text: str) -> list[Record]:
    """Cut a text like its reader: at empty lines; lines of blanks and empty values are dropped."""
    found = []
    for block in text.strip("\n").split("\n\n"):
        pairs = [line.partition(":") for line in block.split("\n") if line.strip()]
        found.append([(key, value.strip()) for key, _, value in pairs])
    return [record for record in found if record]


def net(handle: str = "NET-10-0-0-0-1", *blocks: tuple[str, str, str], more: str = "") -> str:
    inner = "".join(
        f"<netBlock><cidrLenth>24</cidrLenth><endAddress>{last}</endAddress><type>{kind}</type>"
        f"<startAddress>{first}</startAddress></netBlock>\n"
        for first, last, kind in blocks
    )
    return f"<net>{more}<handle>{handle}</handle><netBlocks>{inner}</netBlocks></net>\n"


BLOCK = ("010.000.000.000", "010.000.000.255", "S")


def values(record: Record, key: str) -> list[str]:
    return [value for name, value in record if name == key]


def cleaned(text: str) -> str:
    """Return what a value becomes: runs of controls and line ends are one blank."""
    out = ""
    for letter in text.replace("\r\n", "\n").strip():
        if ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 or letter in "\u2028\u2029":
            out += "" if out.endswith("\0") else "\0"
        else:
            out += letter
    return out.replace("\0", " ").strip()


def test_the_fixture_gives_the_records_of_the_text_that_belongs_to_it() -> None:
    made = records(text_of((WORLD / "arin_db.xml").read_bytes()))
    wanted = records((WORLD / "arin_db.txt").read_text("utf-8"))
    assert len(made) == len(wanted)
    for one, other in zip(made, wanted, strict=True):
        kept = [(key, value) for key, value in other if value or key == "Comment"]
        assert [pair for pair in one if ":" not in pair[1] or pair[0] != "NetRange"] == [
            pair for pair in kept if ":" not in pair[1] or pair[0] != "NetRange"
        ]


@pytest.mark.parametrize("step", [1, 2, 7, 64, 1000, 1 << 20])
@pytest.mark.parametrize("size", [1, 77, 1 << 20])
def test_the_text_does_not_depend_on_the_sizes_it_was_read_in(step: int, size: int) -> None:
    xml = (WORLD / "arin_db.xml").read_bytes()
    assert text_of(xml, step, size) == text_of(xml)


@example([("", "", []), ("", "", []), ("", " ", []), ("\x7f", "\x85", [" "])], 1 << 20)
@settings(max_examples=150, deadline=None)
@given(NETS, st.sampled_from([1, 13, 200, 1 << 20]))
def test_every_value_arrives_and_none_begins_a_line_or_a_record(
    nets: list[tuple[str, str, list[str]]], step: int
) -> None:
    def body(name: str, org: str, comments: list[str], inner: str = "") -> str:
        lines = "".join(f'<line number="0">{escape(line)}</line>' for line in comments)
        return net(
            "NET-10-0-0-0-1",
            BLOCK,
            more=f"{inner}<comment>{lines}</comment><name>{escape(name)}</name>"
            f"<orgHandle>{escape(org)}</orgHandle>",
        )

    xml = document(*(body(*each) for each in nets))
    text = text_of(xml, step)
    assert text.splitlines() == text.split("\n")[:-1]
    # A comment in each keeps them away from the short cut.
    assert text == text_of(document(*(body(*each, "<!-- -->") for each in nets)), step)
    assert text.count("\n\n") == len(nets)
    for record, (name, org, comments) in zip(records(text), nets, strict=True):
        assert record[0] == ("NetHandle", "NET-10-0-0-0-1")
        assert values(record, "NetName") == [cleaned(name)] * bool(cleaned(name))
        assert values(record, "OrgID") == [cleaned(org)] * bool(cleaned(org))
        assert values(record, "Comment") == [cleaned(comment) for comment in comments]
        assert values(record, "NetRange") == ["10.0.0.0 - 10.0.0.255"]
        assert record[-1] == ("Source", "ARIN")


@pytest.mark.parametrize(
    "evil",
    ["x&#10;&#10;NetHandle: NET-6", "x\n\nOrgID: EVIL", "x&#13;OrgID: EVIL", "x\u2028OrgID: EVIL"],
)
def test_a_value_cannot_inject_a_line_wherever_it_stands(evil: str) -> None:
    xml = document(
        f"<org><handle>{evil}</handle><name>{evil}</name><pocLinks>"
        f'<pocLink function="AD" handle="{evil}"/></pocLinks></org>',
        f"<poc><handle>{evil}</handle><phones><phone><number><phoneNumber>{evil}</phoneNumber>"
        f"</number><type><description>{evil}</description></type></phone></phones></poc>",
        f"<asn><handle>{evil}</handle><startAsNumber>{evil}</startAsNumber></asn>",
        net(evil, (evil, evil, evil), more=f"<registrationDate>{evil}</registrationDate>"),
    )
    found = records(text_of(xml))
    # Whatever has a colon is taken for IPv6.
    kinds = [record[0][0].removeprefix("V6") for record in found]
    assert kinds == ["OrgID", "POCHandle", "ASHandle", "NetHandle"]
    assert not any(key == "OrgID" and value == "EVIL" for each in found for key, value in each)
    assert values(found[1], "OfficePhone")


@pytest.mark.parametrize(("code", "word"), [*NET_TYPES.items(), ("ZZ", "zz")])
def test_a_type_code_becomes_the_word_of_the_text(code: str, word: str) -> None:
    found = records(text_of(document(net("N", ("10.0.0.0", "10.0.0.255", code)))))
    assert values(found[0], "NetType") == [word]


def test_the_codes_are_those_of_arins_template() -> None:
    words = {code: NET_TYPES[code] for code in ("A", "S", "DA", "DS", "IU", "IR", "AR", "RX")}
    assert list(words.values()) == [
        "reallocation", "reassignment", "allocation", "assignment", "assignment", "reserved",
        "rir", "rir",
    ]  # fmt: skip


def spans(*blocks: tuple[str, str, str], more: str = "") -> list[tuple[str, str]]:
    found = records(text_of(document(net("N", *blocks, more=more))))
    assert all(record[0] == ("NetHandle", "N") for record in found)
    return [(values(record, "NetRange")[0], "".join(values(record, "NetType"))) for record in found]


def test_blocks_that_touch_are_one_range_and_others_one_record_each() -> None:
    first = ("010.000.000.000", "010.000.001.255", "S")
    second = ("010.000.002.000", "010.000.002.255", "S")
    apart = ("010.000.009.000", "010.000.009.255", "S")
    other = ("010.000.002.000", "010.000.002.255", "A")
    assert spans(first) == [("10.0.0.0 - 10.0.1.255", "reassignment")]
    assert spans(second, first) == [("10.0.0.0 - 10.0.2.255", "reassignment")]
    assert spans(first, apart) == [
        ("10.0.0.0 - 10.0.1.255", "reassignment"), ("10.0.9.0 - 10.0.9.255", "reassignment"),
    ]  # fmt: skip
    assert spans(first, other) == [
        ("10.0.0.0 - 10.0.1.255", "reassignment"), ("10.0.2.0 - 10.0.2.255", "reallocation"),
    ]  # fmt: skip


def test_a_net_without_whole_blocks_has_the_range_it_names_itself() -> None:
    own = "<endAddress>010.000.003.255</endAddress><startAddress>010.000.000.000</startAddress>"
    assert spans(more=own) == [("10.0.0.0 - 10.0.3.255", "")]
    assert spans(("010.000.000.000", "", "S"), more=own) == [
        ("10.0.0.0 - 10.0.3.255", "reassignment")
    ]
    assert spans(("bad", "10.0.0.1", "S"), ("10.0.0.2", "10.0.0.3", "S")) == [
        ("bad - 10.0.0.1", "reassignment"), ("10.0.0.2 - 10.0.0.3", "reassignment"),
    ]  # fmt: skip


def test_ipv6_nets_have_a_key_of_their_own() -> None:
    block = ("2001:0DB8:0000:0000:0000:0000:0000:0000", "2001:0DB8:FFFF::", "DA")
    record = records(text_of(document(net("NET6-1", block))))[0]
    assert record[0] == ("V6NetHandle", "NET6-1")
    assert values(record, "NetRange") == [f"{block[0]} - {block[1]}"]


def test_customers_are_organisations_and_what_is_unknown_is_left_out() -> None:
    xml = document(
        "<limitExceeded>true</limitExceeded>",
        "<customer><handle>C01234567</handle><customerName>Bakery</customerName></customer>",
        "<org><customer>Y</customer><handle>C01234568</handle><name>Mill</name>stray</org>",
        "<thing><handle>X</handle></thing>",
        "<org><handle>NEXT</handle></org>",
        "<org/>",
    )
    assert records(text_of(xml)) == [
        [("OrgID", "C01234567"), ("OrgName", "Bakery"), ("Source", "ARIN")],
        [("OrgID", "C01234568"), ("OrgName", "Mill"), ("Source", "ARIN")],
        [("OrgID", "NEXT"), ("Source", "ARIN")],
        [("OrgID", ""), ("Source", "ARIN")],
    ]


def test_comments_and_cdata_between_nets_that_look_like_nets_are_none() -> None:
    plain = net("NET-1", BLOCK)
    hidden = net("EVIL", BLOCK)
    xml = document(
        plain, plain, f"<!-- {hidden} -->", plain, f"<junk><![CDATA[{hidden}]]></junk>",
        f"<junk><net>{hidden}</net></junk>", f"<?pi {hidden}?>", plain,
    )  # fmt: skip
    found = records(text_of(xml))
    assert [record[0] for record in found] == [("NetHandle", "NET-1")] * 4


def test_a_document_in_latin_1_is_read_as_such() -> None:
    one = net("N", BLOCK, more="<name>Côte</name>")
    xml = f'<?xml version="1.0" encoding="ISO-8859-1"?>{ROOT}{one}{one}</bulkwhois>'
    found = records(text_of(xml.encode("latin-1")))
    assert [values(record, "NetName") for record in found] == [["Côte"]] * 2


LAUGHS = """<?xml version="1.0"?><!DOCTYPE bulkwhois [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>"""
HOSTILE = {
    "entities": (LAUGHS + ROOT + "<org><name>&b;</name></org></bulkwhois>", "document type"),
    "external": (
        f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>{ROOT}&f;</bulkwhois>',
        "document type",
    ),
    "empty document type": (f"<!DOCTYPE bulkwhois>{ROOT}</bulkwhois>", "document type"),
    "unknown entity": (f"{ROOT}<org><name>&who;</name></org></bulkwhois>", "is damaged"),
    "depth": (ROOT + "<a>" * 5000, "too deep"),
    "other root": ("<html><body></body></html>", "root is 'html'"),
    "other namespace": ('<bulkwhois xmlns="http://x.example/"></bulkwhois>', "root is"),
    "two documents": (f"{ROOT}</bulkwhois>{ROOT}</bulkwhois>", "is damaged"),
    "crossing tags": (f"{ROOT}<net><handle>N</net></handle></bulkwhois>", "is damaged"),
    "no such encoding": (f'<?xml version="1.0" encoding="x-no"?>{ROOT}</bulkwhois>', "is damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_what_is_hostile_or_broken_is_an_error_that_names_the_file(name: str, step: int) -> None:
    xml, reason = HOSTILE[name]
    with pytest.raises(DumpError, match=reason) as caught:
        drain(xml.encode(), step, "dumps/arin_db.xml")
    assert str(caught.value).startswith("dumps/arin_db.xml: ")


def test_an_object_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arin_xml, "LONGEST_OBJECT", 10_000)
    endless = f"{ROOT}<org><name>{'x' * 500_000}".encode()
    with pytest.raises(DumpError, match="never ends"):
        text_of(endless)
    assert len(records(text_of(document(*([net("N", BLOCK)] * 500))))) == 500


@pytest.mark.parametrize("step", [100, 1 << 20])
def test_xml_that_is_cut_off_is_an_error_wherever_it_is_cut(step: int) -> None:
    xml = (WORLD / "arin_db.xml").read_bytes().rstrip()
    for cut in (*range(400), *range(400, len(xml), 211), len(xml) - 1):
        with pytest.raises(DumpError, match="is cut off"):
            drain(xml[:cut], step, "arin_db.xml")


def test_what_was_whole_before_the_cut_is_read_before_the_error() -> None:
    one = net("N", BLOCK).encode()
    stream = text_of_xml(Slow(ROOT.encode() + one * 900, 10_000))
    assert len(stream.read(1 << 20)) > 1000
    assert stream.read(1 << 20).startswith(b"NetHandle:      N\n")


def test_nets_of_one_shape_take_the_short_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    matched = arin_xml._matched

    def counted(*given: Any) -> str:
        taken.append(given)
        return matched(*given)

    monkeypatch.setattr(arin_xml, "_matched", counted)
    few = net("N", BLOCK, more="<parentNetHandle>P</parentNetHandle>")
    xml = document(*[net("N", BLOCK), few] * 50)
    assert len(records(text_of(xml))) == 100
    assert len(taken) == 98


def test_damage_is_told_by_its_place_in_the_whole_text() -> None:
    plain = net("N", BLOCK).encode()
    good = ROOT.encode() + plain * 300
    with pytest.raises(DumpError, match="is damaged") as caught:
        text_of(good + b"<net></org>" + plain)
    assert caught.value.offset is not None
    assert len(good) <= caught.value.offset <= len(good) + 11


def test_bytes_that_are_no_utf_8_are_damage() -> None:
    plain = net("N", BLOCK, more="<name>x</name>").encode()
    bad = plain.replace(b"<name>x", b"<name>\xff")
    with pytest.raises(DumpError, match="is damaged"):
        text_of(ROOT.encode() + plain * 3 + bad + b"</bulkwhois>")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (ROOT, True),
        ("\ufeff<?xml version='1.0'?>\n<!-- 30 April -->\n" + ROOT, True),
        ("<bulkwhois>", True),
        ("<?xml-stylesheet href='x'?><!DOCTYPE bulkwhois [<!ENTITY a 'b'>]>" + ROOT, True),
        ("<bulkwhois xmlns='http://x.example/'>", False),
        ("<bulkwhoisx>", False),
        ("<html>", False),
        ("<?xml version='1.0'", False),
        ("", False),
        ("NetHandle:      NET-10-0-0-0-1\n", False),
        (f"text {ROOT}", False),
    ],
)
def test_arins_xml_is_recognised_by_its_root(head: str, expected: bool) -> None:
    assert is_arin_xml(head.encode()) is expected
