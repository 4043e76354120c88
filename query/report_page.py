"""Lay a report out as one page of HTML that needs nothing else, in English or Japanese.

Below each chart stand the numbers. Every text is escaped by Jinja; only charts go in as they are,
whose labels Matplotlib has escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .errors import Error
from .report_charts import bars, stacked
from .report_figures import COUNTED, SPACES, Figures, Table, Value
from .report_words import WORDS
from .untrusted import one_line
from .words import WORDS as DRAFTED

_NAMED_ROWS: Final = ("quality", "turnover")  # whose rows are words of ours
_NAME: Final = 300  # characters of a name


def page(figures: Figures, lang: str = "en", title: str | None = None) -> str:
    """Return a report as HTML. Raises `Error` without Jinja or Matplotlib."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise Error(f'a report needs {error.name}: run pip install "rirdex[casework]"') from None
    environment = Environment(
        loader=PackageLoader("rirdex.query", "templates"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    words = WORDS[lang]
    return environment.get_template("report.html.j2").render(
        lang=lang, words=words, title=one_line(title or words["title"], _NAME),
        said=_said(figures.about, words), sources=figures.about["sources"],
        made=words["made"].format(**figures.about),
        sections=[_section(table, words, lang) for table in figures.tables],
    )  # fmt: skip


def _said(about: dict[str, Any], words: dict[str, Any]) -> list[str]:
    """Return what is said of the whole before the figures."""
    values = about | {
        name: f"{about[name]:,}" for name in ("incidents", "addresses", "leased", "pairs")
    }  # fmt: skip
    found = [words["counted" if about["first"] else "counted_untimed"].format(**values)]
    for key, share, wanted in (("share", "share_leased", "incidents"),
                               ("abroad", "share_abroad", "pairs")):  # fmt: skip
        if about[wanted]:
            found.append(words[key].format(**values, share=f"{about[share]:.1%}"))
    if about["untimed"]:
        found.append(words["untimed"].format(untimed=f"{about['untimed']:,}"))
    if about["invalid"]:
        reasons = ", ".join(f"{name}: {count:,}" for name, count in about["invalid_by"].items())
        found.append(words["invalid"].format(invalid=f"{about['invalid']:,}", reasons=reasons))
    if not about["routes"]:
        found.append(words["no_routes"])
    if about["snapshots"] < 2:
        found.append(words["one_snapshot"])
    if about["ledger"]:
        found.append(words["ledger"].format(reports=f"{about['reports']:,}"))
    return [one_line(text, 2000) for text in found]


def _section(table: Table, words: dict[str, Any], lang: str) -> dict[str, Any]:
    """Return what the template shows of a figure."""
    title, sentence = words["figures"][table.name]
    labels = {key: _label(table, key, words, lang) for key in table.rows}
    columns = [_column(table, name, words) for name in table.columns]
    totals = table.name in ("months", "sectors", "categories", "countries", "kinds", "quality")
    most = max((value or 0 for row in table.rows.values() for value in row), default=0) or 1
    if "on_leased" in table.columns or (table.columns == COUNTED and table.name != "months"):
        sentence = sentence + words["hatched"]
    return {
        "name": table.name, "title": title, "sentence": sentence, "columns": columns,
        "chart": _chart(table, title, labels, columns),
        "rows": [
            (labels[key], [
                (_number(column, value, words), key == column != "other" and table.name == "matrix",
                 round(0.55 * (value or 0) / most, 3) if table.name == "matrix" else None)
                for column, value in zip(table.columns, row, strict=True)
            ])
            for key, row in table.rows.items()
        ],
        "totals": [
            "" if name.startswith("share") else _number(name, sum(v or 0 for v in column), words)
            for name, column in zip(table.columns, zip(*table.rows.values(), strict=True),
                                    strict=bool(table.rows))
        ] if totals else [],
    }  # fmt: skip


def _label(table: Table, key: str, words: dict[str, Any], lang: str) -> str:
    if table.name == "categories":
        return str(DRAFTED[lang]["categories"].get(key, key))
    if table.name in _NAMED_ROWS:
        return str(words["rows"][table.name][key])
    if table.name in ("states", "answers"):
        return str(words["kinds"][key])
    if table.name == "matrix" and key == "other":
        return str(words["other"])
    return one_line(key, _NAME)


def _column(table: Table, name: str, words: dict[str, Any]) -> str:
    if table.name == "kinds":
        return str(words["kinds"][name])
    if table.name == "matrix":
        return str(words["other"]) if name == "other" else one_line(name, _NAME)
    return str(words["columns"][name])


def _number(column: str, value: Value, words: dict[str, Any]) -> str:
    if value is None:
        return str(words["not_known"])
    return f"{value:.1%}" if column.startswith("share") else f"{value:,}"


def _chart(table: Table, title: str, labels: dict[str, str], columns: Sequence[str]) -> str | None:
    """Return the chart of a figure, None for one that is better read as numbers."""
    rows = [[value or 0 for value in row] for row in table.rows.values()]
    if not rows or not any(map(any, rows)):
        return None
    if table.name in ("months", "kinds"):
        cut = len(SPACES) if table.name == "months" else len(columns)
        sides = [[row[at] for row in rows] for at in range(cut)]
        series = [pair for pair in zip(columns[:cut], sides, strict=True) if any(pair[1])]
        return stacked(table.name, title, [labels[key] for key in table.rows], series)
    names = [*labels.values()]
    if table.columns == COUNTED:  # all of it, and what lies in leased space
        return bars(table.name, title, [
            (name, sum(row[:4]), sum(row[:2])) for name, row in zip(names, rows, strict=True)
        ])  # fmt: skip
    if table.name in ("quality", "turnover"):
        at = table.columns.index("incidents")
        return bars(table.name, title, [
            (name, row[at], row[-1]) for name, row in zip(names, rows, strict=True)
        ])  # fmt: skip
    if table.columns[0] == "incidents":
        return bars(table.name, title, [
            (name, row[0], 0) for name, row in zip(names, rows, strict=True)
        ])  # fmt: skip
    return None
