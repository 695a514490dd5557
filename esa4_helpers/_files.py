"""Files of the user's disk and of the web: named, fetched within limits, kept whole.

What is fetched stays in memory until it is there as a whole: a download that is killed
leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

try:
    import fcntl
except ImportError:  # Windows has none.
    fcntl = None

# In s: to connect, and between two pieces of an answer.
TIMEOUT = (10, 30)
# In s: for all of a file.
LONGEST_DOWNLOAD = 600
_PIECE = 2**16

# What files are called until they are whole, with a number of their own behind it.
UNFINISHED = ".esa4-unfinished-"


class LoginPageError(requests.RequestException):
    """A web page came where a file was expected."""

    def __init__(self) -> None:
        super().__init__(
            "a web page came in its place, as where a network asks to log in first: open "
            "any page in a browser, log in, and try again"
        )


class SlowDownloadError(requests.Timeout):
    """A file takes longer than anybody waits for."""


class LargeDownloadError(ValueError):
    """A file is larger than it should be."""


# Where the user's own files are.


def given_path(text: str) -> Path:
    """Read a setting as a path."""
    # Unlike Path.expanduser, this leaves the home of an unknown user as it is.
    return Path(os.path.expanduser(text))


def trouble_with(path: Path, what: str = "file") -> str:
    """Say why there is nothing to be read at a path, if so: ``what`` was expected."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return f"and there is no such {what}"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link that leads back to itself: name what it should lead to"
        return f"which can't be read: {error.strerror}"
    return ""


# From the web.


def fetch(url: str, largest: int, progressbar: bool = False) -> bytes:
    """Download a file, and stop where it takes too long or gets too large.

    Raises `LargeDownloadError` if it has more than ``largest`` bytes, and a
    ``requests.RequestException`` for all else that goes wrong.
    """
    data, deadline = bytearray(), time.monotonic() + LONGEST_DOWNLOAD
    # What would be sent compressed would be of another length than is announced.
    headers = {"Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
        response.raise_for_status()
        announced = response.headers.get("Content-Length", "")
        size = int(announced) if announced.isdecimal() else None
        kind = response.headers.get("Content-Type", "")
        with progress(size, progressbar) as bar:
            for piece in _pieces(response):
                data += piece
                bar.update(len(piece))
                # The first piece tells a page; later, it does no harm.
                if _is_web_page(kind, data):
                    raise LoginPageError
                if len(data) > largest or (size and size > largest):
                    raise LargeDownloadError(
                        f"it is larger than the {largest / 2**20:.1f} MiB expected"
                    )
                if time.monotonic() > deadline:
                    raise SlowDownloadError(
                        f"only {len(data) / 2**20:.1f} MiB came in "
                        f"{LONGEST_DOWNLOAD / 60:g} min"
                    )
    return bytes(data)


def progress(size: int | None, visible: bool = True) -> tqdm:
    """Show how much of a download has come."""
    return tqdm(
        total=size, unit="B", unit_scale=True, unit_divisor=1024, disable=not visible
    )


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """What has come, as soon as it comes: a drop a second must not add up to for ever."""
    try:
        while piece := response.raw.read1(_PIECE):
            yield piece
    except urllib3.exceptions.ReadTimeoutError:
        raise requests.ReadTimeout(
            f"nothing more came for {TIMEOUT[1]} s, so it was given up"
        ) from None
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from None


def _is_web_page(content_type: str, start: bytes) -> bool:
    """Tell whether a page to read came where a zip was expected."""
    begins = bytes(start[:100]).lstrip().lower()
    if begins.startswith(b"pk"):
        return False
    return "html" in content_type or begins.startswith((b"<!doctype html", b"<html"))


def reason(error: Exception) -> str:
    """Say in short why there was no answer: a server's own words, or what went wrong."""
    if isinstance(error, (requests.HTTPError, LoginPageError, SlowDownloadError)):
        return str(error)
    name = type(error).__name__
    if isinstance(error, requests.exceptions.ProxyError):
        return f"{name}: the proxy that HTTP_PROXY or HTTPS_PROXY names did not help"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{name}: no trust, as where a login page or a proxy stands in between"
    if isinstance(error, requests.ReadTimeout):
        return f"{name}: nothing more came for {TIMEOUT[1]} s"
    return name


# Onto the disk.


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        # Of a loop of links, this error says what it is.
        folder.stat()
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step: it is there as a whole, or as it was before."""
    make_folder(path.parent)
    with alone_in(path.parent):
        unfinished = unfinished_in(path.parent)
        try:
            unfinished.write_bytes(content)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


def unfinished_in(folder: Path) -> Path:
    """A name for a file that is not whole yet."""
    return folder / f"{UNFINISHED}{secrets.token_hex(8)}"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let nobody else save in a folder meanwhile, so that what lies there is rubbish."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Not every file system knows locks. Without one, nothing is swept away.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
            for left_behind in folder.glob(f"{UNFINISHED}*"):
                left_behind.unlink()
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)
