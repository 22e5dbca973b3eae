"""``outpaint ledger``: every request to the paid service, what it cost and where its picture is kept."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from ..errors import OutpaintError
from ..service.ledger import Attempt, Ledger
from ..service.store import user_folder


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="outpaint ledger", description="What was sent to the paid service, what it cost and what it gave."
    )
    parser.add_argument("-n", type=int, default=20, metavar="N", help="show the last N requests (20)")
    parser.add_argument(
        "--home", type=Path, metavar="DIR", help="its folder (default: this user's; ComfyUI's is user/__outpaint)"
    )
    options = parser.parse_args(arguments)
    home = options.home or user_folder()
    try:
        ledger = Ledger(home)
        attempts = ledger.select("ORDER BY id DESC LIMIT ?", max(options.n, 0)) if ledger.path.exists() else []
        for attempt in reversed(attempts):
            print(line(attempt))
        print(ledger.summary().text())
    except OutpaintError as error:
        print(f"outpaint: {error}", file=sys.stderr)
        return 1
    return 0


def line(attempt: Attempt) -> str:
    when = datetime.fromtimestamp(attempt.started).strftime("%Y-%m-%d %H:%M:%S")
    outcome = attempt.outcome or "in flight"
    what = attempt.file if attempt.outcome == "paid" and attempt.file else attempt.note
    size = f"{attempt.width}×{attempt.height}"
    return f"{when}  #{attempt.id}  {outcome:<9}  {attempt.credits} credits  {size}  {what or ''}".rstrip()
