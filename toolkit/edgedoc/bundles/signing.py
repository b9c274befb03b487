"""Signs a bundle, so that minisign and `edgedoc install --key` can tell who made it. Knows no tar."""

import hashlib
from datetime import datetime
from pathlib import Path

from edgedoc.bundles.minisign import SUFFIX
from edgedoc.bundles.secret_key import SecretKey
from edgedoc.errors import OutputError
from edgedoc.files import write


def sign_file(path: Path, key: SecretKey, created: str) -> Path:
    """Write the signature of a file beside it and return its path; `created` (ISO 8601) is signed with it.

    Raises OutputError, MissingPackageError.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, hashlib.blake2b).digest()
    except OSError as error:
        raise OutputError(f"{path} cannot be read to sign it: {error.strerror or error}.") from error
    # As minisign words it, with the bundle's own date: the same bundle gives the same signature.
    name = "".join(letter if letter.isprintable() else "?" for letter in path.name)
    comment = f"timestamp:{int(datetime.fromisoformat(created).timestamp())}\tfile:{name}\thashed"
    signature = path.with_name(path.name + SUFFIX)
    write(signature, key.sign(digest, comment).to_text())
    return signature
