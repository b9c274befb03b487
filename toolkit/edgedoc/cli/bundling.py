"""Commands about bundles: artifacts as one file, and that file into the store of a machine without a network."""

from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.options import Json
from edgedoc.errors import UsageError


def bundle(
    artifacts: Annotated[list[str], typer.Argument(metavar="ARTIFACT...", help="Artifact folders or recipe names.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, NAME.tar.")],
    wheels: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLATFORM",
            help="Add the Python packages for this platform tag, e.g. manylinux_2_28_x86_64. Several times.",
        ),
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="With --wheels: Python version of the device; default: this one's.")
    ] = None,
    find_links: Annotated[
        list[Path] | None, typer.Option(help="With --wheels: folder of wheels that are on no index. Several times.")
    ] = None,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEYFILE", help="Sign with this secret key of minisign's: NAME.tar.minisig.")
    ] = None,
    json: Json = False,
) -> None:
    """Put artifacts into one file for machines without a network.

    With their recipes, licences, checksums and, on request, the Python packages. The same artifacts give the same file.
    """
    import platform
    from tempfile import TemporaryDirectory

    from edgedoc.bundles import wheels as packages
    from edgedoc.bundles.manifest import Wheels
    from edgedoc.bundles.secret_key import SecretKey
    from edgedoc.bundles.signing import sign_file
    from edgedoc.bundles.writing import write
    from edgedoc.schema import to_table
    from edgedoc.store import resolve

    found = [resolve(name) for name in artifacts]
    key = SecretKey.read(sign, _password) if sign is not None else None
    with TemporaryDirectory() as folder:
        collected, files = None, []
        if wheels:
            collected = Wheels(
                requirement=packages.requirement((artifact.format for artifact in found), signed=key is not None),
                platforms=tuple(wheels),
                python=python or ".".join(platform.python_version_tuple()[:2]),
            )
            console.note(f"collecting the wheels of {collected.requirement} for {', '.join(wheels)}")
            links = find_links or []
            files = packages.download(collected.requirement, wheels, collected.python, links, Path(folder))
        manifest = write(found, out, wheels=collected, wheel_files=files)
    signature = sign_file(out, key, manifest.created) if key is not None else None
    for model, licence in manifest.licences.items():
        if licence.commercial is not True:
            console.note(f"{model}: {licence.terms}")
    console.note(f"{len(manifest.files)} files, {manifest.bytes / 1e6:.1f} MB. Next: edgedoc install {out.name}")
    if json:
        signed = str(signature) if signature else None
        console.data({"bundle": str(out), "signature": signed, "manifest": to_table(manifest)})
    else:
        print(out)


def install(
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A file made by edgedoc bundle.")],
    key: Annotated[
        str | None,
        typer.Option(
            envvar="EDGEDOC_KEY", help="Public key of minisign's, file or text, that must have signed the bundle."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an artifact of the same place that is another.")
    ] = False,
    with_wheels: Annotated[
        bool, typer.Option("--with-wheels", help="Install the bundle's Python packages too, into this environment.")
    ] = False,
    json: Json = False,
) -> None:
    """Install the artifacts of a bundle, without a network.

    Everything is checked before anything is written. --model finds them by name then.
    """
    from edgedoc.bundles import wheels as packages
    from edgedoc.bundles.installing import install as unpack
    from edgedoc.bundles.minisign import PublicKey
    from edgedoc.bundles.readme import pip_command

    if with_wheels and not key:
        raise UsageError("--with-wheels installs code: name the --key that must have signed the bundle.")
    done = unpack(path, key=PublicKey.read(key) if key else None, overwrite=overwrite)
    if done.comment is not None:
        console.note(f"signed: {done.comment}")
    else:
        console.note("No key was given, so who made the bundle was not checked; its checksums were.")
    for model, licence in done.manifest.licences.items():
        console.note(f"{model}: {licence.terms}")
    for artifact in done.known:
        console.note(f"{artifact} is there already, the same")
    if done.wheels is not None and done.manifest.wheels is not None:
        if with_wheels:
            packages.install(done.wheels, done.manifest.wheels.requirement)
        else:
            console.note(f"Python packages: {pip_command(str(done.wheels), done.manifest.wheels.requirement)}")
    if json:
        rows = [{"artifact": str(artifact), "known": artifact in done.known} for artifact in done.artifacts]
        console.data({"artifacts": rows, "signed": done.comment, "wheels": str(done.wheels) if done.wheels else None})
    else:
        print(*done.artifacts, sep="\n")


def _password() -> str:
    import getpass

    return getpass.getpass("Password of the secret key: ")
