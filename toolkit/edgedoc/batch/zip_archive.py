"""Documents in a zip archive: its entries named like HTML or text, within limits. Knows no file inside of another kind.

The archive's directory is held in memory, some 500 bytes an entry; entries are unpacked one at a time.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edgedoc.batch.source import Source, broken, too_large
from edgedoc.documents.charset import MAX_BYTES
from edgedoc.errors import DocumentError
from edgedoc.tasks.pipeline import Kind

LARGEST_RATIO = 200
"""Of unpacked to packed bytes, above RATIO_FROM: text packs 3 to 20 times, a bomb a thousand times."""
RATIO_FROM = 2**20


def sources(path: Path, locator: str, version: str, kind_of: Callable[[str], Kind | None]) -> Iterator[Source]:
    """A source an entry that `kind_of` its name is known; an archive that cannot be opened is one that says so."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            for number, entry in enumerate(entries):
                if (kind := kind_of(entry.filename)) is not None:
                    yield Source(
                        locator=f"{locator}!/{entry.filename}",
                        version=version,
                        kind=kind,
                        read=partial(_read, archive, entry),
                        share=number / len(entries),
                    )
    except zipfile.BadZipFile as error:
        yield broken(locator, version, f"The zip archive is damaged or cut short: {error}. Get it again.")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > MAX_BYTES:
        raise too_large(entry.file_size, MAX_BYTES)
    if entry.file_size > max(RATIO_FROM, LARGEST_RATIO * entry.compress_size):
        raise DocumentError(
            f"The entry unpacks to more than {LARGEST_RATIO} times its size, as bombs do. Unpack it yourself if you "
            "trust it."
        )
    try:
        # zipfile gives no more bytes than the directory says, whatever is packed.
        return archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DocumentError(f"The entry is damaged: {error}.") from error
    except (RuntimeError, NotImplementedError) as error:  # a password, a method of packing
        raise DocumentError(f"The entry cannot be unpacked: {error}. Unpack it yourself.") from error
