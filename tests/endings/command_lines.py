"""A command line that the script, or its launcher, does not accept."""

from __future__ import annotations

from tests.endings.row import How, Row

_ARGPARSE = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--config')\n{}\np.parse_args()\n"
_CLICK = "import click\n@click.command()\n@click.option('--config')\n{}\ndef main(**_):\n    {}\nmain()\n"
_TYPER = "import typer\ndef main(config: str = '', lr: float = 0):\n    pass\ntyper.run(main)\n"
_TORCHRUN = "#!/bin/sh\nexec torchrun --nproc-per-node 2 {}\n"


def _usage(cause: str, script: str, reason: str, arguments: tuple[str, ...] = (), **more: object) -> Row:
    return Row(cause, script, 2, reason, arguments=arguments, **more)  # type: ignore[arg-type]


ROWS = [
    _usage("a wrong argument with argparse", _ARGPARSE.format("p.add_argument('--lr', type=float)"),
           "argparse.ArgumentError: argument --lr: invalid float value: 'x' (the script exited with code 2)", ("--lr", "x")),
    _usage("an unknown argument with argparse", _ARGPARSE.format(""),
           'the script exited with code 2 in train.py:5; it printed "train.py: error: unrecognized arguments: --lrr 1"',
           ("--lrr", "1")),
    _usage("an argument that argparse misses", _ARGPARSE.format("p.add_argument('--data', required=True)"),
           "the script exited with code 2 in train.py:5; it printed "
           '"train.py: error: the following arguments are required: --data"'),
    _usage("a value that the script refuses with argparse",
           "import argparse\np = argparse.ArgumentParser()\np.add_argument('--config')\np.parse_args()\np.error('lr is 0')\n",
           'the script exited with code 2 in train.py:5; it printed "train.py: error: lr is 0"', is_slow=True),
    Row("`--help` with argparse", _ARGPARSE.format(""), 0, "the script exited with code 0", "completed",
        arguments=("--help",), is_slow=True),
    _usage("a wrong argument with click", _CLICK.format("@click.option('--lr', type=float)", "pass"),
           "the script exited with code 2 in train.py:7; it printed "
           "\"Error: Invalid value for '--lr': 'x' is not a valid float.\"", ("--lr", "x")),
    _usage("an argument that click misses", _CLICK.format("@click.option('--data', required=True)", "pass"),
           "the script exited with code 2 in train.py:7; it printed \"Error: Missing option '--data'.\"", is_slow=True),
    Row("an error with click", _CLICK.format("", "raise click.ClickException('no data')"), 1,
        'the script exited with code 1 in train.py:7; it printed "Error: no data"', is_slow=True),
    _usage("a wrong argument with typer", _TYPER,
           "….BadParameter: Invalid value for '--lr': …(the script exited with code 2)", ("--lr", "x")),
    _usage("an unknown option of a program that prints its usage", "#!/usr/bin/make -f\nall:\n\tfalse\n",
           "the script exited with code 2; it printed \"…make: unrecognized option '--config'\"", how=How.PROGRAM,
           is_slow=True),
    _usage("an unknown argument with argparse on both ranks", _ARGPARSE.format(""),
           'rank … exited with code 2 in train.py:5; it printed "train.py: error: unrecognized arguments: --lrr"',
           ("--lrr",), ranks=2, is_slow=True),
    _usage("an unknown argument with argparse under `torchrun`", _TORCHRUN.format("inner.py --lrr"),
           'rank 0 exited with code 2; it printed "inner.py: error: unrecognized arguments: --lrr"', rank=0, how=How.PROGRAM,
           files={"inner.py": "import argparse\nargparse.ArgumentParser().parse_args()\n"}, is_slow=True),
    _usage("a script that does not exist under `torchrun`", _TORCHRUN.format("no_such.py"),
           "rank 0 exited with code 2; it printed \"…can't open file '…no_such.py': [Errno 2] No such file or directory\"",
           rank=0, how=How.PROGRAM, is_slow=True),
    _usage("an unknown option of `torchrun`", "#!/bin/sh\nexec torchrun --no-such-option train.py\n",
           'the script exited with code 2; it printed "torchrun: error: unrecognized arguments: --no-such-option"',
           how=How.PROGRAM, is_slow=True),
]  # fmt: skip
