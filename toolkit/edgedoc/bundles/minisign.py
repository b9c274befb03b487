"""minisign's public keys and signatures: Ed25519 over the BLAKE2b-512 of a file, with a signed comment.

Format: https://jedisct1.github.io/minisign/ , checked against minisign 0.11's own files. Made and read are prehashed
signatures (`ED`) only. Knows no bundle; secret keys are in `secret_key`.
"""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from edgedoc.errors import ArtifactError, MissingModelError, MissingPackageError, UsageError

SUFFIX = ".minisig"
MAX_BYTES = 16 * 2**10
"""Of any of minisign's files; its longest line is a comment of 8 KiB."""
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "
_KEY, _PREHASHED = b"Ed", b"ED"


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """What a signature is checked with. `number` (8 bytes) tells keys apart, `key` is Ed25519's 32 bytes."""

    number: bytes
    key: bytes

    @classmethod
    def read(cls, text_or_path: str) -> "PublicKey":
        """A public key from minisign's file, or as the text `RW...` in it. Raises UsageError."""
        text = text_or_path
        if not (text.startswith("RW") and len(text) == 56):
            lines = read_lines(Path(text_or_path), "public key")
            text = lines[-1] if len(lines) == 1 or (len(lines) == 2 and lines[0].startswith(_UNTRUSTED)) else ""
        raw = decode(text)
        if len(raw) != 42 or raw[:2] != _KEY:
            raise UsageError(f"{text_or_path} is no public key of minisign's; it is the .pub file, not the secret one.")
        return cls(number=raw[2:10], key=raw[10:])

    def __str__(self) -> str:
        return key_id(self.number)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature file. `number` says which key made it; `comment` is signed with the content, by `signed_comment`."""

    number: bytes
    signature: bytes
    comment: str
    signed_comment: bytes

    @classmethod
    def read(cls, path: Path) -> "Signature":
        """Read a signature file. Raises MissingModelError when there is none, ArtifactError when it is not one."""
        if not path.exists():
            raise MissingModelError(f"There is no signature at {path}. It comes with the bundle; copy both.")
        try:
            lines = read_lines(path, "signature")
        except UsageError as error:
            raise ArtifactError(str(error)) from error
        if len(lines) != 4 or not lines[0].startswith(_UNTRUSTED) or not lines[2].startswith(_TRUSTED):
            raise ArtifactError(f"{path} is not a signature of minisign's. Copy it again.")
        raw, signed_comment = decode(lines[1]), decode(lines[3])
        if len(raw) != 74 or len(signed_comment) != 64 or raw[:2] not in (_KEY, _PREHASHED):
            raise ArtifactError(f"{path} is not a signature of minisign's. Copy it again.")
        if raw[:2] == _KEY:
            raise ArtifactError(
                f"{path} is a signature of minisign's old kind. Sign again, with minisign 0.10 or later."
            )
        comment = lines[2].removeprefix(_TRUSTED)
        return cls(number=raw[2:10], signature=raw[10:], comment=comment, signed_comment=signed_comment)

    def to_text(self) -> str:
        """The file's content, line for line as minisign writes it."""
        raw = base64.b64encode(_PREHASHED + self.number + self.signature).decode()
        signed_comment = base64.b64encode(self.signed_comment).decode()
        return f"{_UNTRUSTED}signature from edgedoc\n{raw}\n{_TRUSTED}{self.comment}\n{signed_comment}\n"

    def check(self, digest: bytes, key: PublicKey, path: Path) -> None:
        """Raises ArtifactError unless `key` signed both the file `path` of this BLAKE2b-512 and the comment."""
        if self.number != key.number:
            raise ArtifactError(
                f"{path} was signed by the key {key_id(self.number)}, not by the one given, {key}. Do not install it "
                "unless you trust that key too."
            )
        if not _fits(key.key, self.signature, digest):
            raise ArtifactError(f"{path} is not what was signed: altered, or the signature is another file's.")
        if not _fits(key.key, self.signed_comment, self.signature + self.comment.encode()):
            raise ArtifactError(f"The comment of the signature of {path} is altered.")


def key_id(number: bytes) -> str:
    """A key's number as minisign prints it."""
    return number[::-1].hex().upper()


def decode(line: str) -> bytes:
    """Base64, strictly, down to the unused bits of its last letter; nothing when it is none."""
    try:
        raw = base64.b64decode(line.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
    return raw if base64.b64encode(raw).decode() == line else b""


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of one of minisign's files, ended by line feeds only. Raises UsageError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as a {what}: {error}.") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path} is too large to be a {what}.")
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]


def _fits(key: bytes, signature: bytes, content: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise MissingPackageError("cryptography", "sign") from error
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except InvalidSignature:
        return False
    return True
