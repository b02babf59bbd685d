"""Small volumes of their own for the data of NATS and PostgreSQL, so that each can be full while the rest has room."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import tempfile
from contextlib import suppress
from pathlib import Path

BALLAST = "ballast"
CHUNK = bytes(1024 * 1024)
DETACH = 2  # MNT_DETACH of mount(2)

_libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)


class MountRefused(Exception):
    """This system, or this user, may not mount a tmpfs; the argument is the system's reason."""


class Volume:
    """A tmpfs on a folder."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder, self._megabytes = folder, megabytes

    def mount(self, user: int | None = None) -> None:
        """Raises MountRefused. What an earlier run left mounted goes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.unmount()
        target = os.fsencode(self.folder)
        options = f"size={self._megabytes}m".encode()
        if not hasattr(_libc, "mount") or _libc.mount(b"tmpfs", target, b"tmpfs", 0, options) != 0:
            raise MountRefused(os.strerror(ctypes.get_errno()))
        if user is not None:
            os.chown(self.folder, user, -1)

    def unmount(self) -> None:
        while os.path.ismount(self.folder) and _libc.umount2(os.fsencode(self.folder), DETACH) == 0:
            pass

    def fill(self) -> None:
        """Until not one more byte fits."""
        with suppress(OSError), (self.folder / BALLAST).open("ab", buffering=0) as ballast:
            while True:
                # The last write takes what is left, so that a byte is missing to everybody.
                ballast.write(CHUNK)
        with suppress(OSError), (self.folder / BALLAST).open("ab", buffering=0) as ballast:
            while True:
                ballast.write(b"0")

    def relieve(self) -> None:
        (self.folder / BALLAST).unlink(missing_ok=True)


def why_not(folder: Path) -> str | None:
    """Why no volume can be mounted here; None when it can."""
    with tempfile.TemporaryDirectory(dir=folder) as trial:
        volume = Volume(Path(trial), 1)
        try:
            volume.mount()
        except MountRefused as refused:
            return str(refused)
        volume.unmount()
    return None
