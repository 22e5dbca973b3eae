"""From an HTTP answer to what it means: what it cost, what came, and what to tell the user.

The service's own rule is that only successes cost. So a well-formed failure is free, a success is paid whatever
happens afterwards, and everything in between is unknown and is never sent again.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from dataclasses import dataclass
from enum import Enum
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from . import pictures
from .client import Exchange
from .policy import parse_pace


class Outcome(str, Enum):
    FREE = "free"
    UNKNOWN = "unknown"
    PAID = "paid"


@dataclass(frozen=True)
class Verdict:
    """What one attempt amounts to.

    Args:
        outcome: what it cost.
        what: one sentence for the user when there is no picture; empty on success.
        do: one sentence on what to do then.
        picture: the encoded picture, if one came.
        seed: used by the service, if it says so.
        retry: may be sent again at once or after a pause; only ever true for a free outcome.
        pace: seconds the service asks to wait before that.
        hopeless: the next pictures of the batch would fail the same way.
        warnings: oddities of an answer that is used nevertheless.
    """

    outcome: Outcome
    what: str = ""
    do: str = ""
    picture: bytes | None = None
    seed: int | None = None
    retry: bool = False
    pace: float | None = None
    hopeless: bool = False
    warnings: tuple[str, ...] = ()


ASK_AGAIN = "Run again to try once more."
CHECK_BALANCE = "It was not sent again; check your balance at the service. Running again is a new paid request."


def judge(exchange: Exchange, body: bytes, key_source: str = "the key", upload_bytes: int = 0) -> Verdict:
    """The verdict over one attempt. A pure function: no network, no clock but for a Retry-After date.

    Args:
        body: the answer's body as far as it came.
        key_source: where the key was read, for the message about a rejected one.
        upload_bytes: size of the picture sent, for the message about a too large one.
    """
    if exchange.status is None:
        return unanswered(exchange)
    document = parse(body)
    if 200 <= exchange.status < 300:
        return success(exchange, body, document)
    if 300 <= exchange.status < 400:
        return redirected(exchange)
    stated = isinstance(document, dict) and ("code" in document or "errors" in document or "name" in document)
    if exchange.status < 200 or (exchange.status >= 500 and not stated) or exchange.status == 408:
        return gateway(exchange, body)
    return refusal(exchange, document, body, key_source, upload_bytes)


def unanswered(exchange: Exchange) -> Verdict:
    if not exchange.handed_over:
        what, do, retry = UNSENT.get(exchange.trouble or "", UNSENT["connection"])
        detail = f" ({exchange.detail})" if exchange.detail else ""
        return Verdict(Outcome.FREE, what.format(detail=detail), do, retry=retry, hopeless=True)
    how = {
        "deadline": "no answer came within the time limit",
        "timeout": "no answer came within the time limit",
        "not http": "what came back is not an HTTP answer",
    }.get(exchange.trouble or "", "the connection was lost before an answer came")
    return Verdict(Outcome.UNKNOWN, f"The request was sent completely, but {how}.", CHECK_BALANCE, hopeless=True)


UNSENT = {
    "cancelled": ("The request was cancelled before it was sent completely.", ASK_AGAIN, False),
    "deadline": ("The request could not be sent within the time limit.", "Check the network and run again.", False),
    "name": (
        "The service's address could not be looked up (DNS): this computer seems to be offline.",
        "Check the network connection and run again.",
        True,
    ),
    "refused": ("The service refused the connection.", "Check network and firewall, and run again later.", True),
    "connect timeout": (
        "The service could not be reached: no connection within the time limit.",
        "Check network and firewall, and run again later.",
        True,
    ),
    "proxy": (
        "The network proxy refused or failed.",
        "Check the proxy settings HTTPS_PROXY and NO_PROXY of the computer ComfyUI runs on.",
        False,
    ),
    "tls": (
        "No trusted encrypted connection (TLS) to the service could be made{detail}.",
        "Check this computer's clock; behind a company proxy point REQUESTS_CA_BUNDLE to its certificate; "
        "otherwise run: pip install -U certifi.",
        False,
    ),
    "header": ("The key cannot be sent in a header.", "Copy the key again, on one line.", False),
    "connection": ("The connection was lost while the picture was being sent.", "Run again.", True),
}


def redirected(exchange: Exchange) -> Verdict:
    try:
        host = urlsplit(exchange.headers.get("location", "")).hostname or "an unnamed place"
    except ValueError:
        host = "an unreadable address"
    return Verdict(
        Outcome.FREE,
        f"The service answered with an unexpected redirect (HTTP {exchange.status}) to {clean(host, 80)}; "
        "it was not followed.",
        "Check OUTPAINT_API_URL if you set it; otherwise look for a new version of this node pack.",
        hopeless=True,
    )


def gateway(exchange: Exchange, body: bytes) -> Verdict:
    said = clean(body[:20000].decode("utf-8", "replace"))
    return Verdict(
        Outcome.UNKNOWN,
        f"The service's gateway answered HTTP {exchange.status} without saying what became of the picture{quote(said)}",
        CHECK_BALANCE,
        hopeless=True,
    )


def refusal(exchange: Exchange, document: Any, body: bytes, key_source: str, upload_bytes: int) -> Verdict:
    """A well-formed failure: free by the service's own rule."""
    status = exchange.status
    said = message_of(document) or clean(body[:20000].decode("utf-8", "replace"))
    quoted = quote(said)
    if status == 503 and not isinstance(document, dict):
        return gateway(exchange, body)
    if "content_moderation" in said or "moderation" in said.lower():
        return Verdict(
            Outcome.FREE,
            f"The service's moderation refused the request (HTTP {status}){quoted}",
            "Change the picture or the prompt.",
        )
    if status == 429 or (status == 503 and parse_pace(exchange.headers.get("retry-after")) is not None):
        return Verdict(
            Outcome.FREE,
            f"The service asks to slow down (HTTP {status}){quoted}",
            "Wait a little and run again.",
            retry=True,
            pace=parse_pace(exchange.headers.get("retry-after")),
        )
    if status in (401, 403):
        return Verdict(
            Outcome.FREE,
            f"The service rejected the API key read from {key_source} (HTTP {status}){quoted}",
            "Compare it with the key in your account at https://www.aithriving.com; if it is right, try the setting "
            "OUTPAINT_API_AUTH=bearer on the server.",
            hopeless=True,
        )
    if status == 402 or "insufficient" in said.lower():
        return Verdict(
            Outcome.FREE,
            f"Your account at the outpainting service has too few credits (HTTP {status}){quoted}",
            "Buy credits in your account at https://www.aithriving.com (not in ComfyUI) and run again.",
            hopeless=True,
        )
    if status == 413:
        return Verdict(
            Outcome.FREE,
            f"The service finds the request too large (HTTP 413); the picture has {upload_bytes / 1e6:.1f} MB{quoted}",
            "Scale the picture down first.",
        )
    if status in (404, 405, 410):
        return Verdict(
            Outcome.FREE,
            f"The service has nothing at this address (HTTP {status}){quoted}",
            "Check OUTPAINT_API_URL if you set it; otherwise look for a new version of this node pack.",
            hopeless=True,
        )
    if status == 415:
        return Verdict(
            Outcome.FREE,
            f"The service does not take this form of request (HTTP 415){quoted}",
            "It may want JSON: set OUTPAINT_API_BODY=json on the server and run again.",
            hopeless=True,
        )
    return Verdict(
        Outcome.FREE,
        f"The service refused the request (HTTP {status}){quoted}",
        "Change the inputs it names, or run again later.",
    )


def success(exchange: Exchange, body: bytes, document: Any) -> Verdict:
    """A 2xx answer: a picture, a failure in the service's envelope, or something else altogether."""
    warnings = [] if exchange.complete else ["the answer ended early but the picture was complete"]
    if pictures.sniff(body):
        if not exchange.complete:
            return cut_short(exchange)
        return Verdict(
            Outcome.PAID, picture=body, seed=as_seed(exchange.headers.get("seed")), **filtered_or({}, exchange)
        )
    if not isinstance(document, dict):
        return cut_short(exchange) if exchange.trouble else not_the_service(body)
    picture = find_picture(document.get("data")) or find_picture(
        {name: document[name] for name in ("image", "images") if name in document}
    )
    code = document.get("code")
    succeeded = code == "0" or (isinstance(code, (int, float)) and not isinstance(code, bool) and code == 0)
    if picture is not None and not succeeded and pictures.sniff(picture) is None:
        picture = None
    if picture is None:
        if not succeeded:
            said = message_of(document)
            return envelope_failure(said, code)
        kind = "an address instead of a picture" if "http" in json.dumps(document)[:4000] else "no picture"
        return Verdict(
            Outcome.PAID,
            f"The service reported success but its answer holds {kind}; the request may have been charged.",
            "Show it to the service's support; raise 'reroll' to ask, and pay, for another picture.",
        )
    if not succeeded:
        warnings.append(f"the answer carried a picture although its code was {clean(repr(code), 40)}")
    data = document.get("data")
    inner: dict[str, Any] = data if isinstance(data, dict) else {}
    return Verdict(
        Outcome.PAID,
        picture=picture,
        seed=as_seed(inner.get("seed", document.get("seed"))),
        **filtered_or({**document, **inner}, exchange, warnings),
    )


def filtered_or(fields: dict[str, Any], exchange: Exchange, warnings: list[str] | None = None) -> dict[str, Any]:
    """The rest of a verdict: whether the service says that it blurred the picture."""
    reasons = [fields.get("finish_reason"), fields.get("finish_reasons"), exchange.headers.get("finish-reason")]
    if any("filter" in str(reason).lower() for reason in reasons if reason):
        return {
            "what": "The service's moderation blurred the picture; it counts as a success and was charged.",
            "do": "Change the picture or the prompt; running the same again sends and costs nothing.",
        }
    return {"warnings": tuple(warnings or ())}


def envelope_failure(said: str, code: Any) -> Verdict:
    """``code`` is not 0 and there is no picture: a failure by the contract, so free."""
    what = (
        f"The service could not do it{quote(said)}"
        if said
        else f"The service reported a failure (code {clean(repr(code), 40)}) without a reason."
    )
    lowered = said.lower()
    if "credit" in lowered or "balance" in lowered or "insufficient" in lowered:
        return Verdict(
            Outcome.FREE,
            what,
            "If credits are missing, buy some in your account at https://www.aithriving.com (not in ComfyUI).",
            hopeless=True,
        )
    if "filter reason" in lowered or "moderation" in lowered:
        return Verdict(Outcome.FREE, what, "Change the picture or the prompt.")
    if any(word in lowered for word in ("unauthor", "api key", "apikey", "token", "authenti")):
        return Verdict(
            Outcome.FREE, what, "Check the API key and the setting OUTPAINT_API_AUTH on the server.", hopeless=True
        )
    return Verdict(Outcome.FREE, what, "Change the inputs it names, or run again later.")


def cut_short(exchange: Exchange) -> Verdict:
    how = {
        "too large": "is larger than any answer to this picture can be",
        "deadline": "did not end within the time limit",
        "timeout": "stopped in the middle",
    }.get(exchange.trouble or "", "broke off in the middle")
    return Verdict(
        Outcome.UNKNOWN,
        f"The service's answer (HTTP {exchange.status}) {how} after {exchange.size} bytes; "
        "the picture was probably made.",
        f"What came was kept. {CHECK_BALANCE}",
        hopeless=True,
    )


def not_the_service(body: bytes) -> Verdict:
    said = clean(body[:20000].decode("utf-8", "replace"))
    what = (
        f"What came with HTTP 200 is a web page (a network login page?){quote(said)}"
        if b"<html" in body[:2000].lower() or b"<!doctype" in body[:200].lower()
        else f"What came with HTTP 200 is no answer of the service{quote(said)}"
    )
    return Verdict(
        Outcome.UNKNOWN,
        what,
        f"Log in to the network if it asks for it. {CHECK_BALANCE}",
        hopeless=True,
    )


def parse(body: bytes) -> Any:
    """The JSON value at the start of a body, also behind a byte order mark; None when there is none."""
    try:
        text = body.decode("utf-8-sig").lstrip()
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def find_picture(data: Any, depth: int = 0) -> bytes | None:
    """The picture in the answer's data: base64 text, ``{"image": ...}``, lists of these, or JSON text of these."""
    if depth > 4:
        return None
    if isinstance(data, list):
        return next((found for item in data[:4] if (found := find_picture(item, depth + 1))), None)
    if isinstance(data, dict):
        return next(
            (
                found
                for name in ("image", "images", "data", "b64_json")
                if (found := find_picture(data.get(name), depth + 1))
            ),
            None,
        )
    if not isinstance(data, str) or len(data) < 16:
        return None
    if data[:1] in "{[":
        return find_picture(parse(data.encode("utf-8", "replace")), depth + 1)
    return decode_base64(data)


def decode_base64(text: str) -> bytes | None:
    """Bytes of base64 text, also with data URI prefix, blanks, no padding or the URL alphabet; None if it is none."""
    with contextlib.suppress(ValueError):  # the usual form, in one go
        return base64.b64decode(text, validate=True) or None
    if text.startswith("data:"):
        text = text.partition(",")[2]
    text = "".join(text.split()) if any(blank in text for blank in "\r\n \t") else text
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def as_seed(value: Any) -> int | None:
    try:
        seed = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seed if 0 <= seed <= 2**32 else None


def message_of(document: Any) -> str:
    """What an error document says: the service's ``message``, or the upstream's ``errors`` with name and id."""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    parts = [str(document["name"])] if isinstance(document.get("name"), str) else []
    if isinstance(errors, list):
        parts += [str(error) for error in errors[:5]]
    for name in ("message", "error", "detail"):
        if isinstance(document.get(name), str):
            parts.append(document[name])
    said = clean("; ".join(parts))
    identity = document.get("id")
    return f"{said} (id {clean(identity, 64)})" if said and isinstance(identity, str) else said


def quote(said: str) -> str:
    """The end of a sentence that passes on what somebody said, if anything."""
    return f": {said.rstrip('.')}." if said else "."


HOST_PHRASES = re.compile(
    r"unauthorized: please login first to use this node\.?"
    r"|payment required: please add credits to your account to use this node\.?"
    r"|rate limit exceeded:"
    r"|your request was flagged by our content moderation system",
    re.IGNORECASE,
)
"""Words on which ComfyUI opens its own login and top-up dialogs, which would sell the user the wrong credits."""


def clean(text: str, limit: int = 300) -> str:
    """Text from the network, fit to be shown: no markup, control characters, host phrases; one line, limited."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text[:20000])
    text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>", " ", text)
    text = unescape(re.sub(r"<[^<>]*>", " ", text))
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    text = HOST_PHRASES.sub("(refused)", text)
    return text if len(text) <= limit else text[:limit] + "…"
