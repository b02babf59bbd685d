"""Volumes of their own for the data of NATS and PostgreSQL, so that each can be full while the rest has room."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import tempfile
from pathlib import Path

ROOM_BYTES = 4 * 1024**3
PAGE_BYTES = 4096
DETACH, REMOUNT = 2, 32  # MNT_DETACH and MS_REMOUNT of <sys/mount.h>

_libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)


class MountRefused(OSError):
    """This system, or this user, may not mount a tmpfs."""


class Volume:
    """A tmpfs on a folder. It takes memory for what is in it, and none for its room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self) -> None:
        """Raises MountRefused. What an earlier run left mounted goes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.unmount()
        self._mount(ROOM_BYTES, 0)

    def unmount(self) -> None:
        while os.path.ismount(self.folder) and _libc.umount2(os.fsencode(self.folder), DETACH) == 0:
            pass

    def fill(self) -> None:
        """Makes it as small as what is in it: not one more byte fits. Whoever writes meanwhile has some pages left."""
        for left in (0, *(PAGE_BYTES << n for n in range(12))):
            there = os.statvfs(self.folder)
            try:
                # A size of nothing would be no limit.
                self._mount(max(PAGE_BYTES, (there.f_blocks - there.f_bfree) * there.f_frsize + left), REMOUNT)
                return
            except MountRefused as refused:
                # It has grown since it was looked at, and cannot be smaller than what is in it.
                if refused.errno != errno.EINVAL:
                    raise
        raise MountRefused(errno.EINVAL, "it grew faster than it could be filled")

    def relieve(self) -> None:
        self._mount(ROOM_BYTES, REMOUNT)

    def _mount(self, size_bytes: int, flags: int) -> None:
        arguments = b"tmpfs", os.fsencode(self.folder), b"tmpfs", flags, f"size={size_bytes}".encode()
        if not hasattr(_libc, "mount") or _libc.mount(*arguments) != 0:
            raise MountRefused(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def why_not(folder: Path) -> str | None:
    """Why no volume can be mounted here; None when it can."""
    with tempfile.TemporaryDirectory(dir=folder) as trial:
        volume = Volume(Path(trial))
        try:
            volume.mount()
        except MountRefused as refused:
            return str(refused.strerror)
        volume.unmount()
    return None
