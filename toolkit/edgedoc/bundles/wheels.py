"""The Python packages a device needs, as wheels for its platform, through pip. Knows no bundle's layout.

pip evaluates environment markers for the machine it runs on: a package that only another system needs is not
collected.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgedoc import __version__
from edgedoc.errors import MissingError, OutputError, UsageError
from edgedoc.manifest import Format

_GLIBC = re.compile(r"manylinux_2_(\d{1,3})_(\w+)")
_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


def requirement(formats: Iterable[Format], *, signed: bool) -> str:
    """What a device of these formats installs, as pip writes it, with what checks signatures if need be.

    The extras are named after the formats.
    """
    extras = {format.value for format in formats} | ({"sign"} if signed else set())
    return f"edgedoc[{','.join(sorted(extras))}]=={__version__}"


def platform_tags(platform: str) -> list[str]:
    """Every tag of wheels that run where wheels of `platform` do; pip takes each as it is.

    A glibc runs what was built for an older one (PEP 600). Raises UsageError.
    """
    if not re.fullmatch(r"\w+", platform):
        raise UsageError(f"{platform!r} is no platform tag; they look like manylinux_2_28_x86_64 or win_amd64.")
    match = _GLIBC.fullmatch(platform)
    if match is None:
        return [platform]
    minors = range(int(match[1]), 4, -1)
    tags = [tag for minor in minors for tag in (f"manylinux_2_{minor}", _NAMES.get(minor)) if tag]
    return [f"{tag}_{match[2]}" for tag in [*tags, "linux"]]


def download(wanted: str, platforms: Sequence[str], python: str, links: Sequence[Path], folder: Path) -> list[Path]:
    """Collect `wanted` and all it needs into `folder`, for each platform tag; `links` are folders of local wheels.

    Raises UsageError for what is no platform, MissingError naming the package that has no wheel there.
    """
    for platform in platforms:
        command = ["download", wanted, "--only-binary", ":all:", "--dest", str(folder)]
        command += ["--implementation", "cp", "--python-version", python]
        command += [option for tag in platform_tags(platform) for option in ("--platform", tag)]
        command += [option for link in links for option in ("--find-links", str(link))]
        done = _pip(command)
        if done.returncode != 0:
            raise _no_wheel(done.stderr, platform, python)
    return sorted(folder.glob("*.whl"))


def install(folder: Path, wanted: str) -> None:
    """Install `wanted` from the wheels in `folder`, without the network. Raises OutputError."""
    done = _pip(["install", "--no-index", "--find-links", str(folder), wanted])
    if done.returncode != 0:
        raise OutputError(f"pip could not install {wanted} from {folder}: {_last(done.stderr)}")


def _pip(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0 and "No module named pip" in done.stderr:
        raise MissingError("pip is not installed. Get it with: python -m ensurepip")
    return done


def _no_wheel(complaint: str, platform: str, python: str) -> MissingError:
    match = re.search(r"No matching distribution found for ([A-Za-z0-9._-]+)", complaint)
    if match is None:
        return MissingError(f"pip could not collect the wheels for {platform}: {_last(complaint)}")
    built = "PATH_OF_ITS_CHECKOUT" if match[1] == "edgedoc" else match[1]
    return MissingError(
        f"There is no wheel of {match[1]} for {platform} and Python {python}, not on the index, not in --find-links. "
        f"Build it on such a machine with: pip wheel --no-deps {built} -w WHEELS, and name that folder by --find-links"
    )


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else "it gave no reason"
