"""minisign's secret keys, with a password and without, and signing with them. Knows no bundle.

Layout: src/minisign.h of https://github.com/jedisct1/minisign ; the key is encrypted by XOR with scrypt's output.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgedoc.bundles.minisign import Signature, decode, read_lines
from edgedoc.errors import MissingPackageError, NotEnoughMemoryError, UsageError

_ENCRYPTED, _PLAIN = b"EdScB2", b"Ed\0\0B2"
_R = 8
MAX_MEMORY = 2**30
"""Bytes scrypt may take: what minisign itself asks for, libsodium's `SENSITIVE`."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SecretKey:
    """What signs. `number` as in the public key, `seed` is Ed25519's 32 secret bytes."""

    number: bytes
    seed: bytes

    @classmethod
    def read(cls, path: Path, password: Callable[[], str]) -> "SecretKey":
        """Read a key that `minisign -G` made; `password` is asked when it has one.

        Raises UsageError for what is no secret key and for a wrong password, NotEnoughMemoryError when the key cannot
        be decrypted in `MAX_MEMORY`.
        """
        lines = read_lines(path, "secret key")
        raw = decode(lines[1]) if len(lines) == 2 else b""
        if len(raw) != 158 or raw[:6] not in (_ENCRYPTED, _PLAIN):
            raise UsageError(f"{path} is no secret key of minisign's. Make one with: minisign -G -s {path}")
        salt, content = raw[6:38], raw[54:]
        if raw[:6] == _PLAIN:
            # minisign writes no checksum into these.
            return cls(number=content[:8], seed=content[8:40])
        mask = _scrypt(password(), salt, int.from_bytes(raw[38:46], "little"), int.from_bytes(raw[46:54], "little"))
        content = bytes(a ^ b for a, b in zip(content, mask, strict=True))
        number, secret, checksum = content[:8], content[8:72], content[72:]
        if not hmac.compare_digest(hashlib.blake2b(raw[:2] + number + secret, digest_size=32).digest(), checksum):
            raise UsageError(f"The password does not open {path}.")
        return cls(number=number, seed=secret[:32])

    def sign(self, digest: bytes, comment: str) -> Signature:
        """Sign the BLAKE2b-512 of a file together with a one-line comment. The same input gives the same signature.

        Raises MissingPackageError.
        """
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        except ImportError as error:
            raise MissingPackageError("cryptography", "sign") from error
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        signature = key.sign(digest)
        signed_comment = key.sign(signature + comment.encode())
        return Signature(number=self.number, signature=signature, comment=comment, signed_comment=signed_comment)


def _scrypt(password: str, salt: bytes, operations: int, memory: int) -> bytes:
    """crypto_pwhash_scryptsalsa208sha256 of libsodium: its two limits become scrypt's N and p as `pickparams` does."""
    operations = max(operations, 2**15)
    if operations < memory // 32:
        power, p = _power(operations // (4 * _R)), 1
    else:
        power = _power(memory // (128 * _R))
        p = max(1, (operations // 4 >> power) // _R)
    needed = 128 * _R * (2**power + p)
    if needed > MAX_MEMORY + 2**20:
        raise NotEnoughMemoryError(f"The secret key's password needs {needed >> 20} MiB to check; the most is 1024.")
    try:
        return hashlib.scrypt(password.encode(), salt=salt, n=2**power, r=_R, p=p, maxmem=needed + 2**20, dklen=104)
    except (ValueError, MemoryError) as error:
        raise NotEnoughMemoryError(
            f"The secret key's password cannot be checked: {error}. It needs {needed >> 20} MiB."
        ) from error


def _power(most: int) -> int:
    """The least power of two above half of `most`, from one on."""
    return next(power for power in range(1, 64) if 2**power > most // 2)
