"""Signed bundles: who made them is checked before anything else, and no damage gets past."""

import random
from pathlib import Path

import pytest

from bundle_forge import Forge, files_below
from edgedoc.bundles.installing import install
from edgedoc.bundles.minisign import PublicKey
from edgedoc.bundles.reading import Bundle
from edgedoc.bundles.secret_key import SecretKey
from edgedoc.bundles.signing import sign_file
from edgedoc.errors import EdgedocError, MissingModelError


@pytest.fixture
def forge(artifact_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    return Forge.at(tmp_path / "root", artifact_folder, monkeypatch)


@pytest.fixture
def keys() -> tuple[SecretKey, PublicKey]:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    secret = SecretKey(number=b"12345678", seed=bytes(range(32)))
    public = ed25519.Ed25519PrivateKey.from_private_bytes(secret.seed).public_key().public_bytes_raw()
    return secret, PublicKey(number=secret.number, key=public)


def test_signatures(forge: Forge, keys: tuple[SecretKey, PublicKey]) -> None:
    secret, public = keys
    forge.refused("There is no signature at", MissingModelError, key=public)
    sign_file(forge.path, secret, "2026-01-01T00:00:00+00:00")
    forge.refused("was signed by the key", key=PublicKey(number=b"87654321", key=public.key))
    good = forge.path.read_bytes()
    forge.path.write_bytes(good.replace(b"2026-01-01", b"2026-01-02", 1))
    forge.refused("altered, or the signature is another file's", key=public)
    # Checked first: what is not signed is not even looked into.
    forge.path.write_bytes(b"evil")
    forge.refused("altered, or the signature is another file's", key=public)
    forge.path.write_bytes(good)
    assert install(forge.path, key=public).comment == "timestamp:1767225600\tfile:x.tar\thashed"


def test_a_bundle_that_changes_while_it_is_read(
    forge: Forge, keys: tuple[SecretKey, PublicKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, public = keys
    sign_file(forge.path, secret, "2026-01-01T00:00:00+00:00")
    good = forge.path.read_bytes()
    digest = Bundle.digest

    def then_swapped(self: Bundle) -> bytes:
        found = digest(self)
        forge.path.write_bytes(good.replace(b"2026-01-01", b"2026-01-02", 1))
        return found

    monkeypatch.setattr(Bundle, "digest", then_swapped)
    forge.refused("changed while it was read", key=public)


def test_damage_at_random(forge: Forge, keys: tuple[SecretKey, PublicKey]) -> None:
    secret, public = keys
    sign_file(forge.path, secret, "2026-01-01T00:00:00+00:00")
    good, generator, before = forge.path.read_bytes(), random.Random(5), files_below(forge.root)
    for _ in range(300):
        damaged = bytearray(good)
        for _ in range(generator.choice((1, 1, 4))):
            # Headers and the manifest are where harm is done; most of the bytes are elsewhere.
            place = generator.choice((generator.randrange(5000), generator.randrange(len(good))))
            damaged[place] = generator.randrange(256)
        if damaged == good:
            continue
        forge.path.write_bytes(damaged)
        for key in (None, public):
            try:
                install(forge.path, key=key)
            except EdgedocError:
                assert files_below(forge.root) == before
            else:
                # Nobody vouches for the words of an unsigned bundle, but its files are those it was made of.
                assert key is None and damaged[512:].startswith(b"{") and damaged[8192:] == good[8192:]
                for path in sorted((forge.root / "home").rglob("*"), reverse=True):
                    path.unlink() if path.is_file() else path.rmdir()
