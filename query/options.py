"""Give the commands the options that many of them have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def index_option(command: Command) -> Command:
    """Give a command the option that names the index."""
    return click.option(
        "-i", "--index", "path", metavar="INDEX", default=None,
        help="The index file; default $RIRDEX_INDEX, else the user data folder.",
    )(command)  # fmt: skip


def at_option(command: Command) -> Command:
    """Give a command the option that names an earlier day."""
    return click.option(
        "--at", metavar="DATE", default=None,
        help="Answer for an earlier day, from the snapshots that build --previous has kept.",
    )(command)  # fmt: skip


def moment(option: str, text: str | None) -> datetime:
    """Return the time that an option names, in UTC where it names no zone; now without a text."""
    if text is None:
        return datetime.now().astimezone()
    try:
        found = datetime.fromisoformat(text)
        if not 1970 < found.year < 3000:  # a slip of the pen, and beyond it no time can be added
            raise ValueError(text)
    except ValueError:
        message = f"{option} {text}: write a time as 2026-01-31T10:15:00+09:00"
        raise click.UsageError(message) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def with_options(command: Command, options: Iterable[Callable[[Any], Any]]) -> Command:
    """Give a command options, shown in this order."""
    for option in reversed([*options]):
        command = option(command)
    return command
