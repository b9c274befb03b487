"""Which file names a bundle may hold: those that mean one and the same file on every platform. Knows no file system.

Stricter than any file system, because a name that two of them read differently is how archives escape: CVE-2007-4559
and its successors in `tarfile` (CVE-2025-4517), case clashes on Windows and macOS.
"""

import re
from collections.abc import Iterable

_PART = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9._+-]*")
# Windows opens a device for these whatever the extension.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def problem(name: str) -> str | None:
    """What is wrong with a file name relative to the bundle, in words; None when nothing is."""
    if name.startswith("/") or name[1:2] == ":":
        return f"{name!r} is an absolute path"
    parts = name.split("/")
    if ".." in parts:
        return f"{name!r} leads out of the bundle"
    if any(not _PART.fullmatch(part) or part.endswith(".") or _DEVICE.fullmatch(part) for part in parts):
        return f"{name!r} is not a file name on every platform"
    return None


def clash(names: Iterable[str]) -> str | None:
    """Two of the names that some file system takes for one, or for a file and its own folder; None without any."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        folded = name.casefold()
        if folded in seen:
            return f"{seen[folded]!r} and {name!r} are one file where upper and lower case are"
        seen[folded] = name
        parts = folded.split("/")
        folders |= {"/".join(parts[:length]): name for length in range(1, len(parts))}
    for folded in seen.keys() & folders.keys():
        return f"{seen[folded]!r} is a file, and a folder in {folders[folded]!r}"
    return None
