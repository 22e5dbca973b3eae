"""The paid service as this computer sees it: its address, the ledger and store beside it, and how patient to be."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import answer, pictures
from .client import Exchange
from .credentials import Address, CredentialsError, Key, read_address, read_key, scrub
from .ledger import Attempt, Ledger, LedgerError
from .locks import FileLock
from .policy import DAY_LIMIT_VARIABLE, Policy
from .store import Store, cannot_write, write_whole


@dataclass(frozen=True)
class Service:
    """Everything a request needs from its surroundings. Use ``Service.open``."""

    address: Address
    store: Store
    ledger: Ledger
    policy: Policy
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def open(
        cls,
        home: Path,
        keep_in: Path | None = None,
        policy: Policy | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Service:
        """The service with its files in ``home`` and the paid pictures in ``keep_in`` (None: in ``home`` only).

        Raises:
            OutpaintError: the address is not acceptable, or the folder cannot be written.
        """
        policy = policy or Policy()
        address = read_address(environ)
        store = Store(Path(home), Path(keep_in) if keep_in else None)
        store.prepare(0)
        return cls(address, store, Ledger(Path(home), policy.ledger_wait), policy, environ)

    def key(self) -> Key:
        """The key, read anew each time, so that one just put into its file works without a restart."""
        return read_key(self.address, self.store.home, self.environ)

    def day_limit(self) -> int | None:
        """Credits this server may spend in a day, from its environment; None without a limit."""
        text = self.environ.get(DAY_LIMIT_VARIABLE, "").strip()
        if not text:
            return None
        if not text.isdecimal():
            raise CredentialsError(
                f"The setting {DAY_LIMIT_VARIABLE} is {scrub(text)!r}.",
                "Set it to a whole number of credits, or remove it.",
            )
        return int(text)

    def breaker(self) -> None:
        """Refuse for a while after several unknown outcomes in a row: an auto-queue would go on paying.

        Raises:
            LedgerError: so it is.
        """
        number, seconds = self.policy.breaker_failures, self.policy.breaker_seconds
        last = self.ledger.last_finished(number)
        if len(last) < number or any(attempt.outcome != answer.Outcome.UNKNOWN for attempt in last):
            return
        left = (last[0].finished or 0.0) + seconds - time.time()
        if 0 < left <= seconds:
            raise LedgerError(
                f"The last {number} requests ended without a known outcome.",
                f"Check your balance at the service; new requests are possible again in {left:.0f} s.",
            )

    def settle_abandoned(self, key: str) -> None:
        """Settle attempts at this request whose process ended. The caller holds the request's lock."""
        for attempt in self.ledger.running():
            if attempt.key == key:
                self.settle_from_disk(attempt)

    def recover(self) -> list[Attempt]:
        """Settle every attempt left behind by a process that ended; those attempts.

        Answers that had arrived are kept as results; the others are unknown.
        """
        settled: list[Attempt] = []
        for attempt in self.ledger.running():
            with FileLock(self.store.locks / f"{attempt.key}.lock") as lock:
                if lock.take():
                    self.settle_from_disk(attempt)
                    latest = self.ledger.latest(attempt.key)
                    settled += [latest] if latest is not None else []
        return settled

    def settle_from_disk(self, attempt: Attempt) -> None:
        """Settle an attempt whose process ended, by the answer it left.

        Raises:
            OutpaintError: a file or the ledger cannot be written. The attempt stays as it is.
        """
        path = self.store.pending / attempt.body
        try:
            self.settle_by(attempt, path)
        except OSError as error:
            raise cannot_write(path, error) from None

    def settle_by(self, attempt: Attempt, path: Path) -> None:
        body = path.read_bytes() if path.exists() else b""
        # The room taken for the answer beforehand reads as zeros.
        body = self.without_key(path, body.rstrip(b"\0"))
        whole = pictures.is_whole(body, attempt.width * attempt.height)
        exchange = Exchange(handed_over=True, status=200 if body else None, size=len(body), complete=whole)
        verdict = answer.judge(exchange, body)
        facts: dict[str, object] = {"file": str(path) if body else None, "seed": verdict.seed}
        outcome, note = verdict.outcome, scrub(verdict.what)
        kind = None
        if outcome is answer.Outcome.PAID and verdict.picture:
            try:
                kind = pictures.kind_of(verdict.picture)
                digest, shown = self.store.save(verdict.picture, f"outpaint_{attempt.key[:12]}_{attempt.id:05d}", kind)
                facts |= {"digest": digest, "kind": kind, "file": str(shown)}
            except pictures.UnusablePicture as error:
                note = f"The service's picture cannot be used: {error}."
        elif outcome is answer.Outcome.UNKNOWN:
            note = "The program ended after sending the request and before its answer was complete."
        self.ledger.settle(attempt.id, outcome, note=note, **facts)
        if kind or not body:
            with contextlib.suppress(OSError):
                path.unlink()

    def without_key(self, path: Path, body: bytes) -> bytes:
        """An answer left behind, in its file too, without the key: the process may have ended before it did that."""
        with contextlib.suppress(CredentialsError):
            clean = self.key().scrub_bytes(body)
            if clean != body:
                write_whole(path, clean)
            return clean
        return body
