"""A Hydra app is detected from its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdia_run.scripts.hydra import takes_overrides
from tsdia_run.scripts.syntax import entry_file

BODY = "def train(cfg):\n    pass\n\nif __name__ == '__main__':\n    train()\n"


def is_hydra(folder: Path, text: str) -> bool:
    (folder / "train.py").write_text(text)
    return takes_overrides(folder / "train.py")


@pytest.mark.parametrize(
    "head",
    [
        "import hydra\n@hydra.main(version_base=None, config_path='conf', config_name='c')\n",
        "import hydra as h\n@h.main()\n",
        "import hydra.utils\n@hydra.main\n",
        "from hydra import main\n@main(version_base=None)\n",
        "from hydra import compose, main as hydra_main\n@hydra_main()\n",
        "from hydra.main import main as m\n@m()\n",
        "from hydra import *\n@main()\n",
        "try:\n    import hydra\nexcept ImportError:\n    pass\n@hydra.main()\n",
        "from nemo.core.config import hydra_runner\n@hydra_runner(config_path='conf')\n",
        "import nemo.core.config as c  # made for hydra\n@c.hydra_runner()\n",
    ],
)
def test_every_form_of_the_decorator_is_detected(tmp_path: Path, head: str) -> None:
    assert is_hydra(tmp_path, head + BODY)


def test_a_call_instead_of_a_decorator_is_detected(tmp_path: Path) -> None:
    assert is_hydra(tmp_path, f"import hydra\n{BODY}\nhydra.main(version_base=None)(train)()\n")


@pytest.mark.parametrize(
    "text",
    [
        f"# not hydra.main\n{BODY}",
        f"from hydra import compose, initialize\n{BODY}",
        f"import hydra\nhydra.utils.instantiate({{}})\n{BODY}",
        f"from mine import main  # hydra\n@main()\n{BODY}",
        f"from .hydra import main\n@main()\n{BODY}",
        "import hydra\n@hydra.main(\n",
        "hydra \0",
        "",
    ],
)
def test_other_scripts_are_not_hydra_apps(tmp_path: Path, text: str) -> None:
    assert not is_hydra(tmp_path, text)


def test_the_script_is_never_run(tmp_path: Path) -> None:
    assert is_hydra(tmp_path, f"import hydra\nopen({str(tmp_path / 'ran')!r}, 'w')\n@hydra.main()\n{BODY}")
    assert not (tmp_path / "ran").exists()


def test_modules_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "lab" / "app").mkdir(parents=True)
    (tmp_path / "lab" / "train.py").write_text(f"import hydra\n@hydra.main()\n{BODY}")
    (tmp_path / "lab" / "app" / "__main__.py").write_text(f"import hydra\n@hydra.main()\n{BODY}")
    for module, expected in (("lab.train", True), ("lab.app", True), ("lab.other", False), ("hydra", False)):
        assert takes_overrides(entry_file("train.py", module, tmp_path)) is expected
    assert not takes_overrides(entry_file("missing.py", None, tmp_path))
