"""Offer the commands: each converts options, calls the library, and prints.

Data goes to stdout, everything else to stderr. `main` is the one place that turns errors into
exit codes: 0 answered, 1 no match or damage, 2 usage, 3 index unusable, 5 a read, write or dump
failed, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from io import TextIOWrapper
from typing import Any, NoReturn, TypeVar

import click

from . import layout, render
from .auditing import audit
from .batching import batch
from .casing import cases
from .comparing import diff, watch
from .console import FAILED, INTERRUPTED, NO_INDEX, NO_MATCH, USAGE, complain, write
from .errors import AddressError, DateError, Error, StoreError
from .exporting import export
from .fetching import fetch, update
from .index import open_index
from .leasing import leases
from .narrating import history
from .notifying import notify
from .options import at_option, index_option
from .place import default_path
from .reporting import report
from .telling import contacts, csirt
from .wording import LANGUAGES

Command = TypeVar("Command", bound=Callable[..., Any])


class Commands(click.Group):
    """Take what is no command as a query: `rirdex 192.0.2.1` means `rirdex lookup 192.0.2.1`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `lookup` in front of arguments that begin with no command."""
        known = {*self.commands, "--help", "-h", "--version"}
        if args and args[0] not in known:
            args = ["lookup", *args]
        return super().parse_args(ctx, args)


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"rirdex {version('rirdex')}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]},
             epilog="Exit codes: 0 answered, 1 no match or damage, 2 usage, 3 index missing or "
             "unusable, 4 rows that are no queries, 5 a file could not be read or written, "
             "130 interrupted.")  # fmt: skip
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
              help="Show the version and exit.")  # fmt: skip
def cli() -> None:
    """Say who holds an address, who uses it, and why: from the registries' dumps, offline.

    \b
    rirdex build dumps/            make an index of the dumps in a folder
    rirdex 192.0.2.1               look an address up
    """


@cli.command(
    epilog="Example: rirdex build ripe.db.inetnum.gz ripe.db.organisation.gz -o ripe.rirdex"
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    metavar="INDEX",
    default=None,
    help="Where to write; default $RIRDEX_INDEX, else the user data folder.",
)
@click.option(
    "--date",
    "snapshot",
    metavar="YYYY-MM-DD",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day of the dumps, where they do not say.",
)
@click.option(
    "--previous",
    metavar="INDEX",
    default=None,
    help="An index whose past is kept, and what it holds of sources that are not here; it may be "
    "the one that is replaced.",
)
@click.option("--strict", is_flag=True, help="Stop at the first record that cannot be read.")
@click.option(
    "--jobs",
    type=click.IntRange(0),
    default=None,
    metavar="N",
    help="Reading processes; 0 reads in this one. The result is the same.",
)
@click.option(
    "--routes",
    multiple=True,
    metavar="FILE",
    help="A routing table: CAIDA pfx2as, RIPE's riswhoisdump, CSV of prefix,origin. Repeatable.",
)
@click.option(
    "--vrps",
    multiple=True,
    metavar="FILE",
    help="Validated ROAs: JSON of rpki-client or routinator, CSV. Repeatable.",
)
@click.option(
    "--relationships",
    multiple=True,
    metavar="FILE",
    help="Who is whose customer: CAIDA's AS relationships, serial-1 or -2. Repeatable.",
)
@click.option(
    "--as-orgs",
    multiple=True,
    metavar="FILE",
    help="Whose AS numbers are: CAIDA's as2org, text or JSONL. Repeatable.",
)
@click.option(
    "--without",
    multiple=True,
    metavar="RULE",
    type=click.Choice(layout.LEASE_RULES),
    help="Switch a rule of verdicts off. Repeatable.",
)
@click.option(
    "--desk",
    metavar="FOLDER",
    default=None,
    help="The folder of your own files, of which fingerprints.toml is used; default "
    "$RIRDEX_CONFIG, else `rirdex` in the user config folder.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")  # fmt: skip
def build(
    sources: tuple[str, ...], output: str | None, snapshot: Any, previous: str | None,
    strict: bool, jobs: int | None, routes: tuple[str, ...], vrps: tuple[str, ...],
    relationships: tuple[str, ...], as_orgs: tuple[str, ...], without: tuple[str, ...],
    desk: str | None, quiet: bool,
) -> int:  # fmt: skip
    """Make an index of dumps: files, folders, or - for standard input.

    Every file is recognised by its content, plain or compressed. An index that is there already
    is replaced only when the new one is complete.
    """
    from tqdm import tqdm

    from rirdex.indexer.build import build as build_index

    silent = True if quiet or sys.stderr is None else None
    with tqdm(unit="B", unit_scale=True, disable=silent, leave=False) as bar:

        def total(size: int) -> None:
            bar.total = size
            bar.refresh()

        summary = build_index(
            sources, output or default_path(), snapshot=snapshot.date() if snapshot else None,
            previous=previous, strict=strict, processes=jobs, routes=routes, vrps=vrps,
            relationships=relationships, as_orgs=as_orgs, without=without, desk=desk,
            progress=bar.update, total=total,
        )  # fmt: skip
    if not quiet:
        write(render.build_text(summary))
    return 0


@cli.command(epilog="Example: rirdex lookup 192.0.2.1 198.51.100.0/24 AS64500 ORG-EX1-RIPE --json")
@click.argument("queries", nargs=-1, metavar="QUERY...")
@index_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each answer and line.")
@click.option(
    "--contact",
    metavar="MAIL|DOMAIN",
    default=None,
    help="The nets a mailbox or a domain answers for: all, or those around or in QUERY.",
)
@click.option("--raw", is_flag=True, help="The objects as they stand in the dumps.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also the records that never answer: placeholders, registries' blocks.",
)
@click.option("--more", is_flag=True, help="Also the nets inside a range.")
@click.option(
    "--explain",
    is_flag=True,
    help="Say which byte of which dump each net is, and what each rule of the verdict saw.",
)
@at_option
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    default="en",
    help="Language of the text; JSON stays English.",
)
def lookup(
    queries: tuple[str, ...], path: str | None, as_json: bool, raw: bool, everything: bool,
    more: bool, explain: bool, contact: str | None, at: str | None, lang: str,
) -> int:  # fmt: skip
    """Look up addresses, prefixes, ranges, AS numbers or handles."""
    if not queries and contact is None:
        raise click.UsageError("name an address, prefix, range, AS number or handle")
    if contact is not None and at is not None:
        raise click.UsageError("--contact asks about today: it does not go with --at")
    code = 0
    with open_index(path) as index:
        for query in queries or (None,):
            try:
                answers = (
                    index.answers(query or "", at=at) if contact is None
                    else [index.reached_at(contact, query)]
                )  # fmt: skip
            except AddressError as error:
                complain(error)
                code = max(code, USAGE)
                continue
            for answer in answers:
                if not answer:
                    code = max(code, NO_MATCH)
                if at is not None and answer.moment is None:
                    complain(f"{query}: the past holds nets only, this is of today")
                if as_json:
                    found = answer.to_dict(more=more, everything=everything, explain=explain)
                    write([render.json_line(found)])
                elif raw:
                    write(_raw_lines(answer, everything))
                else:
                    write(
                        render.answer_text(
                            answer, more=more, everything=everything, explain=explain, lang=lang
                        )
                    )
    return code


def _raw_lines(answer: Any, everything: bool) -> Iterable[str]:
    nets = answer.all if everything else answer.chain
    found = getattr(answer, "object", None)
    for item in [*nets, *([found] if found is not None else [])]:
        yield render.clean_lines(item.text.rstrip("\n"))
        yield ""


@cli.command(epilog="Example: rirdex info -i ripe.rirdex")
@index_option
@click.option("--json", "as_json", is_flag=True, help="All metadata as JSON.")
@click.option("--coverage", is_flag=True, help="How much each registry's dumps tell, and do not.")
def info(path: str | None, as_json: bool, coverage: bool) -> int:
    """Show what an index holds: sources, dates, counts, sizes."""
    with open_index(path) as index:
        if coverage and not as_json:
            write(render.coverage_text(index.meta))
            return 0
        if as_json:
            write([render.json_line({"path": index.path, "build": index.build_id, **index.meta})])
        else:
            size = os.stat(index.path).st_size
            write(render.info_text(index.meta, index.path, size, index.build_id))
    return 0


@cli.command(epilog="Example: rirdex verify -i ripe.rirdex")
@index_option
def verify(path: str | None) -> int:
    """Check every byte of an index against the digests it carries."""
    from .verify import verify as verify_index

    place = path or default_path()
    found = verify_index(place)
    for name in found:
        complain(f"{place}: damaged: {name}")
    if found:
        complain("rebuild the index with `rirdex build`, or copy it again")
        return NO_MATCH
    write([f"{render.clean(place)}: every byte is as it was written"])
    return 0


for command in (
    batch, fetch, update, contacts, csirt, audit, leases, history, export, diff, watch, notify,
    cases, report,
):  # fmt: skip
    cli.add_command(command)
# In the list of commands their first sentences would be cut off.
audit.short_help = "Measure how accurate and reachable registrations are."
notify.short_help = "Say whom to tell of incidents, and draft it."
report.short_help = "Count incidents: leased space, parties, outcomes."
fetch.short_help = "Fetch the registries' files that are new."
update.short_help = "Fetch what has changed, and build an index of it."


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = _invoke(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 0
    except (AddressError, DateError) as error:
        complain(error)
        return USAGE
    except StoreError as error:
        complain(error)
        return FAILED if arguments and arguments[0] in ("build", "update") else NO_INDEX
    except (Error, OSError, MemoryError) as error:
        _drop_output()
        complain(error if str(error) else type(error).__name__)
        return FAILED


def _invoke(arguments: Sequence[str]) -> int:
    if not arguments and sys.stdin is not None and not sys.stdin.isatty():
        arguments = ("batch",)
    if not arguments:
        click.echo(cli.get_help(click.Context(cli, info_name="rirdex")), err=True)
        return USAGE
    # Not `cli.main`, which has an exit code of its own for a closed pipe.
    with cli.make_context("rirdex", list(arguments)) as context:
        code = cli.invoke(context)
    return code if isinstance(code, int) else 0


def _drop_output() -> None:
    """Send what is left in the buffer nowhere: its reader has gone, or its disk is full."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stdout.flush()


def _ended(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def main() -> NoReturn:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _ended)  # so that nothing half-written is left
    sys.exit(run(sys.argv[1:]))
