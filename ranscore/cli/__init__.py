"""The command line: one thin file a command; each holds `command`, and imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
import traceback

import typer

from ranscore import registry


def build() -> typer.Typer:
    """The application with every registered command."""
    app = typer.Typer(
        name="ranscore",
        help="Chest X-ray reports to 21 findings; prompts improved with clinicians; the Ran Score of reports.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback(invoke_without_command=True)
    def root(
        version: bool = typer.Option(False, "--version", help="Show the version and exit.", is_eager=True),
    ) -> None:
        if version:
            import ranscore

            typer.echo(f"ranscore {ranscore.__version__}")
            raise typer.Exit

    for name in registry.names("cli"):
        module = registry.load("cli", name)
        app.command(name, help=module.command.__doc__)(module.command)
    return app


def main() -> None:
    """Runs the command line; a user's mistake ends with one sentence and exit code 2."""
    from ranscore.errors import RanscoreError

    try:
        build()()
    except RanscoreError as fault:
        sys.stderr.write(f"ranscore: {fault}\n")
        sys.exit(fault.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("ranscore: stopped.\n")
        sys.exit(130)
    except Exception as fault:
        if os.environ.get("RANSCORE_DEBUG"):
            raise
        sys.stderr.write(_without_values(fault))
        sys.exit(1)


def _without_values(fault: Exception) -> str:
    """Where a program's own fault happened, without its message: that may quote a report."""
    frames = "".join(traceback.format_tb(fault.__traceback__))
    return (
        f"{frames}ranscore: a fault of the program ({type(fault).__name__}); its message is withheld, as it may quote "
        "a report; RANSCORE_DEBUG=1 shows it. Please report the lines above.\n"
    )
