"""Small real disks that a test can fill, remount read-only, unmount or kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.command import wait_until

# A start needs 64 MiB.
SIZE_MIB = 80
_NEEDS = ("mount", "umount")


def need_mounts() -> None:
    """Skip the test, with the reason, where nothing can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a disk")
    if missing := [name for name in _NEEDS if shutil.which(name) is None]:
        pytest.skip(f"needs {', '.join(missing)}")


def unmount(place: Path) -> None:
    """Unmount everything at a place, also if it is in use or does not answer."""
    while subprocess.run(["umount", "-l", place], capture_output=True, check=False).returncode == 0:
        pass


@contextmanager
def tmpfs(place: Path, options: str = "") -> Iterator[None]:
    """Mount a disk in memory."""
    need_mounts()
    place.mkdir(exist_ok=True)
    chosen = ",".join(filter(None, (f"size={SIZE_MIB}m", options)))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", chosen, "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no mounts here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        unmount(place)


class Ext4:
    """A disk in an image, which keeps its files when it is unmounted.

    Args:
        place: Where it is mounted.
        image: The image.
    """

    def __init__(self, place: Path, image: Path) -> None:
        need_mounts()
        if shutil.which("mkfs.ext4") is None or not Path("/dev/loop-control").exists():
            pytest.skip("needs mkfs.ext4 (e2fsprogs) and loop devices")
        self.place, self.image = place, image
        place.mkdir(exist_ok=True)
        with image.open("wb") as file:
            file.truncate((SIZE_MIB + 16) * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)

    def mount(self) -> None:
        """Mount it."""
        done = subprocess.run(["mount", "-o", "loop", self.image, self.place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"no loop mounts here: {done.stderr.decode().strip()}")

    def become_read_only(self) -> None:
        """Become read-only while files are open for writing, as the kernel does it after an error of the disk."""
        self.failure.write_text("1")

    @property
    def failure(self) -> Path:
        """The file that makes the disk read-only if a process writes to it."""
        subprocess.run(["mount", "-o", "remount,errors=remount-ro", self.place], check=True)
        return Path("/sys/fs/ext4", self._device().name, "trigger_fs_error")

    def repair(self) -> None:
        """Become writable again, as after a repair of the disk."""
        unmount(self.place)
        subprocess.run(["e2fsck", "-fy", self.image], capture_output=True, check=False)
        self.mount()

    def _device(self) -> Path:
        return Path(subprocess.check_output(["findmnt", "-no", "SOURCE", self.place], text=True).strip())


@contextmanager
def ext4(place: Path, image: Path) -> Iterator[Ext4]:
    """Mount a disk in an image."""
    disk = Ext4(place, image)
    disk.mount()
    try:
        yield disk
    finally:
        unmount(place)


class Fuse:
    """A directory that another process serves (bindfs).

    Args:
        place: Where it is mounted.
        source: The directory with the files.
    """

    def __init__(self, place: Path, source: Path) -> None:
        need_mounts()
        if shutil.which("bindfs") is None:
            pytest.skip("needs bindfs (apt-get install bindfs)")
        self.place, self.source = place, source
        for folder in (place, source):
            folder.mkdir(exist_ok=True)
        self.mount()

    def mount(self) -> None:
        """Start the process, and mount the directory."""
        self._process = subprocess.Popen(["bindfs", "-f", self.source, self.place])
        wait_until(lambda: os.path.ismount(self.place) or self._process.poll() is not None)
        if self._process.returncode is not None:
            pytest.skip("no FUSE here: bindfs does not start")

    @property
    def pid(self) -> int:
        """The process: without it, every call on the directory fails with ENOTCONN."""
        return self._process.pid

    def kill(self) -> None:
        """Kill the process."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def mount_again(self) -> None:
        """Mount the directory again, after the process was killed."""
        self.close()
        self.mount()

    def close(self) -> None:
        """Unmount the directory."""
        unmount(self.place)
        self._process.wait()


@contextmanager
def fuse(place: Path, source: Path) -> Iterator[Fuse]:
    """Mount a directory that another process serves."""
    disk = Fuse(place, source)
    try:
        yield disk
    finally:
        disk.close()


def fill(folder: Path, name: str = "filler") -> None:
    """Use every block of a disk."""
    for size in (2**20, 4096, 1):
        with suppress(OSError), open(folder / name, "ab", buffering=0) as file:
            while True:
                file.write(bytes(size))


def use_all_inodes(folder: Path) -> None:
    """Use every inode of a disk."""
    (folder / "fillers").mkdir()
    with suppress(OSError):
        for number in range(100_000):
            (folder / "fillers" / str(number)).touch()
