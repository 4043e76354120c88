"""Be an expert of IntelMQ (extra `intelmq`): tell each event who is behind its addresses.

What IntelMQ has a field for goes there (`source.asn`, `source.abuse_contact`), the rest to `extra`:
`extra.rirdex.source.lessee`. An event that says something already keeps it, unless `overwrite` is
set. The index is opened once, and again on a reload (SIGHUP), so a new one is put in its place and
the bot is reloaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .enrichment import Fact, answer_at, asn_of, facts
from .errors import AddressError, DateError, Error
from .index import Index

try:
    from intelmq import VAR_STATE_PATH
    from intelmq.lib.bot import ExpertBot
except ImportError as error:
    if error.name != "intelmq":
        raise
    raise ImportError("intelmq is missing: pip install 'rirdex[intelmq]'", name="intelmq") from None

SIDES: Final = ("source", "destination")
_ELSEWHERE: Final = ("network", "as_name", "allocated")  # facts that have a field of their own


class RirdexExpertBot(ExpertBot):  # type: ignore[misc]
    """Add who holds, uses and announces an address, and whom to tell, from an index of rirdex."""

    database: str = f"{VAR_STATE_PATH}rirdex/index.rirdex"
    desk: str | None = None
    overwrite: bool = False
    fields: str | tuple[str, ...] = SIDES
    as_of_event: bool = True
    _index: Index | None = None

    def init(self) -> None:
        """Open the index. Raises `StoreError`, `DeskError`, ValueError for other fields."""
        self._sides = sides(self.fields)
        self._index = opened(self.database, self.desk)

    def shutdown(self) -> None:
        """Close the index, if there is one."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def process(self) -> None:
        """Add to one event what is known of its addresses."""
        event = self.receive_message()
        time = event.get("time.source") if self.as_of_event else None
        for side in self._sides:
            if f"{side}.ip" in event:
                self._tell(event, side, time)
        self.send_message(event)
        self.acknowledge_message()

    def _tell(self, event: Any, side: str, time: str | None) -> None:
        assert self._index is not None
        try:
            answer = answer_at(self._index, event[f"{side}.ip"], time)
        except (AddressError, DateError) as error:
            self.logger.debug("Nothing is added for %s.ip: %s.", side, error)
            return
        found = facts(answer)
        own = harmonized(found, event.get(f"{side}.asn"), bool(self.overwrite))
        added = {f"{side}.{name}": value for name, value in own.items()}
        added |= {f"extra.rirdex.{side}.{name}": value for name, value in extra(found).items()}
        for key, value in added.items():
            # What IntelMQ has no word for, as a registry of one's own, is left out.
            event.add(key, value, overwrite=bool(self.overwrite), raise_failure=False)

    @staticmethod
    def check(parameters: dict[str, Any]) -> list[list[str]] | None:
        """Return what is wrong with the parameters, for `intelmqctl check`."""
        default = RirdexExpertBot
        try:
            sides(parameters.get("fields", default.fields))
            opened(parameters.get("database", default.database), parameters.get("desk")).close()
        except (Error, ValueError) as error:
            return [["error", str(error)]]
        return None


def opened(database: str, desk: str | None) -> Index:
    """Return an index whose desk is read, too. Raises `StoreError`, `DeskError`."""
    index = Index(database, desk or None)
    try:
        index.desk  # noqa: B018  it is read here, so that what is wrong with it stops no event
    except Error:
        index.close()
        raise
    return index


def sides(fields: str | Iterable[str]) -> tuple[str, ...]:
    """Return which addresses of events are looked up. Raises ValueError."""
    listed = fields.replace(",", " ").split() if isinstance(fields, str) else [*fields]
    unknown = [name for name in listed if name not in SIDES]
    if unknown or not listed:
        raise ValueError(f"fields: {unknown or 'nothing'}: write source, destination or both")
    return tuple(dict.fromkeys(listed))


def harmonized(found: dict[str, Fact], asn: int | None, overwrite: bool) -> dict[str, Any]:
    """Return what goes to IntelMQ's own fields of a side, by their names behind `source.`.

    ``asn`` is the event's: network and name of another AS are not put beside it.
    """
    ours = asn_of(found)
    fields: dict[str, Any] = {
        "registry": found.get("registry"), "allocated": found.get("allocated"),
        "abuse_contact": _joined(found.get("contact")),
    }  # fmt: skip
    if asn in (None, ours) or (overwrite and ours):
        fields |= {"asn": ours} | {name: found.get(name) for name in ("network", "as_name")}
    return {name: value for name, value in fields.items() if value}


def extra(found: dict[str, Fact]) -> dict[str, Fact]:
    """Return what goes to `extra`: every fact but those that have a field of IntelMQ's."""
    return {
        name: value
        for name, value in found.items()
        if name not in _ELSEWHERE and value not in (None, "", [])
    }


def _joined(mailboxes: Any) -> str:
    # A quoted mailbox may hold a comma, which IntelMQ would take for two of them.
    return ",".join(item for item in mailboxes or () if "," not in item)


BOT = RirdexExpertBot
