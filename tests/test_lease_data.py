"""Hold verdicts against 23,629 published leases, and against routes that leave none of them.

`RIRDEX_REAL_DATA` names the folder with the data; without it these tests are skipped. The leases
are those that "Sublet Your Subnet" (IMC 2024) inferred: agreement with a published inference is
not truth. The negatives are made of the same dumps: routes are replaced so that nothing is left
that shows a lease. Every figure stands in a message; `pytest -s` prints them all.
"""

from __future__ import annotations

import csv
import gzip
import ipaddress
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import lease_method
import pytest

from rirdex.indexer.build import build
from rirdex.query import Index, layout, open_index
from rirdex.query.leases import answer_of
from rirdex.query.names import normal
from rirdex.query.verdicts import judged as judged_piece

DATA: Final = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent") / "leases"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps"
)

Key = tuple[str, str, str]  # registry, prefix, object
Routes = Mapping[lease_method.Prefix, frozenset[int]]
LEASED: Final = ("leased", "likely-leased")
# What the table lets win over related origins, and so is no negative.
FACILITATOR: Final = frozenset(
    {"facilitator-maintainer", "facilitator-organisation", "facilitator-contact"}
)
STRONG: Final = FACILITATOR | {"lease-remark"}
SIGNS: Final = frozenset(layout.SIGNS)
# Rules that may make a verdict other than the method's `leased`.
NOT_LEASED: Final = frozenset({"origin-related"})
LESS_SURE: Final = frozenset(
    {"holder-without-as", "same-party", "origin-service", "origin-of-user"}
)
ROWS: Final = 23_629
NEW_AS: Final = 1_000_000  # AS numbers from here on are given to nobody


class Row(NamedTuple):
    """Hold a published lease, and what the method says of it from the dumps.

    ``system`` is an AS number of the holder, None where it has none that is registered once.
    """

    key: Key
    address: int
    block: str
    holder: str
    group: int
    has_as: bool
    system: int | None
    said: lease_method.Inferred


class Told(NamedTuple):
    """Hold what an index says of a row: verdict, confidence, rules, and how it is announced."""

    verdict: str
    confidence: str | None
    rules: frozenset[str]
    holder: str
    own: bool  # the net bears the holder's identity
    group: int


World = dict[Key, Told]


# -- the rows, and worlds made of them ---------------------------------------------------------


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Return the published rows, each with what the method says."""
    said = lease_method.infer_all(DATA)
    once = {
        registry: lease_method.registered_once(registry, DATA / name)
        for registry, name in lease_method.FILES.items()
    }
    with gzip.open(DATA / "expected.tsv.gz", "rt", encoding="utf-8") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    return [
        Row(
            (row["registry"], row["prefix"], row["object"]),
            int(ipaddress.IPv4Network(row["prefix"])[0]),
            row["holder_block"],
            row["holder"],
            int(row["group"]),
            bool(row["holder_asns"]),
            min(said[row["registry"], row["prefix"]].systems & once[row["registry"]], default=None),
            said[row["registry"], row["prefix"]],
        )
        for row in found
    ]


@pytest.fixture(scope="module")
def routes() -> Routes:
    return lease_method.read_routes(DATA / "routes.pfx2as.gz")


def judged(folder: Path, rows: Iterable[Row], routes: Routes | None, **files: str) -> World:
    """Build an index with some routes and files of evidence, and ask it for every row."""
    folder.mkdir()
    (folder / "desk").mkdir()
    given: dict[str, Any] = {name: [_written(folder / name, text)] for name, text in files.items()}
    if routes is not None:
        lines = (
            f"{ipaddress.IPv4Address(first)}\t{length}\t{'_'.join(map(str, sorted(origins)))}\n"
            for (first, length), origins in sorted(routes.items())
        )
        given["routes"] = [_written(folder / "routes", "".join(lines))]
    sources = [str(DATA / name) for name in lease_method.FILES.values()]
    target = folder / "leases.rirdex"
    build(sources, str(target), desk=str(folder / "desk"), **given)
    with open_index(target) as index:
        return {row.key: ask(index, row) for row in rows}


def _written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def ask(index: Index, row: Row) -> Told:
    """Ask an index for the first address of a row's prefix, and for routes of just its blocks."""
    answer = index.lookup(row.address)
    lease = answer.lease
    fired = judged_piece(answer.tables, answer.chain[-1]._piece).bits
    rules = frozenset(rule for k, rule in enumerate(layout.LEASE_RULES) if fired >> k & 1)
    first, length = row.said.root
    root = f"{ipaddress.IPv4Address(first)}/{length}"
    leaf_seen = index.lookup(row.key[1]).route == row.key[1]
    root_seen = index.lookup(root).route == root
    group = 1 + (2 if leaf_seen else 0) + (1 if root_seen else 0)
    holder = answer.holder.name if answer.holder else None
    return Told(lease.verdict, lease.confidence, rules, holder or "", answer.user is None, group)


@pytest.fixture(scope="module")
def worlds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], routes: Routes
) -> dict[str, World]:
    """Return what is told of every row: with its routes, and in five worlds without leases.

    LACNIC's part of the data, which is rebuilt, has 36 AS numbers under several holders each.
    A dump has one object of an AS, so those are not used to replace origins.
    """
    base = tmp_path_factory.mktemp("worlds")
    systems = sorted({row.system for row in rows if row.system is not None})
    heirs = {asn: NEW_AS + k for k, asn in enumerate(systems)}

    def replaced(by: Callable[[int], int]) -> Routes:
        """Announce the rows' prefixes by an AS number made of one of the holder's."""
        changed = dict(routes)
        for row in rows:
            if row.system is not None:
                prefix = (row.address, int(row.key[1].partition("/")[2]))
                changed[prefix] = frozenset({by(row.system)})
        return changed

    blocks = {row.said.root for row in rows}
    owners = {row.said.root: row.said.systems for row in rows}
    only = {block: owners[block] or frozenset({NEW_AS}) for block in blocks}
    return {
        "published": judged(base / "published", rows, routes),
        "own-as": judged(base / "own", rows, replaced(lambda asn: asn)),
        "sibling": judged(
            base / "sibling", rows, replaced(heirs.__getitem__), as_orgs=as2org(heirs)
        ),
        "customer": judged(
            base / "customer", rows, replaced(heirs.__getitem__), relationships=as_rel(heirs)
        ),
        "block-only": judged(base / "block", rows, only),
        "no-routes": judged(base / "none", rows, None),
    }


def as2org(siblings: Mapping[int, int]) -> str:
    """Return an as2org file in which each AS number has a sibling."""
    orgs = "".join(f"ORG-{asn}|20240401|Organisation {asn}|ZZ|TEST\n" for asn in siblings)
    systems = "".join(
        f"{number}|20240401|AS-{number}|ORG-{asn}|opaque|TEST\n"
        for asn, other in siblings.items()
        for number in (asn, other)
    )
    return (
        f"# format:org_id|changed|org_name|country|source\n{orgs}"
        f"# format:aut|changed|aut_name|org_id|opaque_id|source\n{systems}"
    )


def as_rel(customers: Mapping[int, int]) -> str:
    """Return an as-rel file in which each AS number has a customer."""
    return "".join(f"{asn}|{other}|-1\n" for asn, other in customers.items())


# -- the conditions ----------------------------------------------------------------------------


def violated(
    rows: Iterable[Row], worlds: Mapping[str, World], shown: bool = False
) -> dict[str, str]:
    """Return the conditions that verdicts break, each with its figures. Pure."""
    rows = list(rows)
    figures: dict[str, tuple[bool, str]] = {}

    def condition(name: str, right: bool, count: int, of: int) -> None:
        share = f"{count} of {of} rows ({100 * count / max(of, 1):.3f} %)"
        figures[name] = right and of > 0, share

    told = worlds["published"]
    some = sum(told[row.key].verdict in LEASED for row in rows)
    condition("published: leased or likely", some >= 0.99 * len(rows), some, len(rows))
    known = [row for row in rows if row.has_as]
    sure = sum(told[row.key].verdict == "leased" for row in known)
    condition("published: leased where the holder has an AS", sure >= 0.9 * len(known), sure,
              len(known))  # fmt: skip
    plain = [row for row in rows if not told[row.key].rules & FACILITATOR]
    for name in ("own-as", "sibling", "customer"):
        asked = [row for row in plain if row.system is not None]
        wrong = sum(worlds[name][row.key].verdict in LEASED for row in asked)
        condition(f"{name}: none leased", wrong <= 0.001 * len(asked), wrong, len(asked))
    # Registration evidence, the word lease, may speak where only the holder's block is announced.
    plain = [row for row in plain if "lease-remark" not in told[row.key].rules]
    wrong = 0
    for row in plain:
        seen = worlds["block-only"][row.key]
        wrong += seen.verdict != ("own-use" if seen.own else "customer")
    condition("block-only: customer or own use", wrong == 0, wrong, len(plain))
    bare = worlds["no-routes"]
    wrong = sum(bare[row.key].verdict == "leased" for row in rows)
    condition("no-routes: none leased", wrong == 0, wrong, len(rows))
    wrong = sum(
        bare[row.key].verdict == "likely-leased" and not registered(bare[row.key].rules)
        for row in rows
    )
    condition("no-routes: likely only by registration", wrong == 0, wrong, len(rows))
    for name, (_, share) in figures.items():
        if shown:
            print(f"{name}: {share}")
    return {name: share for name, (right, share) in figures.items() if not right}


def registered(rules: frozenset[str]) -> bool:
    """Say whether rules are registration evidence: a strong one, or two signs."""
    return bool(rules & STRONG) or len(rules & SIGNS) > 1


def test_the_verdicts_keep_every_condition(rows: list[Row], worlds: dict[str, World]) -> None:
    assert len(rows) == ROWS
    assert violated(rows, worlds, shown=True) == {}


@pytest.mark.parametrize("verdict", layout.VERDICTS)
def test_a_constant_verdict_breaks_a_condition(
    verdict: str, rows: list[Row], worlds: dict[str, World]
) -> None:
    constant = {
        name: {key: told._replace(verdict=verdict) for key, told in world.items()}
        for name, world in worlds.items()
    }
    assert violated(rows, constant)


def test_every_condition_is_broken_by_a_constant_verdict(
    rows: list[Row], worlds: dict[str, World]
) -> None:
    broken = set()
    for verdict in layout.VERDICTS:
        constant = {
            name: {key: told._replace(verdict=verdict) for key, told in world.items()}
            for name, world in worlds.items()
        }
        broken |= set(violated(rows, constant))
    assert len(broken) == 8


# -- beside the method -------------------------------------------------------------------------


def test_the_method_gives_each_row_its_published_group(rows: list[Row]) -> None:
    assert Counter(row.group for row in rows) == Counter(row.said.group for row in rows)
    assert [row.key for row in rows if row.said.group != row.group or not row.said.leased] == []


def test_an_index_tells_the_groups_of_the_method(rows: list[Row], worlds: dict[str, World]) -> None:
    for name in ("published", "no-routes"):
        told = worlds[name]
        expected = {row.key: row.said.group if name == "published" else 1 for row in rows}
        assert {key: seen.group for key, seen in told.items()} == expected


def test_holders_have_the_names_of_the_rows(rows: list[Row], worlds: dict[str, World]) -> None:
    """The rows are without the quotes of the dumps, and give LACNIC's holders no name."""
    named = [row for row in rows if row.holder]
    wrong = [
        (row.key, row.holder, worlds["published"][row.key].holder)
        for row in named
        if _plain(row.holder) != _plain(worlds["published"][row.key].holder)
    ]
    print(f"holders named right: {len(named) - len(wrong)} of {len(named)}")
    assert not wrong, f"{len(wrong)} of {len(named)}: {wrong[:5]}"
    assert len(named) == ROWS - 367


def _plain(name: str) -> str:
    return " ".join(name.replace('"', "").split())


def test_a_rule_says_why_a_verdict_is_not_the_methods(
    rows: list[Row], worlds: dict[str, World]
) -> None:
    counts: Counter[tuple[str, str | None, str]] = Counter()
    for row in rows:
        told = worlds["published"][row.key]
        if told.verdict == "leased":
            continue
        wanted = LESS_SURE if told.verdict == "likely-leased" else NOT_LEASED
        assert told.rules & wanted, (row.key, told)
        counts[told.verdict, told.confidence, " ".join(sorted(told.rules & wanted))] += 1
    for (verdict, confidence, rules), count in counts.most_common():
        print(f"{verdict}, {confidence}, not leased as the method has it: {count} by {rules}")


def test_only_related_origins_deny_a_lease(rows: list[Row], worlds: dict[str, World]) -> None:
    """Hold rules about origins against the method's facts.

    The method counts an AS number of the holder itself as unrelated where its owner is not known,
    and knows nothing of companies that have another handle for their AS numbers.
    """
    of_name: dict[str, set[int]] = {}
    for row in rows:
        if row.holder:
            of_name.setdefault(normal(row.said.holder), set()).update(row.said.systems)
    denied = by_name = 0
    for row in rows:
        said, told = row.said, worlds["published"][row.key]
        at_root = row.key[1] != row.block and said.origins & said.root_origins
        own = bool(said.origins & said.systems or at_root)
        named = not said.origins.isdisjoint(of_name.get(normal(said.holder), ()))
        assert ("origin-related" in told.rules) == (own or named), (row.key, told)
        assert ("origin-unrelated" in told.rules) != (own or named), (row.key, told)
        denied += told.verdict not in LEASED
        by_name += named and not own
    print(f"not leased: {denied} rows, {by_name} of them by the holder's name alone")


def test_the_evidence_names_the_route_that_decided(tmp_path: Path) -> None:
    sources = [str(DATA / name) for name in lease_method.FILES.values()]
    target = str(tmp_path / "leases.rirdex")
    build(sources, target, routes=[str(DATA / "routes.pfx2as.gz")])
    wrong, asked = [], 0
    with open_index(target) as index:
        for number in range(0, len(index), 5):
            net = index.net(number)
            answer = answer_of(index, net)
            told = {item["rule"]: item for item in answer.lease.evidence}
            item = told.get("origin-unrelated")
            if item is None or net.family == 6:
                continue
            asked += 1
            how = judged_piece(index._tables, number).how
            route = ipaddress.ip_network(item["object"] or "::/0")
            first, last = net.bounds
            inside = first <= int(route[0]) and int(route[-1]) <= last
            if "by AS" not in item["detail"] or inside != (how != "covering"):
                wrong.append((answer.query, how, item))
    assert asked > 4000
    assert not wrong, f"{len(wrong)} of {asked}: {wrong[:5]}"
