"""Environment variables and file names are defined once; the copies in the training process are equal."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.package import modules, nodes
from tsdia_run.rundir import env
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout, ReadsLayout
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.supervise.process import STACKS_SIGNAL
from tsdia_run.training.boot import attempt_files, repeated_names

RUN = RunLayout(Path("run"))
ATTEMPT = RUN.attempt(7)
READS = ReadsLayout(RUN.reads)

# Every name in boot/repeated_names.py, and the name that it repeats.
REPEATED = {
    "PREFIX": env.PREFIX,
    "RUN_DIR": env.RUN_DIR,
    "ATTEMPT": env.ATTEMPT,
    "CHECKPOINT": env.CHECKPOINT,
    "HOOKS": env.HOOKS,
    "ALIVE_FD": env.ALIVE_FD,
    "ATTEMPTS_DIR": RUN.attempts.relative_to(RUN.root).as_posix(),
    "ALIVE_FILE": RUN.alive.relative_to(RUN.root).as_posix(),
    "CLAIM_FILE": RUN.claim.relative_to(RUN.root).as_posix(),
    "READS_DIR": RUN.reads.relative_to(RUN.root).as_posix(),
    "LAUNCHER_RECORD_FILE": ATTEMPT.launcher_record.name,
    "EXIT_RECORD_FILE": ATTEMPT.exit_record(7).name.replace("7", "{}"),
    "STACKS_FILE": ATTEMPT.stacks(7).name.replace("7", "{}"),
    "REFUSED_FILE": ATTEMPT.refused.name,
    "PROTECTED_FILE": READS.protected.name,
    "ANSWER_FILE": READS.answer.name,
    "NOTICED_FILE": READS.noticed.name,
    "WARNINGS_FILE": READS.warnings.name,
    "QUESTION_PREFIX": "ask-",
    "OWN_PREFIX": "tsdia-",
}


def strings(path: Path) -> list[str]:
    """Return the string literals of a file, without docstrings."""
    found = [node.value for node in nodes(path) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in nodes(path) if isinstance(node, documented)}
    return [text for text in found if text not in docs]


def test_the_names_that_the_training_process_repeats_are_equal() -> None:
    repeated = {name: value for name, value in vars(repeated_names).items() if name.isupper()}
    assert repeated == REPEATED
    assert attempt_files.STACKS_SIGNAL == STACKS_SIGNAL


def test_the_prefixes_are_those_of_the_layout() -> None:
    assert ReadsLayout.is_question(f"{repeated_names.QUESTION_PREFIX}1")
    assert not ReadsLayout.is_question(repeated_names.QUESTION_PREFIX[:-1])
    own = (CheckpointLayout(RUN.root).manifest, CheckpointLayout(RUN.root).hashes, CheckpointLayout(RUN.root).mark(0))
    assert all(path.name.lstrip(".").startswith(repeated_names.OWN_PREFIX) for path in own)


def test_every_variable_is_defined_in_one_module() -> None:
    spelled = {
        f"{name}.py" for name, path in modules().items() if any(text.startswith("TSDIA_RUN_") for text in strings(path))
    }
    assert spelled == {"rundir/env.py", "training/boot/repeated_names.py"}


def test_every_variable_has_the_prefix_and_its_own_name() -> None:
    values = [value for name, value in vars(env).items() if name.isupper()]
    assert all(value.startswith(env.PREFIX) for value in values)
    assert len(set(values)) == len(values)
