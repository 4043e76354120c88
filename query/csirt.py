"""Turn FIRST's list of teams into rows of a desk's `csirt.csv`, and write that file. No network.

Two answers of api.first.org are read: `data/v1/teams` (scope `public`) and `global-irt/v1/teams`,
each whole or only its list. FIRST lists its members, companies too, and does not say which are
national: every team is kept, and the desk's owner deletes those that are of no use for a country.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from .desk import CSIRT_COLUMNS, MAILBOX, URL, Csirt, DeskError

SOURCE: Final = "FIRST"  # what stands in `source` of imported rows
_ANSWER: Final = "FIRST's answer"
_NAMES: Final = ("team-full", "official-team-name", "team", "short-team-name", "host")
_COUNTRIES: Final = ("country-code", "country")


def teams_of_first(data: bytes, *, today: date | None = None) -> list[Csirt]:
    """Read the teams of FIRST's answer, in its order. Raises `DeskError`.

    ``today``, the day of the answer, is when the teams were checked; without it they count as
    never checked. A mailbox or country that is none is left out. A team's website is its form
    when it has no mailbox. What has none of name, mailbox and website is passed over.
    """
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DeskError(_ANSWER, f"is no JSON ({error}): fetch it again") from None
    if isinstance(answer, dict) and str(answer.get("status", "OK")).upper() != "OK":
        raise DeskError(_ANSWER, "reports an error instead of teams: fetch it again")
    rows = answer.get("data") if isinstance(answer, dict) else answer
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DeskError(_ANSWER, "has no list of teams: fetch https://api.first.org/data/v1/teams")
    teams = [team for row in rows if (team := _team(row, today))]
    if rows and not teams:
        raise DeskError(_ANSWER, f"has no team with a name: its members are none of "
                        f"{', '.join(_NAMES)}; fetch it with scope=public")  # fmt: skip
    return teams


def _team(row: Mapping[str, object], today: date | None) -> Csirt | None:
    """Return a team, None for what names none."""
    mails = (part for text in _texts(row, "email") for part in re.split(r"[\s,;]+", text))
    mail = next(filter(MAILBOX.fullmatch, mails), None)
    site = next(filter(URL.fullmatch, _texts(row, "website")), None)
    name = next(_texts(row, *_NAMES), None) or mail or site
    if name is None:
        return None
    codes = (text.upper() for text in _texts(row, *_COUNTRIES) if re.fullmatch("[A-Za-z]{2}", text))
    return Csirt(next(codes, ""), name, mail, None if mail else site, SOURCE, today)


def _texts(row: Mapping[str, object], *keys: str) -> Iterator[str]:
    """Yield the texts under keys that have one or a list of them, without control characters."""
    for key in keys:
        value = row.get(key)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", item).split())
                if text:
                    yield text


def merge(old: Sequence[Csirt], new: Sequence[Csirt]) -> list[Csirt]:
    """Return the old rows, brought up to date, and behind them what is new.

    Rows are the same when country and name are. A row that FIRST is not the source of stays as
    it is; one that FIRST is the source of is replaced, or stays when it is not listed any more.
    """
    fresh: dict[tuple[str, str], Csirt] = {}
    for team in new:
        fresh.setdefault(_key(team), team)
    rows = [fresh.get(_key(team), team) if team.source == SOURCE else team for team in old]
    known = {_key(team) for team in old}
    return rows + [team for key, team in fresh.items() if key not in known]


def _key(team: Csirt) -> tuple[str, str]:
    return team.country.upper(), team.name.casefold()


def write_csv(rows: Iterable[Csirt]) -> str:
    """Return `csirt.csv` with these rows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSIRT_COLUMNS)
    for team in rows:
        writer.writerow(["" if value is None else value for value in team])
    return text.getvalue()
