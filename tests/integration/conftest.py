from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.zygote import Zygote


@pytest.fixture(scope="session")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Start trainings of one rank without the time of their imports."""
    trainings = Zygote(tmp_path_factory.mktemp("trainings"), "training")
    yield trainings
    trainings.close()
