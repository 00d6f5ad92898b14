"""What follows from the script or a preset has a lower rank than every setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tsdia_run.config import Document, keys, parse
from tsdia_run.errors import ConfigError
from tsdia_run.launch.place import RunPlaceRequest, run_directory
from tsdia_run.launch.script_settings import Completed, complete
from tsdia_run.scripts.detection import detect
from tsdia_run.scripts.presets import PRESETS
from tsdia_run.scripts.project_text import project_text, settings_for
from tsdia_run.settings import Layer, read_layer, resolve

SCRIPT = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--cfg")
parser.add_argument("--output_dir")
parser.add_argument("--resume")
"""
DIRECTORY = ("--output_dir", "{output_dir}")
CONFIG = parse(b"lr: 1\n", "exp.yml")


def completed(
    cwd: Path, *extra_args: str, script: str = SCRIPT, document: Document | None = None, **values: Any
) -> Completed:
    (cwd / "train.py").write_text(script)
    return complete([Layer("the test", values)], document, extra_args, cwd)


def test_a_script_without_settings_gets_its_directory_and_checkpoint(tmp_path: Path) -> None:
    found = completed(tmp_path, "--lr", "1")
    assert (found.settings.args, found.settings.resume_args) == (DIRECTORY, ("--resume", "{checkpoint}"))
    assert found.extra_args == ("--lr", "1")
    assert found.notes == (
        "passing the run directory as --output_dir (found in train.py:4),"
        " and the checkpoint of a resume as --resume (found in train.py:5)",
    )
    assert completed(tmp_path, document=CONFIG).settings.args == ("--cfg", "{config}", *DIRECTORY)


@pytest.mark.parametrize(
    ("values", "extra_args", "args"),
    [
        ({"args": ()}, (), ()),
        ({"args": ("--x",)}, (), ("--x",)),
        ({}, ("--output-dir", "mine"), ("--config", "{config}")),
        ({}, ("--output_dir=mine",), ("--config", "{config}")),
        ({}, ("--elsewhere", "{run_dir}"), ("--config", "{config}")),
    ],
)
def test_what_the_user_says_about_the_directory_is_kept(
    tmp_path: Path, values: dict[str, Any], extra_args: tuple[str, ...], args: tuple[str, ...]
) -> None:
    found = completed(tmp_path, *extra_args, **values)
    assert (found.settings.args, found.extra_args) == (args, extra_args)


@pytest.mark.parametrize(
    ("values", "extra_args", "expected"),
    [
        ({"resume_args": ()}, (), ()),
        ({"resume_args": ("--mine",)}, (), ("--mine",)),
        ({}, ("--load", "{checkpoint}"), None),
    ],
)
def test_what_the_user_says_about_the_checkpoint_is_kept(
    tmp_path: Path, values: dict[str, Any], extra_args: tuple[str, ...], expected: tuple[str, ...] | None
) -> None:
    assert completed(tmp_path, *extra_args, **values).settings.resume_args == expected


def test_a_config_key_and_a_script_that_asks_are_enough(tmp_path: Path) -> None:
    document = parse(b"training: {output_dir: x, resume_from_checkpoint: }\n", "exp.yml")
    found = completed(tmp_path, document=document)
    assert (found.settings.args, found.settings.resume_args) == (("--cfg", "{config}"), None)
    asks = SCRIPT + "import os\nos.environ['TSDIA_RUN_DIR']\nos.environ['TSDIA_RUN_CHECKPOINT']\n"
    found = completed(tmp_path, script=asks)
    assert (found.settings.resume_args, found.notes) == (None, ())


def test_words_that_must_come_first_leave_the_arguments_of_the_user(tmp_path: Path) -> None:
    script = (
        "out_dir = 'out'\ninit_from = 'scratch'\nexec(open('configurator.py').read())\nif init_from == 'resume': pass\n"
    )
    choices: list[dict[str, Any]] = [{}, {"preset": "nanogpt"}]
    for values in choices:
        found = completed(tmp_path, "config/a.py", "--lr=1", script=script, **values)
        assert found.settings.args == ("config/a.py", "--out_dir={output_dir}")
        assert found.settings.resume_args == ("--init_from=resume",)
        assert found.extra_args == ("--lr=1",)
        # `ensure` states the arguments again, and the record has those words in `args` too.
        assert found.restated.values == {"args": found.settings.args}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_passes_directory_and_checkpoint_below_every_setting(tmp_path: Path, name: str) -> None:
    found = completed(tmp_path, script="", preset=name)
    document = completed(tmp_path, script="", preset=name, document=CONFIG).settings
    assert any("{output_dir}" in word for word in found.settings.args) or document.run_dir_key is not None
    has_checkpoint = found.settings.resume_args is not None or document.resume_key is not None
    assert has_checkpoint or name == "hydra"  # the option follows from the script
    assert completed(tmp_path, script="", preset=name, args=("--x",)).settings.args == ("--x",)
    assert completed(tmp_path, script="", preset=name, resume_args=("--x",)).settings.resume_args == ("--x",)


def test_presets_know_what_their_scripts_want(tmp_path: Path) -> None:
    assert completed(tmp_path, preset="diffusers").settings.resume_args == (
        "--resume_from_checkpoint",
        "{checkpoint_name}",
    )
    alone = completed(tmp_path, preset="transformers", document=CONFIG).settings
    assert (alone.args, alone.run_dir_key, alone.resume_key) == (("{config}",), "output_dir", "resume_from_checkpoint")
    assert completed(tmp_path, preset="hydra", document=CONFIG).settings.args == ("hydra.run.dir={output_dir}",)


def test_an_unknown_preset_is_an_error_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown preset 'difusers'") as caught:
        completed(tmp_path, preset="difusers")
    assert caught.value.hint.startswith("Did you mean diffusers?")


@pytest.mark.parametrize(
    ("text", "run_dir", "resume"),
    [
        ("output_dir: a", "output_dir", None),
        (
            "training: {output_dir: a, resume_from_checkpoint: }",
            "training.output_dir",
            "training.resume_from_checkpoint",
        ),
        ("trainer: {default_root_dir: a}\nckpt_path: null", "trainer.default_root_dir", "ckpt_path"),
        ("checkpoint_dir: a\nresume: false", "checkpoint_dir", "resume"),
        ("checkpoint_dir: a\noutput_dir: b", "output_dir", None),
        ("checkpoint: {save_dir: a, resume: }\noutput_dir: b", "checkpoint.save_dir", "checkpoint.resume"),
        ("data: {output_dir: a}\noutput_dir: {a: b}\nresume: 3\nwork_dir: 7", None, None),
    ],
)
def test_usual_keys_of_a_config_are_recognised(text: str, run_dir: str | None, resume: str | None) -> None:
    document = parse(text.encode(), "exp.yml")
    assert (keys.run_dir_key(document, None), keys.resume_key(document, None)) == (run_dir, resume)
    assert keys.run_dir_key(document, "mine") == "mine"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("out/a", "/project/out/a"), ("", "/project/runs/exp"), ("'${hydra:x}/a'", "/project/runs/exp"),
     ("'{model}'", "/project/runs/exp"), (".", "/project/runs/exp"), ("..", "/project/runs/exp"),
     ("'s3://b/x'", "/project/runs/exp"), ("'$NOPE/x'", "/project/runs/exp"), ("''", "/project/runs/exp")],
)  # fmt: skip
def test_a_usual_key_without_a_usable_path_still_gets_the_run_directory(value: str, expected: str) -> None:
    document = parse(f"output_dir: {value}\n".encode(), "exp.yml")
    request = RunPlaceRequest(None, None, Path("/project"), {})
    assert str(run_directory(request, document, "output_dir", is_usual=True)) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (SCRIPT, {"args": ("--cfg", "{config}", *DIRECTORY), "resume_args": ("--resume", "{checkpoint}")}),
        ("import argparse", {}),
        ("import hydra\n@hydra.main()\ndef f(c): ...\n", {"args": ("hydra.run.dir={output_dir}",)}),
        ("out_dir = 'x'\nexec(open('configurator.py').read())\n", {"preset": "nanogpt"}),
        ("p.add_subparsers().add_parser('fit').add_argument('--out')\n", {}),
        ("def f(:", {}),
    ],
)
def test_a_project_file_has_the_settings_and_is_valid(tmp_path: Path, script: str, expected: dict[str, Any]) -> None:
    (tmp_path / "train.py").write_text(script)
    found = detect(tmp_path / "train.py", tmp_path)
    values = settings_for("train.py", found)
    assert values == {"entrypoint": "train.py", **expected}
    written = parse(project_text(values, found).encode(), "tsdia-run.yml").plain()
    layer = read_layer("tsdia-run.yml", written, lambda _: None)
    assert layer.values == values
    assert resolve([layer]).entrypoint == "train.py"
