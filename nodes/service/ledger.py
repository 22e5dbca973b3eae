"""The ledger: what was asked of the service, what it cost, what came. One SQLite file for all processes.

Every attempt is written down before it is sent, and its outcome afterwards. An attempt whose process died in between
stays without outcome and is settled as unknown by whoever opens the ledger next. Nothing in it identifies an account.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import OutpaintError
from .contract import CREDITS, NOTHING_SPENT

NAME = "ledger.sqlite"
MIGRATIONS = [
    """
    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        origin TEXT NOT NULL,
        started REAL NOT NULL,
        finished REAL,
        outcome TEXT CHECK (outcome IN ('free', 'paid', 'unknown')),
        credits INTEGER NOT NULL DEFAULT 0,
        status INTEGER,
        milliseconds INTEGER,
        seed INTEGER,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        digest TEXT,
        kind TEXT,
        file TEXT,
        body TEXT NOT NULL,
        note TEXT NOT NULL DEFAULT '',
        retired INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX attempts_by_key ON attempts (key, id);
    CREATE INDEX attempts_by_start ON attempts (started);
    """,
]


class LedgerError(OutpaintError):
    """The ledger cannot be used, so nothing is sent."""

    def __init__(self, what: str, do: str):
        super().__init__(what, do, credits=NOTHING_SPENT)


class DayLimitReached(OutpaintError):
    """One more picture would exceed what this server may spend in a day."""

    def __init__(self, spent: int, wanted: int, limit: int):
        super().__init__(
            f"Today's limit of {limit} credits on this server does not allow {wanted} more: "
            f"{spent} are spent or in flight.",
            "Wait until tomorrow, or raise OUTPAINT_MAX_CREDITS_PER_DAY on the server.",
            credits=NOTHING_SPENT,
        )


@dataclass(frozen=True)
class Attempt:
    """One request to the service. ``outcome`` is "free", "paid", "unknown", or None while it runs.

    ``started`` and ``finished`` are seconds since 1970; ``digest``, ``kind`` and ``file`` name the picture that came,
    ``body`` the file in ``pending/`` that took the answer, ``note`` what there is to say when none came; ``retired``
    ones are not offered as results any more.
    """

    id: int
    key: str
    origin: str
    started: float
    finished: float | None
    outcome: str | None
    credits: int
    status: int | None
    milliseconds: int | None
    seed: int | None
    width: int
    height: int
    digest: str | None
    kind: str | None
    file: str | None
    body: str
    note: str
    retired: int


@dataclass(frozen=True)
class Summary:
    """Spending: credits and pictures of today and of all time, and the attempts nobody knows the cost of."""

    today_credits: int
    today_pictures: int
    all_credits: int
    all_pictures: int
    free_attempts: int
    running: int
    unknown: tuple[Attempt, ...]

    def text(self) -> str:
        lines = [
            f"Today: {self.today_credits} credits for {count(self.today_pictures, 'picture')}.",
            f"In all: {self.all_credits} credits for {count(self.all_pictures, 'picture')}; "
            f"{count(self.free_attempts, 'attempt')} failed and cost nothing.",
        ]
        if self.running:
            lines.append(f"In flight: {count(self.running, 'request')}.")
        if self.unknown:
            lines.append(
                f"Unknown: {count(len(self.unknown), 'request')}, 0 or {CREDITS} credits each; see your account:"
            )
            for attempt in self.unknown:
                when = datetime.fromtimestamp(attempt.started).strftime("%Y-%m-%d %H:%M:%S")
                lines.append(f"  {when}  #{attempt.id}  {attempt.width}×{attempt.height}  {attempt.note}")
        else:
            lines.append("Unknown: none.")
        return "\n".join(lines)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class Ledger:
    """The ledger in a folder. Every call has a connection of its own, so threads and processes may share it.

    Args:
        wait: seconds to wait for another process that is writing.
    """

    def __init__(self, home: Path, wait: float = 5.0):
        self.path = home / NAME
        self.wait = wait

    @contextlib.contextmanager
    def kept_open(self) -> Iterator[None]:
        """Calls in this context are cheaper: SQLite tidies up whenever the last connection to a file is closed, which
        waits for the disk several times. Never raises: a ledger that is of no use says so when it is used."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(sqlite3.Error):
                connection = stack.enter_context(
                    contextlib.closing(sqlite3.connect(self.path, timeout=self.wait, check_same_thread=False))
                )
                connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            yield

    @contextlib.contextmanager
    def atomic(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes: all or nothing, and nobody else writes meanwhile.

        Raises:
            LedgerError: the file is locked, damaged, or cannot be written.
        """
        connection = None
        try:
            if not self.path.exists():
                # Created by hand for its mode; SQLite gives its side files the same.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(self.path, timeout=self.wait, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                migrate(connection)
                yield connection
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise self.unusable(error) from None
        finally:
            if connection is not None:
                connection.close()

    def unusable(self, error: Exception) -> LedgerError:
        said = str(error).lower()
        if "locked" in said or "busy" in said:
            return LedgerError(
                f"The ledger of paid requests, {self.path}, is locked by another program.",
                "Close other programs that use it, or wait a moment, and run again.",
            )
        if isinstance(error, sqlite3.DatabaseError) and ("malformed" in said or "not a database" in said):
            return LedgerError(
                f"The ledger of paid requests, {self.path}, is damaged.",
                "Move it to another place to start a new one; paid pictures stay in the folder 'results' beside it.",
            )
        reason = getattr(error, "strerror", None) or str(error)
        return LedgerError(
            f"The ledger of paid requests, {self.path}, cannot be written ({reason}).",
            "Free some space or make the file writable, and run again.",
        )

    def begin(self, key: str, origin: str, size: tuple[int, int], body: str, day_limit: int | None = None) -> int:
        """Write down that a request is about to be sent, if the day's limit allows it; its number.

        Unknown and running requests count as spent here.

        Raises:
            DayLimitReached, LedgerError.
        """
        with self.atomic() as connection:
            if day_limit is not None:
                spent = committed_since(connection, start_of_day())
                if spent + CREDITS > day_limit:
                    raise DayLimitReached(spent, CREDITS, day_limit)
            cursor = connection.execute(
                "INSERT INTO attempts (key, origin, started, width, height, body) VALUES (?, ?, ?, ?, ?, ?)",
                (key, origin, time.time(), *size, body),
            )
            assert cursor.lastrowid is not None  # sqlite3 sets it on every INSERT.
            return cursor.lastrowid

    def settle(self, attempt: int, outcome: str, *, note: str = "", **facts: object) -> None:
        """Write down what became of an attempt: an outcome, and any of the other columns."""
        columns = {"outcome": outcome, "finished": time.time(), "note": note, **facts}
        columns["credits"] = CREDITS if outcome == "paid" else 0
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with self.atomic() as connection:
            connection.execute(f"UPDATE attempts SET {assignments} WHERE id = ?", (*columns.values(), attempt))

    def note(self, attempt: int, note: str) -> None:
        """Write down what there is to say about a settled attempt."""
        with self.atomic() as connection:
            connection.execute("UPDATE attempts SET note = ? WHERE id = ?", (note, attempt))

    def retire(self, attempt: int, retired: bool = True) -> None:
        """Offer this attempt's result no more, or again; what it cost stays."""
        with self.atomic() as connection:
            connection.execute("UPDATE attempts SET retired = ? WHERE id = ?", (retired, attempt))

    def paid(self, key: str) -> Attempt | None:
        """The attempt that paid for this request, if there is one."""
        return self.one("key = ? AND outcome = 'paid' AND retired = 0", key)

    def retired(self, key: str) -> Attempt | None:
        """The last attempt that paid for this request and whose result was lost."""
        return self.one("key = ? AND outcome = 'paid' AND retired = 1", key)

    def latest(self, key: str) -> Attempt | None:
        """The last attempt at this request, whatever became of it."""
        return self.one("key = ?", key)

    def one(self, condition: str, *values: object) -> Attempt | None:
        rows = self.select(f"WHERE {condition} ORDER BY id DESC LIMIT 1", *values)
        return rows[0] if rows else None

    def running(self) -> list[Attempt]:
        """Attempts without outcome: in flight, or left behind by a process that ended."""
        return self.select("WHERE outcome IS NULL ORDER BY id")

    def last_finished(self, number: int) -> list[Attempt]:
        return self.select("WHERE outcome IS NOT NULL ORDER BY finished DESC LIMIT ?", number)

    def select(self, clause: str, *values: object) -> list[Attempt]:
        columns = ", ".join(Attempt.__dataclass_fields__)
        with self.atomic() as connection:
            return [Attempt(*row) for row in connection.execute(f"SELECT {columns} FROM attempts {clause}", values)]

    def committed_today(self) -> int:
        """Credits of today that are spent, may be spent, or are about to be."""
        with self.atomic() as connection:
            return committed_since(connection, start_of_day())

    def summary(self) -> Summary:
        """What ``outpaint ledger`` shows."""
        attempts = self.select("ORDER BY id") if self.path.exists() else []
        paid = [attempt for attempt in attempts if attempt.outcome == "paid"]
        today = [attempt for attempt in paid if attempt.started >= start_of_day()]
        return Summary(
            today_credits=sum(attempt.credits for attempt in today),
            today_pictures=len(today),
            all_credits=sum(attempt.credits for attempt in paid),
            all_pictures=len(paid),
            free_attempts=sum(attempt.outcome == "free" for attempt in attempts),
            running=sum(attempt.outcome is None for attempt in attempts),
            unknown=tuple(attempt for attempt in attempts if attempt.outcome == "unknown"),
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date; change and version number share the caller's transaction."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        for statement in filter(str.strip, script.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")


def committed_since(connection: sqlite3.Connection, moment: float) -> int:
    row = connection.execute(
        "SELECT COUNT(*) FROM attempts WHERE started >= ? AND (outcome IS NULL OR outcome IN ('paid', 'unknown'))",
        (moment,),
    ).fetchone()
    return CREDITS * row[0]


def start_of_day() -> float:
    """Local midnight, in seconds since 1970."""
    return datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
