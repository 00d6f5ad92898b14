"""The detection reads modules of the project, ends in a short time, and never fails or runs anything."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.test_detection import CASES, DIFFUSERS, found_in
from tsdia_run.scripts.detection import detect
from tsdia_run.scripts.syntax import parsed


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text).lstrip("\n"), encoding="utf-8")


PARSER = """
    import argparse
    def get_parser():
        parser = argparse.ArgumentParser()
        add_more(parser)
        return parser
    def add_more(parser):
        parser.add_argument("--save_dir")
    def unused(parser):
        parser.add_argument("--output_dir")
    if __name__ == "__main__":
        argparse.ArgumentParser().add_argument("--out_dir")
"""


@pytest.mark.parametrize(
    ("files", "place"),
    [
        (
            {"train.py": "from options import get_parser\nget_parser().parse_args()", "options.py": PARSER},
            "options.py:7",
        ),
        ({"train.py": "import options as o\no.get_parser().parse_args()", "options.py": PARSER}, "options.py:7"),
        ({"train.py": "from options import *\nget_parser()", "options.py": PARSER}, "options.py:7"),
        (
            {"train.py": "from lab.args import get_parser\nget_parser()", "lab/args.py": PARSER, "lab/__init__.py": ""},
            "lab/args.py:7",
        ),
        (
            {
                "train.py": "from lab import parse\nparse()",
                "lab/__init__.py": "from .args import get_parser as parse",
                "lab/args.py": PARSER,
            },
            "lab/args.py:7",
        ),
        (
            {
                "train.py": "from lab.cli import main\nmain()",
                "lab/cli.py": "from .args import get_parser\ndef main():\n    get_parser().parse_args()",
                "lab/args.py": PARSER,
            },
            "lab/args.py:7",
        ),
        (
            {
                "train.py": "import argparse\nfrom base import parent\nargparse.ArgumentParser(parents=[parent])",
                "base.py": "import argparse\nparent = argparse.ArgumentParser()\nparent.add_argument('--save_dir')",
            },
            "base.py:3",
        ),
        (
            {
                "train.py": "from tyro import cli\nfrom base import Config\ncli(Config)",
                "base.py": "class Config:\n    save_dir: str = 'x'",
            },
            "base.py:2",
        ),
        # Another program in the project says nothing about this one.
        ({"train.py": "import options\nprint(options)", "options.py": PARSER}, None),
        ({"train.py": "from train import main\nfrom os import path\nmain()"}, None),
    ],
)
def test_options_in_modules_of_the_project(tmp_path: Path, files: dict[str, str], place: str | None) -> None:
    write(tmp_path, files)
    found = detect(tmp_path / "train.py", tmp_path)
    assert found is not None
    assert (str(found.run_dir.place) if found.run_dir else None) == place


def test_a_script_in_a_folder_finds_modules_next_to_it_and_in_the_working_directory(tmp_path: Path) -> None:
    write(tmp_path, {"src/train.py": "import options, lab.args\noptions.get_parser()", "src/options.py": PARSER})
    found = detect(tmp_path / "src" / "train.py", tmp_path)
    assert found is not None
    assert found.run_dir is not None
    assert str(found.run_dir.place) == "src/options.py:7"


def test_the_keys_of_a_hydra_app_are_read_from_its_own_config(tmp_path: Path) -> None:
    text = "import hydra\n@hydra.main(config_path='conf', config_name='train')\ndef main(cfg):\n    run(cfg)\n"
    conf = "trainer:\n  default_root_dir: out\nckpt_path: null\npaths: {output_dir: '${hydra:runtime.output_dir}'}\n"
    write(tmp_path, {"train.py": text, "conf/train.yaml": conf})
    found = detect(tmp_path / "train.py", tmp_path)
    assert found is not None
    assert found.config is not None
    assert found.run_dir is not None
    assert found.checkpoint is not None
    assert found.config.words == ()
    assert found.run_dir.words == ("hydra.run.dir={output_dir}", "trainer.default_root_dir={output_dir}")
    assert found.checkpoint.words == ("ckpt_path={checkpoint}",)
    assert str(found.checkpoint.place) == "conf/train.yaml:3"


@pytest.mark.parametrize(
    "text",
    [
        "def main(:\n",
        "x = 1\n" * 200_000,
        "(" * 50_000,
        "-" * 50_000 + "1",
        "not " * 50_000 + "1",
        "f(" * 3_000 + ")" * 3_000,
        "a" + ".b" * 100_000,
        "x = '\0'",
        "x: " + "-" * 3_000 + "1 = 2\nclass A:\n    x: " + "-" * 3_000 + "1 = 2\nimport tyro\ntyro.cli(A)",
    ],
)
def test_a_script_that_can_not_be_parsed_tells_nothing(tmp_path: Path, text: str) -> None:
    began_s = time.process_time()
    found = found_in(tmp_path, text)
    assert found is None or found.run_dir is None  # versions of Python differ in the depth that they can parse
    assert time.process_time() - began_s < 2


@pytest.mark.parametrize("kind", ["missing", "directory", "binary", "loop"])
def test_files_that_are_not_scripts_tell_nothing(tmp_path: Path, kind: str) -> None:
    script = tmp_path / "train.py"
    if kind == "directory":
        script.mkdir()
    elif kind == "binary":
        script.write_bytes(bytes(range(256)))
    elif kind == "loop":
        script.symlink_to(script)
    assert detect(script, tmp_path) is None


def test_a_script_is_never_run_and_its_warnings_are_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "import other\nopen('ran', 'w')\nprint('\\d')\nother.main()\nraise SystemExit\n"
    write(tmp_path, {"train.py": text, "other.py": "open('ran', 'w')\nx = '\\d' is 1\ndef main(): ...\n"})
    modules = set(sys.modules)
    assert detect(tmp_path / "train.py", tmp_path) is not None
    assert not (tmp_path / "ran").exists()
    assert "other" not in set(sys.modules) - modules
    assert capfd.readouterr() == ("", "")


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(40)]
    lines = "".join(f"from {name} import {name}\n" for name in names)
    calls = "".join(f"    {name}()\n" for name in names)
    write(tmp_path, {f"{name}.py": f"{lines}def {name}():\n{calls}" for name in names})
    (tmp_path / "train.py").write_text(f"{lines}{names[0]}()\n")
    began_s = time.process_time()
    assert detect(tmp_path / "train.py", tmp_path) is not None
    assert time.process_time() - began_s < 2


def test_a_long_script_is_read_in_a_short_time(tmp_path: Path) -> None:
    body = "".join(
        f"    if step % {n} == 0:\n        loss = model(batch[{n}]) + args.weight * {n}\n" for n in range(2_500)
    )
    (tmp_path / "train.py").write_text(f"def train(args, model, step, batch):\n{body}\n{dedent(DIFFUSERS)}")

    def shortest_s(work: Callable[[], object]) -> float:
        times_s = []
        for _ in range(3):
            began_s = time.process_time()
            assert work() is not None
            times_s.append(time.process_time() - began_s)
        return min(times_s)

    # Python needs 20 to 35 ms for 5,000 lines on an idle machine; the limit is 50 ms.
    script = tmp_path / "train.py"
    data = script.read_bytes()
    assert shortest_s(lambda: detect(script, tmp_path)) < 2.5 * shortest_s(lambda: parsed(data))


_NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    others=st.lists(_NAMES.map(lambda name: f"zz_{name}"), max_size=3),
    output=st.sampled_from(["output_dir", "out-dir", "save_dir", "work-dir", "logdir", "exp_dir"]),
    resume=st.sampled_from(["resume", "resume-from", "resume_from_checkpoint", "ckpt_path", "load-checkpoint"]),
    owner=st.sampled_from(["parser", "self.parser", "group", "argparse.ArgumentParser()"]),
    layout=st.sampled_from(
        ["{}", "def f():\n    {}", "class A:\n  def f(self):\n    {}", "if True:\n    {}", "with x:\n    {}"]
    ),
    short=st.booleans(),
)
def test_the_place_of_a_declaration_does_not_matter(
    tmp_path: Path, others: list[str], output: str, resume: str, owner: str, layout: str, short: bool
) -> None:
    first = "'-o', " if short else ""
    calls = [f"{owner}.add_argument('--{name}', default='x')" for name in others]
    calls.insert(len(calls) // 2, f"{owner}.add_argument({first}'--{output}',\n        type=str)")
    calls.append(f"{owner}.add_argument('--{resume}', default=None)")
    found = found_in(tmp_path, "\n".join(layout.format(call) for call in calls))
    assert found is not None
    assert found.run_dir is not None
    assert found.checkpoint is not None
    assert found.run_dir.words == (f"--{output}", "{output_dir}")
    assert found.checkpoint.words == (f"--{resume}", "{checkpoint}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_source_makes_the_detection_fail(tmp_path: Path, data: st.DataObject) -> None:
    """Pieces of real scripts in any order; most are not valid Python, and some mean nothing."""
    lines = [line for case in CASES for line in dedent(case.text).splitlines()]
    found_in(tmp_path, "\n".join(data.draw(st.lists(st.sampled_from(lines), max_size=12))))
    calls = [line.strip() for line in lines if line.endswith(")") and not line.lstrip().startswith(("@", "def", "add"))]
    found_in(tmp_path, "\n".join(data.draw(st.lists(st.sampled_from(calls), max_size=12))))
