"""Turn the rows of a build into the tables of an index, in the order of `layout`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from . import contacts, nets, roles, sorted_tables
from .announcing import Family
from .batch import DISOWNED, NARROW, OF_REGISTRY
from .evidence import Answering, Bounds, Evidence, as_names, upstreams
from .identity import Identity, Known, identify
from .intern import Dictionary, chained, narrowed
from .leasing import judge
from .nets import Claims
from .registered import Subject
from .roles import Facts
from .rows import NATIONAL, Rows, other_objects
from .scan import Ints

Array = NDArray[Any]
Put = Callable[[str, Array | bytearray], None]
_DAY = 86400
_TOP = np.uint64(2**64 - 1)


class Assembled(NamedTuple):
    """Hold the arrays by table name that are not written yet, and the rows of sorted databases.

    ``nets`` and ``objects`` are the rows (of `Rows`) that were kept, in the order of their ids.
    """

    arrays: dict[str, Array]
    inverse: dict[str, Future[list[tuple[bytes, bytes]]]]
    nets: Ints
    objects: Ints
    nets4: int
    strides: tuple[int, ...]
    coverage: list[dict[str, Any]]


def assemble(
    rows: Rows, pool: Executor, put: Put, stated: Claims, iana: Claims, evidence: Evidence
) -> Assembled:
    """Build every table but the raw texts.

    ``pool`` has one thread, which works beside: it hashes names, hands what is ready to ``put``,
    in a fixed order, and builds the sorted databases. ``stated`` and ``iana`` say which registry is
    responsible where.
    """
    objects = other_objects(rows)
    org_object = _org_objects(rows, objects)
    known = Known(evidence.fingerprints)
    names = pool.submit(identify, rows, objects, org_object, known)
    facts = _facts(rows)
    held = org_object >= 0
    own = np.zeros(len(org_object), bool)
    own[held] = (rows.flags[objects[org_object[held]]] & OF_REGISTRY) > 0
    orgs = rows.words["org"]
    own |= [orgs[k].decode() in roles.REGISTRY_ORGS for k in range(len(orgs))]
    kind = roles.classify(facts, rows.words, own, held)
    placeholder = roles.placeholders(facts, rows.words["netname"], rows.words["mnt_by"])
    families = nets.order(rows, kind, stated, iana)
    net_rows = np.concatenate([family.row for family in families])
    rs = roles.rs_maintained(facts, rows.words)
    identity = names.result()
    parties = roles.Parties(
        facts.org,
        identity.name,
        identity.country,
        facts.mnt_by,
        rs,
        held[facts.org],
        rows.words["mnt_by"],
    )
    del facts
    written = pool.submit(_put_columns, rows, net_rows, objects, org_object, put)
    inverse = _inverse(rows, net_rows, objects, pool)
    built = nets.build(rows, families, parties, kind, placeholder)
    told = contacts.resolve(
        rows, net_rows, objects, org_object, built.parents, kind, placeholder, rs
    )
    inverse["contact"] = pool.submit(_of_contacts, told)
    judged = _judged(rows, net_rows, objects, kind, identity, known, built, told, evidence)
    judged |= as_names(evidence) | upstreams(evidence)
    written.result()
    put("text.mail", told.texts.text)
    put("text.mail.at", told.texts.at)
    return Assembled(
        built.tables | told.tables | judged,
        inverse,
        net_rows,
        objects,
        len(families[0].row),
        built.strides,
        _coverage(rows, families, built.counts, kind, placeholder, held, told.tables),
    )


def _judged(
    rows: Rows, net_rows: Ints, objects: Ints, kind: NDArray[np.int8], identity: Identity,
    known: Known, built: nets.Nets, told: contacts.Contacts, evidence: Evidence,
) -> dict[str, Array]:  # fmt: skip
    """Return the tables of verdicts."""
    tables = built.tables
    narrow = Bounds(tables["net.first4"].astype(np.int64), tables["net.last4"].astype(np.int64))
    wide = Bounds(*(_joined(tables, f"net.{name}6") for name in ("first", "last")))
    answering = (
        Answering(*built.answers),
        Answering(_joined(tables, "trie6"), tables["trie6.piece"]),
    )
    subject = Subject(
        rows, net_rows, objects, kind, built.pieces, tables["piece.above"], built.holder,
        tables["piece.role"], narrow.first, narrow.last, identity, told, known,
    )  # fmt: skip
    families = [Family(*pair) for pair in zip((narrow, wide), answering, strict=True)]
    return judge(subject, families, evidence)


def _joined(tables: dict[str, Array], name: str) -> Array:
    """Return IPv6 addresses as (n, 2), high and low."""
    return np.stack([tables[f"{name}.hi"], tables[f"{name}.lo"]], axis=1)


def _coverage(
    rows: Rows, families: list[nets.Family], counts: list[tuple[str, int, int, int]],
    kind: NDArray[np.int8], placeholder: NDArray[np.bool_], held: NDArray[np.bool_],
    told: dict[str, Array],
) -> list[dict[str, Any]]:  # fmt: skip
    """Say for each registry and family how many nets name a party, how, and have a mailbox."""
    reached = told["contact.mail"][told["net.contact"] & np.uint32(layout.RESULT_BITS)] > 0
    narrow = len(families[0].row)
    found = []
    for registry, number, count, addresses in counts:
        row, mail = (
            (families[0].row, reached[:narrow]) if number == 4
            else (families[1].row, reached[narrow:])
        )  # fmt: skip
        mine = rows.registry[row] == rows.registries.index(registry)
        mine &= ~placeholder[row] & (kind[row] != roles.REG)
        row = row[mine]
        org = rows.code("org")[row]
        named = (rows.code("descr")[row] > 0) | held[org]
        found.append({
            "registry": registry, "family": number, "nets": count, "addresses": addresses,
            "named": int(named.sum()), "organisation": int((org > 0).sum()),
            "contact": int(mail[mine].sum()),
        })  # fmt: skip
    return found


def _put_columns(rows: Rows, net_rows: Ints, objects: Ints, org_object: Ints, put: Put) -> None:
    """Write the dictionaries and the columns that are read off the rows, one after the other."""
    for name in layout.DICTIONARIES:
        put(f"text.{name}", rows.words[name].text)
        put(f"text.{name}.at", rows.words[name].at)
    systems = _as_ranges(rows, objects)
    put("org.object", org_object.astype(np.int32))
    put("asn.first", systems[:, 1].copy())
    put("asn.last", systems[:, 2].copy())
    put("asn.object", systems[:, 0].copy())
    put("object.class", rows.kind[objects].astype(np.uint8))
    for table, which, texts in (
        ("net", net_rows, ("netname", "descr", "country", "status", "org", "mnt_by")),
        ("object", objects, ("key", "name", "org")),
    ):
        for name in texts:
            codes = rows.code(name)[which]
            put(f"{table}.{name}", narrowed(codes, len(rows.words[name])))
        put(f"{table}.created", _days(rows.created[which]))
        put(f"{table}.modified", _days(rows.modified[which]))
        put(f"{table}.origin", narrowed(rows.origin[which], len(rows.origins)))
        put(f"{table}.object", rows.number[which])


def _as_ranges(rows: Rows, objects: Ints) -> NDArray[np.uint32]:
    """Return the AS numbers that are registered as a range, as (object, first, last)."""
    several = rows.systems[rows.systems[:, 1] < rows.systems[:, 2]]
    number = np.full(len(rows.kind), -1, np.int64)
    number[objects] = np.arange(len(objects))
    kept = number[several[:, 0]] >= 0
    found = several[kept]
    found[:, 0] = number[found[:, 0]]
    order = np.lexsort((found[:, 0], found[:, 2], found[:, 1]))
    return np.ascontiguousarray(found[order], np.uint32)


def _org_objects(rows: Rows, objects: Ints) -> Ints:
    """Return for each code of the org dictionary the organisation's object id, -1 without one."""
    keys = rows.words["key"]
    organisation = layout.CLASSES.index("organisation")
    known: dict[bytes, int] = {}
    for k in np.flatnonzero(rows.kind[objects] == organisation).tolist():
        known.setdefault(keys[int(rows.code("key")[objects[k]])], k)
    names = rows.words["org"]
    return np.array([known.get(names[code], -1) for code in range(len(names))], np.int64)


def _facts(rows: Rows) -> Facts:
    """Gather what `roles` decides by, for every row."""
    whole = (rows.first == 0) & (rows.last == (1 << 32) - 1) & ((rows.flags & NARROW) > 0)
    wide = rows.wide
    everything = (wide[:, 1] == 0) & (wide[:, 2] == 0) & (wide[:, 3] == _TOP) & (wide[:, 4] == _TOP)
    whole[wide[everything, 0].astype(np.int64)] = True
    national = np.array([item["source"] in NATIONAL for item in rows.origins] or [False])
    return Facts(
        rows.registries, rows.registry, rows.code("status"), rows.code("org"),
        rows.code("mnt_by"), rows.code("netname"), whole, (rows.flags & DISOWNED) > 0,
        national[rows.origin],
    )  # fmt: skip


def _days(seconds: NDArray[np.uint32]) -> NDArray[np.uint16]:
    return (seconds // np.uint32(_DAY)).astype(np.uint16)


def _of_contacts(told: contacts.Contacts) -> list[tuple[bytes, bytes]]:
    """Return the rows that lead from mailboxes, and from their domains, to results."""
    mail, result = told.named
    texts = [told.texts[code].rpartition(b"@")[2] for code in range(len(told.texts))]
    domains = sorted(set(texts))
    number = {text: k for k, text in enumerate(domains)}
    at = np.zeros(len(domains) + 1, np.uint32)
    at[1:] = np.cumsum([len(text) for text in domains])
    both = chained(told.texts, Dictionary(np.zeros(0, np.uint32), at, bytearray(b"".join(domains))))
    of_domain = np.array([number[text] for text in texts], np.int64)[mail]
    codes = np.concatenate([mail, of_domain + len(told.texts) - 1])
    ids = np.concatenate([result, result])
    order = np.argsort(ids, kind="stable")
    return list(sorted_tables.rows(both, codes[order], ids[order]))


def _inverse(
    rows: Rows, net_rows: Ints, objects: Ints, pool: Executor
) -> dict[str, Future[list[tuple[bytes, bytes]]]]:
    """Start building the rows of the databases with sorted keys."""
    handled = np.array([item["registry"] == "ARIN" for item in rows.origins] or [False])

    def of_handles() -> list[tuple[bytes, bytes]]:
        # Objects by their keys, and behind them the nets that have a handle of their own.
        codes = rows.code("key")[objects].astype(np.int64)
        words = [rows.words["key"], rows.words["handle"]]
        own = np.flatnonzero(handled[rows.origin[net_rows]])
        theirs = rows.code("handle")[net_rows[own]].astype(np.int64) + len(words[0]) - 1
        ids = np.concatenate([np.arange(len(objects)), len(objects) + own])
        return list(sorted_tables.rows(chained(*words), np.concatenate([codes, theirs]), ids))

    def of_nets(name: str) -> list[tuple[bytes, bytes]]:
        codes = rows.code(name)[net_rows].astype(np.int64)
        ids = np.flatnonzero(codes)
        words, codes = rows.words[name], codes[ids]
        if name in ("mnt_by", "country"):
            words, codes, ids = sorted_tables.list_pairs(words, codes, ids)
        return list(sorted_tables.rows(words, codes, ids))

    found = {"handles": pool.submit(of_handles)}
    for name in ("netname", "mnt_by", "org", "country"):
        found[name] = pool.submit(of_nets, name)
    return found
