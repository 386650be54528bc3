"""The command `affetti`: one module per verb, imported only when its verb is used, so that it starts fast."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from affetti.cli.output import complain
from affetti.errors import InputError

VERBS = {
    "compose": "Compose melodies with a chosen emotion.",
    "transfer": "Change the emotion of a piano piece by elements of another.",
    "read": "Read the emotion of piano music and melodies in MIDI files.",
    "replay": "Regenerate a piece, byte for byte, from the provenance stored in it.",
    "corpus": "List, get and prepare the corpora the models learn from.",
    "train": "Train a model by a recipe.",
    "evaluate": "Measure a trained model as the paper does, and its novelty.",
}
"""Verb -> its line in `affetti --help`. Module affetti.cli.VERB holds a function VERB, or a group `app`."""

_plain_typer = partial(typer.Typer, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
"""No boxes and no decorated tracebacks: plain help reads the same in a terminal, a log and docs/cli.md."""


class LazyVerbs(TyperGroup):
    """A group of commands that imports a verb's module when the verb is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the verbs, in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a verb, or None where there is no such verb."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"affetti.cli.{cmd_name}")
        holder = _plain_typer()
        if hasattr(module, "app"):
            holder.add_typer(module.app, name=cmd_name)
        else:
            holder.command(cmd_name)(getattr(module, cmd_name))
        return get_group(holder).commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


app = _plain_typer(
    cls=LazyVerbs, help="Compose symbolic music with a chosen emotion, see what carries it, and change it."
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"affetti {version('affetti')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _affetti(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return the exit code.

    0: done; 1: the answer is no (a replay that differs); 2: bad input, one line on stderr; 130: interrupted.
    """
    try:
        status = get_group(app).main(args=arguments, prog_name="affetti", standalone_mode=False)
        sys.stdout.flush()
    except InputError as error:
        complain(str(error))
        return 2
    except typer.TyperException as error:
        complain(_usage_line(error))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a name too long, a folder that may not be read …: the world, not affetti, is wrong
        if error.filename is None:
            raise
        complain(f"{error.filename}: {error.strerror}")
        return 2
    return int(status or 0)


def _usage_line(error: typer.TyperException) -> str:
    """What is wrong with a command line, and where to look: "no such option: -x; see affetti read --help"."""
    message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "affetti"
    return f"{message[:1].lower()}{message[1:]}; see {path} --help"


def main() -> None:
    """The entry point of the command `affetti`."""
    if hasattr(sys.stdout, "reconfigure"):  # a file's name may hold bytes that the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run())
