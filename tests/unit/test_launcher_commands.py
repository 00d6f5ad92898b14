"""Command lines of python, accelerate launch, torchrun and deepspeed."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.launch.launcher_commands import Kind, parse

COMMANDS = [
    ("python train.py --lr 1", Kind.SCRIPT, "train.py", "--lr 1", "train"),
    ("python3.11 -u src/fit.py -m x", Kind.SCRIPT, "src/fit.py", "-m x", "fit"),
    ("python -m pkg.train --lr 1", Kind.MODULE, "pkg.train", "--lr 1", "train"),
    ("python -mpkg", Kind.MODULE, "pkg", "", "pkg"),
    ("python -m pkg.__main__", Kind.MODULE, "pkg.__main__", "", "pkg"),
    ("python -uBm pkg", Kind.PROGRAM, "python", "-uBm pkg", None),
    ("python -c 'print(1)' a", Kind.PROGRAM, "python", "-c 'print(1)' a", None),
    ("python -I train.py a", Kind.PROGRAM, "python", "-I train.py a", "train"),
    ("python -X frozen_modules train.py", Kind.PROGRAM, "python", "-X frozen_modules train.py", "train"),
    ("python", Kind.SCRIPT, None, "", None),
    ("python -u", Kind.SCRIPT, None, "", None),
    ("python -m torch.distributed.run --nproc_per_node 2 a/b.py --lr 1", Kind.MODULE, "torch.distributed.run",
     "--nproc_per_node 2 a/b.py --lr 1", "b"),
    ("accelerate launch train.py --num_processes 3", Kind.SCRIPT, "train.py", "--num_processes 3", "train"),
    ("accelerate launch -m pkg.train --x", Kind.MODULE, "pkg.train", "--x", "train"),
    ("accelerate launch --no_python ./run.sh a", Kind.PROGRAM, "./run.sh", "a", "run"),
    ("accelerate-launch --cpu train.py", Kind.SCRIPT, "train.py", "", "train"),
    ("python -m accelerate.commands.launch --cpu train.py", Kind.SCRIPT, "train.py", "", "train"),
    ("accelerate launch", Kind.SCRIPT, None, "", None),
    ("accelerate config", Kind.SCRIPT, None, "", None),
    ("torchrun --nproc-per-node=2 -m pkg.train --lr 1", Kind.PROGRAM, "torchrun",
     "--nproc-per-node=2 -m pkg.train --lr 1", "train"),
    ("env/bin/deepspeed --num_gpus 2 fit.py --lr 1", Kind.PROGRAM, "env/bin/deepspeed",
     "--num_gpus 2 fit.py --lr 1", "fit"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "kind", "target", "args", "name"), COMMANDS)
def test_what_a_command_line_starts(line: str, kind: Kind, target: str | None, args: str, name: str | None) -> None:
    found = parse(shlex.split(line))
    assert (found.kind, found.target, shlex.join(found.args), found.name) == (kind, target, args, name)


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        ("-u", {"PYTHONUNBUFFERED": "1"}),
        ("-uB", {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}),
        ("-OO", {"PYTHONOPTIMIZE": "2"}),
        ("-X dev -Xfaulthandler", {"PYTHONDEVMODE": "1", "PYTHONFAULTHANDLER": "1"}),
        ("-W ignore -Werror::UserWarning", {"PYTHONWARNINGS": "ignore,error::UserWarning"}),
    ],
)
def test_options_of_python_become_variables(options: str, variables: dict[str, str]) -> None:
    found = parse(["python", *options.split(), "train.py", "-u"])
    assert (found.variables, found.target, found.args) == (variables, "train.py", ("-u",))


def test_flags_of_accelerate_become_settings_and_flags() -> None:
    found = parse(
        "accelerate launch --num_processes 2 --multi-gpu --mixed-precision=bf16 --gpu_ids 0,1 --config_file a.yaml"
        " --debug train.py --mixed_precision no".split()
    )
    assert found.values == {
        "accelerate.num_processes": "2",
        "accelerate.mixed_precision": "bf16",
        "accelerate.config_file": "a.yaml",
    }
    assert found.flags == ("--multi-gpu", "--gpu_ids", "0,1", "--debug")
    assert found.args == ("--mixed_precision", "no")
    assert found.is_accelerate


@given(
    st.sampled_from(["python", "accelerate launch --cpu", "python -u", "torchrun --standalone"]), st.lists(st.text())
)
def test_the_arguments_of_the_script_are_not_changed(launcher: str, args: list[str]) -> None:
    found = parse([*launcher.split(), "train.py", *args])
    assert found.args[len(found.args) - len(args) :] == tuple(args)
