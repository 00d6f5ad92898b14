from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Starter
from tests.support.zygote import Zygote

CONFIG = """\
# a comment that stays
model: {size: 010}   # and this one
training:
  epochs: 3
  lr: 1.0e-4
  checkpoint:
    save_dir: runs/exp
    resume:
tsdia_run:
  launcher: python
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a config; each test writes its own train.py."""
    (tmp_path / "config.yml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def start() -> Iterator[Starter]:
    """Start the command without waiting for it."""
    starter = Starter()
    yield starter
    starter.close()


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Start the command without the time of its imports."""
    zygote = Zygote(tmp_path_factory.mktemp("zygote"))
    yield zygote
    zygote.close()
