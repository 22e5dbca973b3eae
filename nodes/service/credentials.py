"""Where the key comes from, which address it belongs to, and how it is kept out of every text.

The key is read from the server's environment or from a file on the server, never from a workflow. A key belongs to
one origin: written alone it belongs to the service's own address; for any other address it is written as
``ORIGIN KEY``, for example ``https://images.example.org 0123456789``.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..errors import OutpaintError
from . import contract
from .contract import NOTHING_SPENT

KEY_VARIABLE = "OUTPAINT_API_KEY"
KEY_FILE_VARIABLE = "OUTPAINT_API_KEY_FILE"
URL_VARIABLE = "OUTPAINT_API_URL"
AUTH_VARIABLE = "OUTPAINT_API_AUTH"
BODY_VARIABLE = "OUTPAINT_API_BODY"

SCHEMES = {
    "raw": ("Authorization", "{key}"),
    "bearer": ("Authorization", "Bearer {key}"),
    "authentication": ("Authentication", "{key}"),
}
HIDDEN = "[key]"


class CredentialsError(OutpaintError):
    """The key or the address is missing or unusable. Nothing was sent."""

    def __init__(self, what: str, do: str):
        super().__init__(what, do, credits=NOTHING_SPENT)


@dataclass(frozen=True)
class Address:
    """Where requests go, as the server's environment says it; nothing in a workflow can change it.

    ``auth`` is one of ``SCHEMES``, ``body`` one of ``contract.BODIES``.
    """

    url: str
    auth: str = "raw"
    body: str = "multipart"

    @property
    def origin(self) -> str:
        return origin_of(self.url)

    @property
    def is_plain_loopback(self) -> bool:
        return self.url.startswith("http:")


def read_address(environ: Mapping[str, str]) -> Address:
    """The address from the environment, or the service's own.

    Raises:
        CredentialsError: not https (http is for a loopback address only), or it carries a user, query or fragment.
    """
    url = environ.get(URL_VARIABLE, "").strip() or contract.URL
    auth = environ.get(AUTH_VARIABLE, "").strip().lower() or "raw"
    body = environ.get(BODY_VARIABLE, "").strip().lower() or "multipart"
    for variable, value, known in ((AUTH_VARIABLE, auth, SCHEMES), (BODY_VARIABLE, body, contract.BODIES)):
        if value not in known:
            raise CredentialsError(f"The setting {variable} is {value!r}.", f"Use one of: {', '.join(known)}.")
    advice = f"Set {URL_VARIABLE} to an https:// address, or remove it to use {contract.URL}."
    if re.search(r"[\x00-\x20\x7f]", url):
        raise CredentialsError(f"{URL_VARIABLE} holds a blank or control character.", advice)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise CredentialsError(f"{URL_VARIABLE} is not an address.", advice) from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise CredentialsError(f"{URL_VARIABLE} carries a user name or password.", advice)
    if parts.query or parts.fragment:
        raise CredentialsError(f"{URL_VARIABLE} carries a query or fragment.", advice)
    if not host or port == 0:
        raise CredentialsError(f"{URL_VARIABLE} names no host.", advice)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise CredentialsError(
            f"{URL_VARIABLE} is not https ({parts.scheme or 'no scheme'}://{host}): the key would travel unencrypted.",
            advice,
        )
    return Address(url, auth, body)


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback literal. Names are not resolved: what they resolve to can change."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> str:
    """Scheme, host and port in one normal form, so that two spellings of an address compare equal.

    Raises:
        ValueError: not an address.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError(url)
    host = host if ":" in host else host.encode("idna").decode()
    host = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")


@dataclass(frozen=True)
class Key:
    """A secret and where it was read; printing it shows only the latter."""

    secret: str = field(repr=False)
    source: str

    def scrub(self, text: str) -> str:
        """``text`` without the key in any of the forms in which a server or library may echo it."""
        for form in self.forms():
            text = text.replace(form, HIDDEN)
        return scrub(text)

    def scrub_bytes(self, data: bytes) -> bytes:
        """The same for the body of an answer, which is only touched where the key is."""
        for form in self.forms():
            data = data.replace(form.encode(), HIDDEN.encode())
        return data

    def forms(self) -> list[str]:
        """The secret as it may be written in text, URL, JSON or base64; longest first."""
        forms = {
            self.secret,
            quote(self.secret, safe=""),
            quote(self.secret),
            json.dumps(self.secret)[1:-1],
            repr(self.secret)[1:-1],
            base64.b64encode(self.secret.encode()).decode().rstrip("="),
        }
        return sorted(forms, key=len, reverse=True)


def scrub(text: str) -> str:
    """``text`` without anything that looks like a credential in a header or parameter."""
    return re.sub(
        r"(?i)\b(authori[sz]ation|authentication|(?:x[-_])?api[-_]?key)\b([\s:=\"']{1,4})(?:bearer\s+)?[^\s,;'\"<>}]*[^\s,;'\"<>}.]",
        rf"\1\2{HIDDEN}",
        text,
    )


def read_key(address: Address, home: Path, environ: Mapping[str, str]) -> Key:
    """The key of this address: from the environment, the file it names, or ``key.txt`` in ``home``.

    Raises:
        CredentialsError: there is none, it is malformed, or it belongs to another address. The message says where it
            was read, never what it is.
    """
    for text, source in sources(home, environ):
        entries = [entry_of(line) for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
        secrets = {secret for owner, secret in entries if belongs(owner, address)}
        if len(secrets) > 1:
            raise CredentialsError(
                f"There are {len(secrets)} keys for {address.origin} in {source}.", "Leave only one, on one line."
            )
        if secrets:
            return Key(checked(secrets.pop(), source), source)
        if entries:
            raise CredentialsError(
                f"The key in {source} does not belong to {address.origin}.",
                f"Write it there together with its address, as '{address.origin} YOUR-KEY'.",
            )
    own = belongs(contract.URL, address)
    what = "No API key is set up yet." if own else f"No API key for {address.origin} is set up yet."
    raise CredentialsError(what, first_steps(address, home))


def entry_of(line: str) -> tuple[str, str]:
    """Owner and secret of ``ORIGIN KEY``, or of a key alone."""
    line = line.strip("\"' \t\ufeff")
    first, _, rest = line.partition(" ")
    return (first, rest.strip()) if "://" in first else (contract.URL, line)


def belongs(owner: str, address: Address) -> bool:
    try:
        return origin_of(owner) == address.origin
    except (ValueError, UnicodeError):
        return False


def sources(home: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if environ.get(KEY_VARIABLE, "").strip():
        yield environ[KEY_VARIABLE], f"the environment variable {KEY_VARIABLE}"
    named = environ.get(KEY_FILE_VARIABLE, "").strip()
    if named:
        yield read_key_file(Path(named).expanduser()), f"the file {named}"
    own = key_file(home)
    if own.exists():
        if os.name == "posix" and own.stat().st_mode & 0o077:
            own.chmod(0o600)
        yield read_key_file(own), f"the file {own}"


def read_key_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not plain text"
        raise CredentialsError(
            f"The key file {path} cannot be read: {reason}.", "Save it as a plain text file of one line."
        ) from None


def checked(secret: str, source: str) -> str:
    """The secret without the quotes and blanks that come with copying, if it can travel in a header."""
    secret = secret.strip().strip("\"'").strip()
    if not 8 <= len(secret) <= 512:
        what = f"The key in {source} has {len(secret)} characters (8 to 512 are possible)."
    elif not all("!" <= letter <= "~" for letter in secret):
        what = f"The key in {source} holds a blank, a line break or a character outside ASCII."
    else:
        return secret
    raise CredentialsError(what, "Copy the key again, on one line, without quotes.")


def key_file(home: Path) -> Path:
    return home / "key.txt"


def first_steps(address: Address, home: Path) -> str:
    """What a user does on this very machine to set the key."""
    path = key_file(home)
    entry = "the key" if belongs(contract.URL, address) else f'"{address.origin} YOUR-KEY"'
    if sys.platform == "win32":
        editor = f'notepad "{path}"'
    elif sys.platform == "darwin":
        editor = f"touch '{path}' && open -e '{path}'"
    else:
        editor = f"nano '{path}'"
    return (
        f"Get a key from your account at https://www.aithriving.com, save {entry} as the only line of the file {path} "
        f"(command: {editor}) and run again; or set the environment variable {KEY_VARIABLE} before you start."
    )
