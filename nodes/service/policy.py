"""How long to wait and how often to try. A value: it decides nothing about money and never sleeps itself."""

from __future__ import annotations

import email.utils
import math
import random
import re
import time
from dataclasses import dataclass

DAY_LIMIT_VARIABLE = "OUTPAINT_MAX_CREDITS_PER_DAY"


@dataclass(frozen=True)
class Policy:
    """Times in seconds, sizes in bytes.

    ``read`` is longer than any gateway's own limit: giving up early would turn a paid success into a loss, and
    waiting is free because Cancel does not wait for it.
    """

    connect: float = 15.0
    stall: float = 30.0
    read: float = 300.0
    total: float = 330.0
    unsent_retries: int = 2
    paced_retries: int = 4
    backoff: float = 0.5
    longest_backoff: float = 8.0
    longest_pace: float = 60.0
    upload_limit: int = 9_500_000
    answer_limit: int = 400_000_000
    concurrency: int = 2
    breaker_failures: int = 3
    breaker_seconds: float = 30.0
    ledger_wait: float = 5.0

    def pause_before_retry(self, attempt: int) -> float:
        """Full jitter, https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/."""
        return random.uniform(0, min(self.longest_backoff, self.backoff * 2**attempt))

    def answer_bytes(self, width: int, height: int) -> int:
        """The largest body a picture of this size can come in: four raw bytes a pixel, in base64, and some slack."""
        return min(self.answer_limit, int(1.4 * 4 * width * height) + 4_000_000)


def parse_pace(header: str | None) -> float | None:
    """Seconds to wait, from a Retry-After header; None when there is none, or none that makes sense.

    Digits or an HTTP date (RFC 9110, 10.2.3); a date in the past means now.
    """
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        seconds = moment.timestamp() - time.time()
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
