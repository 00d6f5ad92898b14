"""A cgroup with little memory, for tests of kills for memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import wait_until


@contextmanager
def memory_group(mib: int) -> Iterator[Path]:
    """Make a cgroup with this much memory, v1 or v2; only root can make it."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for base in {"": ("/sys/fs/cgroup",), "memory": ("/sys/fs/cgroup/memory",)}.get(controllers, ()):
            group = Path(f"{base}{path}", f"tsdia-run-test-{os.getpid()}")
            limit = "memory.limit_in_bytes" if controllers else "memory.max"
            try:
                group.mkdir()
            except OSError:
                continue
            if (group / limit).exists():
                (group / limit).write_text(str(mib * 2**20))
                yield group
                wait_until(lambda group=group: not (group / "cgroup.procs").read_text())  # type: ignore[misc]
                group.rmdir()
                return
            group.rmdir()
    pytest.skip("needs root and a memory cgroup that can be divided")
