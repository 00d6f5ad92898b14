"""Rules for names and sizes in the package; one module reads and writes each file of an attempt."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import tsdia_run

PACKAGE = Path(tsdia_run.__file__).parent
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
# The files of an attempt, as AttemptLayout names them, and the modules that read and write them.
OWNERS = {
    "command": "rundir/command_record",
    "git": "rundir/code_state",
    "environment": "rundir/environment_state",
    "exit_record": "outcome/exit_records",
    "launcher_record": "outcome/launcher_record",
    "refused": "outcome/refusals",
    "stop": "outcome/stop_request",
}
_FILE_OF_AN_ATTEMPT = re.compile(rf"(?:attempt|attempt\(.*\)|newest)\.({'|'.join(OWNERS)})(?:\(\w*\))?$")
# The modules that read JSON: files of tsdia-run, or untrusted ones.
JSON_READERS = {
    "files/fields",
    *(set(OWNERS.values()) - {"outcome/refusals"}),  # this file is plain text
    "rundir/record_file", "rundir/metrics", "rundir/metrics_block", "rundir/summary_file",
    "checkpoints/manifest", "checkpoints/marks", "checkpoints/patterns_file", "checkpoints/structure",
    "claim/owner",
    "report/run_info",  # progress.json, which the relay writes
    "report/wandb",  # wandb_info.json, which the training writes
    "report/configs", "config/json_text", "cli/dry_run",
    "relay/link", "relay/spec", "supervise/output",  # messages between supervisor and relay
    "relay/journal", "outcome/journal_files",  # the header and the settings, for the next relay
    "launch/interpreter", "provenance/environment", "provenance/packages",  # the answers of another interpreter
}  # fmt: skip
_PARSERS = {"read_object", "parse_json", "loads", "load"}


def public_classes() -> list[tuple[str, str]]:
    return [
        (node.name, module)
        for module in MODULES
        for node in MODULES[module].body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def test_no_two_public_classes_share_a_name() -> None:
    found = public_classes()
    twice = {name for name, number in Counter(name for name, _ in found).items() if number > 1}
    assert [one for one in found if one[0] in twice] == []


def test_few_file_names_are_used_twice() -> None:
    """One name per command: cli/ has its options, workflow/ its work."""
    names = Counter(module.rpartition("/")[2] for module in MODULES)
    del names["__init__"]
    assert len([name for name, number in names.items() if number > 1]) <= 6


def test_files_and_functions_are_short() -> None:
    lines = {module: len((PACKAGE / f"{module}.py").read_text(encoding="utf-8").splitlines()) for module in MODULES}
    assert [module for module, number in lines.items() if number > 400] == []
    assert sum(number < 250 for number in lines.values()) >= 0.9 * len(lines)
    long = [
        (module, node.name)
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or node.lineno) - node.lineno >= 50
    ]
    assert long == []


def test_each_file_of_an_attempt_has_one_module() -> None:
    """Other modules may check whether the file exists and when it changed, and name it in a message.

    ``training/boot`` writes exit records, and imports nothing of the package.
    """
    assert [
        (module, ast.unparse(node))
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        for name in (_files_used(node) if isinstance(node, ast.Call) else ())
        if module != OWNERS[name] and not module.startswith("training/boot/")
    ] == []


def _files_used(node: ast.Call) -> list[str]:
    """Return the files of the attempt that a call receives, or whose methods it calls."""
    if ast.unparse(node.func) in ("str", "os.path.exists"):  # the latter is no error on a dead file system
        return []
    is_look = isinstance(node.func, ast.Attribute) and node.func.attr in ("exists", "stat")
    used = [*node.args, *(word.value for word in node.keywords)]
    if isinstance(node.func, ast.Attribute) and not is_look:
        used.append(node.func.value)
    return [match[1] for one in used if (match := _FILE_OF_AN_ATTEMPT.search(ast.unparse(one)))]


def test_json_is_parsed_where_its_keys_are_known() -> None:
    readers = set()
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            name = node.func if isinstance(node, ast.Call) else None
            is_bare = isinstance(name, ast.Name) and name.id in _PARSERS
            is_json = isinstance(name, ast.Attribute) and name.attr in _PARSERS and ast.unparse(name.value) == "json"
            if (is_bare or is_json) and not module.startswith(("training/boot/", "examples/")):
                readers.add(module)
    assert readers == JSON_READERS


# These open no file that another user can replace.
OPENS_OTHERS = {
    "files/opening": "the one place",
    "__main__": "standard streams",
    "provenance/machine": "files of the kernel",
    "launch/hardware": "files of the kernel",
    "supervise/memory": "files of the kernel",
    "provenance/packages": "installed packages; it runs under another interpreter, without the package",
    "provenance/git_filters": "git's index",
    "provenance/repository": "git's index",
    "supervise/run_processes": "files of the kernel",
    "training/hooks/kept_modules": "tsdia-run itself",
}
_OPENERS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "touch", "copy2", "copyfile"}
_KERNEL = ("/proc/", "/sys/", "os.devnull", "O_DIRECTORY")


def _opens(tree: ast.AST) -> list[str]:
    """Return the calls that open a file by its path, except for directories and files of the kernel."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            is_bare = isinstance(node.func, ast.Name) and node.func.id == "open"
            is_method = isinstance(node.func, ast.Attribute) and node.func.attr in _OPENERS
            text = ast.unparse(node)
            is_other = ".touch(" in text and (bool(node.args) or text == "self._claim.touch()")
            if (is_bare or is_method) and not is_other and not any(mark in text for mark in _KERNEL):
                found.append(text)
    return found


def test_files_are_opened_in_one_place() -> None:
    """A FIFO in place of a file must not block a command, and a planted symlink must not lead a write elsewhere."""
    rooms = ("training/boot/", "relay/", "examples/")
    found = {
        module: calls for module, tree in MODULES.items() if not module.startswith(rooms) and (calls := _opens(tree))
    }
    assert {module: calls for module, calls in found.items() if module not in OPENS_OTHERS} == {}
    assert OPENS_OTHERS.keys() - found.keys() == set()


def test_code_without_the_package_opens_files_of_a_run_in_the_same_way() -> None:
    """Every call there has the flags, is given a descriptor, or creates the file; or it reads the user's script."""
    found = {
        (module, call)
        for module, tree in MODULES.items()
        if module.startswith(("training/boot/", "relay/"))
        for call in _opens(tree)
        if not any(safe in call for safe in ("SAFE", "_OPEN", "O_NOFOLLOW", "'x'", "'xb'", "flags"))
    }
    assert {module for module, _ in found} == {"training/boot/bootstrap"}


_RAISE = {"exists", "is_file", "is_dir", "glob", "rglob", "iterdir"}


def test_the_read_side_uses_no_method_that_fails_on_a_dead_file_system() -> None:
    """``Path.exists`` and others raise on ENOTCONN, ESTALE and EIO before Python 3.14; ``os.path.exists`` does not."""
    found = {
        (module, ast.unparse(node))
        for module, tree in MODULES.items()
        if module.startswith(("report/", "checkpoints/", "outcome/", "rundir/", "settings/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _RAISE
        if not ast.unparse(node.func).startswith(("os.path.", "entry."))
    }
    assert found == set()
