"""The ``outpaint`` command: photos in, wider photos out, over the same code as the nodes. No ComfyUI needed."""

from __future__ import annotations

import io
import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 all done, 1 some photo failed, 2 wrong usage, 130 interrupted."""
    from . import options

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal or a redirected file cannot spell must not stop a run that may cost money.
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["ledger"]:
        from . import ledger

        return ledger.main(arguments[1:])
    chosen, growth = options.parse(arguments)
    from . import run  # Loads torch, which takes seconds: --help and a typing error need not wait for it.

    return run.main(chosen, growth)
