"""Hold an index with a past against a series of invented snapshots, all ranges and all months.

`python tests/check_series.py --nets 200000` writes the series, builds one file of it, month after
month, compares every look-up and every history with the truth, and prints what was compared, the
sizes and the times. The comparisons are what `test_series.py` uses, too.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Network, IPv6Network, summarize_address_range
from itertools import pairwise, zip_longest
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "fixtures"))

from series import Series, generate
from timeline_truth import Party, Range, Record, Reply, State, Tenure, Truth

from rirdex.indexer.build import build
from rirdex.query import Index, open_index

__all__ = ["Series", "generate"]


@dataclass
class Comparison:
    """Count what was compared, and keep what differs."""

    compared: int = 0
    differences: list[str] = field(default_factory=list)

    def hold(self, place: object, differences: Iterable[str]) -> None:
        """Note that something was compared, and in what it differs from the truth."""
        self.compared += 1
        self.differences += [f"{place}: {text}" for text in differences]

    @property
    def verdict(self) -> str:
        """Return how much was compared, and the first things that differ."""
        return "\n".join(
            [f"{self.compared:,} compared, {len(self.differences):,} differ", *self.differences[:8]]
        )


def unlike(what: str, found: object, wanted: object) -> Iterator[str]:
    """Yield what is found and wanted where these are not the same."""
    if found != wanted:
        yield f"{what} {found}, wanted {wanted}"


# -- look-ups -----------------------------------------------------------------------------------


def reply_of(answer: Any) -> Reply:
    """Return an answer in the shape of the truth."""
    chain = []
    for net in answer.chain:
        org, place, party = net.org, Range(net.family, *net.bounds), net.party
        if party.handle != (org.handle if org else None) or party.net != place.key:
            raise AssertionError(f"{net} of {org} names {party}")
        chain.append(
            Record(
                net.registry, place, net.netname, net.country, net.status, net.mnt_by,
                party.name, party.handle, None, "", None, net.role == "registry",
            )
        )  # fmt: skip
    holder, user = (party and Party(*party) for party in (answer.holder, answer.user))
    mailboxes = tuple(contact.mailbox for contact in answer.abuse)
    return Reply(tuple(chain), holder, user, mailboxes)


def reply_differences(found: Reply, wanted: Reply) -> Iterator[str]:
    """Yield in what an answer is not as it should be."""
    chain = tuple(net._replace(own=None, way="", contact=None) for net in wanted.chain)
    if [net.range for net in found.chain] != [net.range for net in chain]:
        names = [[f"{net.range.key} of {net.registry}" for net in each]
                 for each in (found.chain, chain)]  # fmt: skip
        yield from unlike("chain", *names)
    else:
        for one, two in zip(found.chain, chain, strict=True):
            yield from unlike("net", one, two)
    for name in ("holder", "user", "abuse"):
        yield from unlike(name, getattr(found, name), getattr(wanted, name))


def text_of(place: Range) -> str:
    """Return a query: a prefix where the range is one, else the range."""
    found: list[IPv4Network | IPv6Network] = [*summarize_address_range(*place.ends)]
    return str(found[0]) if len(found) == 1 else f"{place.ends[0]} - {place.ends[1]}"


def compare_lookups(
    look_up: Callable[[str], Any], truth: Truth, months: Mapping[str, int], both: bool = False,
    every: int = 1,
) -> Comparison:  # fmt: skip
    """Compare the answers to where every range begins (or ends, too) with those of some months.

    ``months`` has the registries whose dumps count; ``every`` takes only each so many-th group.
    """
    found = Comparison()
    for group in range(0, len(truth.groups), every):
        for address, reply in truth.replies(group, months, both):
            query = str(address.ends[0])
            found.hold(query, reply_differences(reply_of(look_up(query)), reply))
    return found


def compare_days(index: Any, truth: Truth, days: Iterable[date], every: int = 1) -> Comparison:
    """Compare the answers as of some days with the truth."""
    total = Comparison()
    for day in days:
        months = truth.as_of(day)

        def look_up(query: str, day: date = day) -> Any:
            return index.lookup(query, at=day)

        part = compare_lookups(look_up, truth, months, every=every)
        total.compared += part.compared
        total.differences += [f"{day}: {text}" for text in part.differences]
    return total


# -- histories ----------------------------------------------------------------------------------


def compare_histories(index: Any, truth: Truth, every: int = 1) -> Comparison:
    """Compare the history of every range there ever was with the truth."""
    found = Comparison()
    for group in range(0, len(truth.groups), every):
        for place in truth.groups[group]:
            query = text_of(place)
            found.hold(query, history_differences(index.history(query), truth, place, group))
    return found


def history_differences(history: Any, truth: Truth, query: Range, group: int) -> Iterator[str]:
    """Yield in what a history is not as it should be."""
    wanted = truth.history(query, group)
    found = {
        Range(each.first.version, int(each.first), int(each.last)): each for each in history.ranges
    }
    yield from unlike("ranges", len(history.ranges), len(found))
    yield from unlike(
        "ranges", {place.key: each.relation for place, each in found.items()},
        {past.range.key: past.relation for past in wanted},
    )  # fmt: skip
    for past in wanted:
        tenures = found[past.range].tenures if past.range in found else ()
        yield from unlike(f"{past.range.key} tenures", len(tenures), len(past.tenures))
        for number, (one, two) in enumerate(zip(tenures, past.tenures, strict=False), 1):
            for text in tenure_differences(one, two, truth):
                yield f"{past.range.key} tenure {number} {text}"


def tenure_differences(found: Any, wanted: Tenure, truth: Truth) -> Iterator[str]:
    """Yield in what a tenure is not as it should be."""
    last = wanted.last
    for name in ("first_seen", "last_seen", "ended"):
        yield from unlike(name, getattr(found, name), getattr(wanted, name))
    for name in ("name", "handle", "country", "contact", "registry"):
        yield from unlike(name, getattr(found, name), getattr(last, name))
    states: list[State] = []
    for item in found.states:
        state = State(*(getattr(item, name) for name in State._fields))
        if states and states[-1][2:] == state[2:]:
            yield from unexplained(states[-1].last_seen, state.first_seen, wanted, truth)
            states[-1] = states[-1]._replace(last_seen=state.last_seen)
        else:
            states.append(state)
        yield from contact_differences(item, wanted)
    for number, (one, two) in enumerate(zip_longest(states, wanted.states), 1):
        yield from unlike(f"state {number}", one, two)


def contact_differences(state: Any, wanted: Tenure) -> Iterator[str]:
    """Yield what is wrong with the mailbox of a state: it is the one at the state's end.

    It may change during a state where the net takes it from above; what the net has of its own
    may not.
    """
    seen = [record for day, record in wanted.seen if state.first_seen <= day <= state.last_seen]
    if seen:
        yield from unlike(f"at {state.last_seen} contact", state.contact, seen[-1].contact)
    for one, two in pairwise(seen):
        if one.own != two.own and one.contact != two.contact:
            yield f"has one state from {state.first_seen} on with {one.own} and with {two.own}"


def unexplained(before: date, after: date, wanted: Tenure, truth: Truth) -> Iterator[str]:
    """Yield when two states should be one: where nothing changed, not even of a net above.

    What is made of a net, its role and verdict, goes by the nets above, too.
    """
    place = wanted.last.range
    if truth.around(place, before) == truth.around(place, after):
        yield f"has one state up to {before} and another from {after}, and nothing changed"


# -- building -----------------------------------------------------------------------------------


def build_months(
    series: Series, order: Sequence[int], folder: Path, previous: Path | None = None,
    processes: int = 0, kept: bool = False,
) -> Iterator[Path]:  # fmt: skip
    """Yield the index after each of some months; each is built from the one before.

    All but the last two are removed again, unless they are to be kept.
    """
    make: Any = build
    for number, month in enumerate(order):
        target = folder / f"{number:03}-{series.folders[month].name}.rirdex"
        make(
            [str(series.folders[month])], str(target), snapshot=series.truth.dates[month],
            previous=str(previous) if previous else None, processes=processes,
        )  # fmt: skip
        yield target
        if previous and not kept and previous.parent == folder:
            previous.unlink()
        previous = target


def has_past() -> bool:
    """Say whether this version of the program keeps the past at all."""
    return hasattr(Index, "history")


# -- the script ---------------------------------------------------------------------------------


def microseconds(call: Callable[..., Any], asked: list[tuple[Any, ...]]) -> float:
    """Return how long a call takes in the middle, over different arguments."""
    begin = time.perf_counter()
    for each in asked:
        call(*each)
    return (time.perf_counter() - begin) / len(asked) * 1e6


def print_speed(index: Any, truth: Truth, number: int = 20_000) -> None:
    """Print how long look-ups and histories take."""
    chooser = Random(3)
    places = chooser.choices([*truth.said], k=number)
    addresses = [str(place.ends[0]) for place in places]
    days = chooser.choices(truth.dates, k=number)

    def names(address: str, day: date | None) -> list[str | None]:
        answer = index.lookup(address, at=day) if day else index.lookup(address)
        return [net.netname for net in answer.chain]

    def told(query: str) -> list[str]:
        return [tenure.name for each in index.history(query).ranges for tenure in each.tenures]

    now = microseconds(names, [(address, None) for address in addresses])
    then = microseconds(names, [*zip(addresses, days, strict=True)])
    last = microseconds(names, [(address, truth.dates[-1]) for address in addresses])
    past = microseconds(told, [(text_of(place),) for place in places])
    print(f"lookup {now:.1f} us, at the last date {last:.1f} us, at any date {then:.1f} us, "
          f"history {past:.1f} us (netnames and names read)")  # fmt: skip


def check(folder: Path, args: argparse.Namespace) -> int:
    """Write, build, compare and print; return how many answers differ."""
    begin = time.monotonic()
    made = generate(folder / "dumps", args.nets, args.months, args.change, args.seed)
    truth = made.truth
    print(f"{made.nets:,} nets, {len(truth.said):,} ranges, {sum(made.events.values()):,} events: "
          f"written in {time.monotonic() - begin:.0f} s")  # fmt: skip
    order = [*range(args.months)]
    if args.order != "dates":
        order.reverse() if args.order == "reverse" else Random(args.seed).shuffle(order)
    sizes, begin = [], time.monotonic()
    for path in build_months(made, order, folder, processes=args.processes):
        sizes.append(path.stat().st_size)
        print(f"{path.name}: {sizes[-1] / 1e6:.1f} MB, {time.monotonic() - begin:.0f} s")
    first, last = sizes[0] / 1e6, sizes[-1] / 1e6
    print(f"first {first:.1f} MB, last {last:.1f} MB, ratio {last / first:.3f}, "
          f"built in {time.monotonic() - begin:.0f} s")  # fmt: skip
    wrong = 0
    with open_index(path) as index:
        print_speed(index, truth)
        begin = time.monotonic()
        for what, found in comparisons(index, truth, args.every):
            wrong += len(found.differences)
            print(f"{what}, {time.monotonic() - begin:.0f} s: {found.verdict}")
            begin = time.monotonic()
    return wrong


def comparisons(index: Any, truth: Truth, every: int) -> Iterator[tuple[str, Comparison]]:
    """Yield what is compared and what came of it."""
    now = truth.as_of(truth.dates[-1])
    yield "histories", compare_histories(index, truth, every)
    yield "look-ups of now", compare_lookups(index.lookup, truth, now, every=every)
    yield "look-ups as of each month", compare_days(index, truth, truth.dates, every)


def main() -> int:
    """Read the command line, check, and return 1 if anything differs."""
    parser = argparse.ArgumentParser(description="Check an index with a past against the truth.")
    parser.add_argument("--nets", type=int, default=200_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--change", type=float, default=0.02, help="share of nets a month")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--order", choices=("dates", "reverse", "shuffled"), default="dates")
    parser.add_argument("--every", type=int, default=1, help="compare each so many-th group")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a folder to work in, which stays")
    args = parser.parse_args()
    if not has_past():
        parser.error("this version keeps no past")
    folder = args.keep or Path(tempfile.mkdtemp(prefix="series-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return int(check(folder, args) > 0)
    finally:
        if not args.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
