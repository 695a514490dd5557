"""Names for those who mark without knowing whom: always the same for one student."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from marking.files import written_whole


def read_key(file: Path) -> bytes:
    """The secret that pseudonyms are made with; drawn where there is none yet."""
    if not file.exists():
        with written_whole(file, mode=0o600) as stream:
            stream.write(secrets.token_hex(32).encode())
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise ValueError(
            f"{file} should hold the key of the pseudonyms, and doesn't: put the old one "
            "back, or delete it for new pseudonyms"
        ) from error
    if len(key) < 16:
        raise ValueError(f"{file} is too short for a key: delete it for new pseudonyms")
    return key


def pseudonym(student: str, key: bytes) -> str:
    """Like ``student-k3fq7a2m``; without the key, nobody finds out whose it is."""
    digest = hmac.digest(key, student.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return "student-" + base64.b32encode(digest[:5]).decode().lower()
