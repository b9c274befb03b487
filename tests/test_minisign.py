"""edgedoc.bundles.minisign and secret_key, against files that minisign itself made."""

import hashlib
from pathlib import Path

import pytest

from edgedoc.bundles.minisign import PublicKey, Signature
from edgedoc.bundles.secret_key import SecretKey
from edgedoc.bundles.signing import sign_file
from edgedoc.errors import ArtifactError, EdgedocError, MissingModelError, NotEnoughMemoryError, UsageError
from minisign_files import (
    INTERACTIVE,
    LEAST,
    PUBLIC,
    PUBLISHED,
    PUBLISHED_KEY,
    PUBLISHED_OLD,
    SECRET,
    SIGNED,
)

pytest.importorskip("cryptography")

TEST = hashlib.blake2b(b"test").digest()


def _file(folder: Path, text: str) -> Path:
    path = folder / "some.file"
    path.write_text(text, "utf-8")
    return path


def _no_password() -> str:
    raise AssertionError("no password was needed")


def test_published_signatures(tmp_path: Path) -> None:
    signature = Signature.read(_file(tmp_path, PUBLISHED))
    signature.check(TEST, PublicKey.read(PUBLISHED_KEY), Path("test"))
    assert signature.comment == "timestamp:1556193335\tfile:test"
    with pytest.raises(ArtifactError, match="altered, or the signature is another file's"):
        signature.check(hashlib.blake2b(b"Test").digest(), PublicKey.read(PUBLISHED_KEY), Path("Test"))
    with pytest.raises(ArtifactError, match="old kind"):
        Signature.read(_file(tmp_path, PUBLISHED_OLD))


def test_keys_are_read_as_file_and_as_text(tmp_path: Path) -> None:
    key = PublicKey.read(str(_file(tmp_path, PUBLIC)))
    assert str(key) == "C2FA1B2E13F43BFF"
    assert PublicKey.read(PUBLIC.splitlines()[1]) == key
    assert PublicKey.read(str(_file(tmp_path, PUBLIC.splitlines()[1] + "\r\n"))) == key


@pytest.mark.parametrize("secret", [SECRET, INTERACTIVE, LEAST], ids=["plain", "interactive", "least"])
def test_signs_as_minisign_does(tmp_path: Path, secret: str) -> None:
    key = SecretKey.read(_file(tmp_path, secret), _no_password if secret is SECRET else lambda: "geheim")
    text = key.sign(TEST, "trusted words").to_text()
    assert text.splitlines()[1:] == SIGNED.splitlines()[1:]
    assert Signature.read(_file(tmp_path, text)) == Signature.read(_file(tmp_path, SIGNED))
    assert "seed" not in repr(key) and key.seed.hex() not in repr(key)


def test_a_signed_file(tmp_path: Path) -> None:
    key = SecretKey.read(_file(tmp_path, SECRET), _no_password)
    content = tmp_path / "x.tar"
    content.write_bytes(b"test")
    path = sign_file(content, key, "2026-01-01T00:00:00+00:00")
    assert path == tmp_path / "x.tar.minisig"
    signature = Signature.read(path)
    signature.check(TEST, PublicKey.read(PUBLIC.splitlines()[1]), content)
    assert signature.comment == "timestamp:1767225600\tfile:x.tar\thashed"


def test_another_key_and_an_altered_comment(tmp_path: Path) -> None:
    signature = Signature.read(_file(tmp_path, SIGNED))
    with pytest.raises(
        ArtifactError, match="signed by the key C2FA1B2E13F43BFF, not by the one given, E7620F1842B4E81F"
    ):
        signature.check(TEST, PublicKey.read(PUBLISHED_KEY), Path("test"))
    same_number = PublicKey(number=signature.number, key=PublicKey.read(PUBLISHED_KEY).key)
    with pytest.raises(ArtifactError, match="altered"):
        signature.check(TEST, same_number, Path("test"))
    altered = Signature.read(_file(tmp_path, SIGNED.replace("trusted words", "trusted word")))
    with pytest.raises(ArtifactError, match="The comment of the signature of test is altered"):
        altered.check(TEST, PublicKey.read(PUBLIC.splitlines()[1]), Path("test"))


def test_no_password_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="The password does not open"):
        SecretKey.read(_file(tmp_path, INTERACTIVE), lambda: "offen")
    greedy = INTERACTIVE.replace("AAAgAAAAAAAAAAAEAAAAA", "//////////8AAAAA/////", 1)
    assert greedy != INTERACTIVE
    with pytest.raises(NotEnoughMemoryError, match="needs .* MiB"):
        SecretKey.read(_file(tmp_path, greedy), lambda: "geheim")


@pytest.mark.parametrize(
    "text", ["", "x", SECRET, SIGNED, PUBLIC[:-4], PUBLIC * 2, "untrusted comment: ü\nü\n", "a" * 20_000]
)
def test_what_is_no_public_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="public key"):
        PublicKey.read(str(_file(tmp_path, text)))


@pytest.mark.parametrize("text", ["", PUBLIC, SIGNED, SECRET[:-4], SECRET.replace("RWQAAEIy", "RWQAAUIy")])
def test_what_is_no_secret_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is no secret key of minisign's. Make one with: minisign -G"):
        SecretKey.read(_file(tmp_path, text), _no_password)


@pytest.mark.parametrize("text", ["", PUBLIC, SIGNED + "\n", SIGNED.replace("trusted comment", "comment"), SIGNED[:-9]])
def test_what_is_no_signature(tmp_path: Path, text: str) -> None:
    with pytest.raises(ArtifactError, match="is not a signature"):
        Signature.read(_file(tmp_path, text))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="It comes with the bundle; copy both"):
        Signature.read(tmp_path / "x.tar.minisig")
    with pytest.raises(UsageError, match="cannot be read as a public key"):
        PublicKey.read(str(tmp_path / "absent.pub"))


def test_every_altered_byte_of_a_signature_is_noticed(tmp_path: Path) -> None:
    key = PublicKey.read(PUBLIC.splitlines()[1])
    start = SIGNED.index("\n") + 1
    for place in range(start, len(SIGNED) - 1):
        for letter in ("A", "\n", chr(ord(SIGNED[place]) ^ 1)):
            altered = SIGNED[:place] + letter + SIGNED[place + 1 :]
            if altered != SIGNED:
                with pytest.raises(EdgedocError):
                    Signature.read(_file(tmp_path, altered)).check(TEST, key, Path("test"))
