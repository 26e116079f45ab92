"""Servers of peers that are no Python packages, unpacked from Debian's own into a folder of the bench."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.probing import ROOT

FOLDER = ROOT / ".local" / "peers"


def debian(name: str, packages: Sequence[str], binary: str) -> Path | None:
    """The path of `binary`: the machine's own, else from these packages; None where neither can be had."""
    own = shutil.which(binary)
    if own:
        return Path(own)
    folder = FOLDER / name
    path = folder / "root" / "usr" / "bin" / binary
    if not path.exists() and shutil.which("apt-get"):
        folder.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run(
            ["apt-get", "download", *packages], cwd=folder, check=False, capture_output=True
        )
        for package in folder.glob("*.deb") if fetched.returncode == 0 else ():
            subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=False)
    return path if path.exists() else None


def environment(binary: Path) -> Mapping[str, str]:
    """In which such a binary finds the libraries that came with it."""
    libraries = [str(path) for path in binary.parents[1].glob("lib/*-linux-gnu")]
    return (
        {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}
        if "peers" in binary.parts
        else dict(os.environ)
    )
