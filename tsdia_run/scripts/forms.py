"""Find the form in which a script wants its checkpoint, from what it does with the value of the option (pure)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tsdia_run.scripts.reach import Part
from tsdia_run.scripts.script_option import Option, Takes
from tsdia_run.scripts.syntax import last_name

# Words that make a script look for its newest checkpoint.
_NEWEST = ("latest", "last", "auto", "newest", "resume", "true", "yes")
_OUTPUTS = ("print", "info", "warning", "warn", "error", "debug", "write", "log", "exists", "isdir", "isfile", "bool")
_TEXT_METHODS = ("lower", "strip", "upper", "casefold")


# Options that choose how a training begins, as nanoGPT's do: one of their values means a resume.
MODES = ("init_from", "start_from")


class Form(Enum):
    """The form of a checkpoint that a script resumes from."""

    PATH = "path"
    NAME = "base name"
    LATEST = "latest"
    TRUE = "true"
    NONE = "none"


@dataclass
class _Uses:
    """What a script does with a value.

    Attributes:
        compared: The strings that it is compared with.
        as_name: Whether only its last part is used somewhere.
        joined: Whether it is appended to a directory as text.
        as_path: Whether it is used in any other way.
    """

    compared: set[str] = field(default_factory=set)
    as_name: bool = False
    joined: bool = False
    as_path: bool = False


def form_of(option: Option, parts: Sequence[Part]) -> tuple[Form, str]:
    """Return the form of the checkpoint, and the value to pass, with placeholders; an empty value passes none."""
    if option.takes is Takes.SWITCH:
        return Form.TRUE, ""
    if option.takes is Takes.BOOLEAN:
        return Form.TRUE, "True" if option.spelled.endswith("=") else "true"
    uses = _uses(option.name.rpartition(".")[2], parts)
    if option.key in MODES:
        return Form.LATEST, "resume" if "resume" in uses.compared else ""
    words = [word for word in _NEWEST if word in (option.choices or uses.compared)]
    if option.choices or (words and not (uses.as_path or uses.as_name or uses.joined)):
        word = words[0] if words else ""
        return (Form.TRUE if word == "true" else Form.LATEST), word
    if (uses.joined or uses.as_name) and not uses.as_path:
        return Form.NAME, "{checkpoint_name}"
    return Form.PATH, "{checkpoint}"


def _uses(name: str, parts: Sequence[Part]) -> _Uses:
    names, known = {name}, set[str]()
    found = _Uses()
    while names != known:  # a variable that gets the value has uses too
        known, found = set(names), _Uses()
        for part in parts:
            for statement, _ in part.holding(*known):
                for root in _heads(statement):
                    _classify(root, statement, names, found)
    return found


def _heads(statement: ast.stmt) -> Iterator[ast.expr | ast.stmt]:
    """Yield the expressions of a statement without the statements inside it."""
    if not hasattr(statement, "body"):
        yield statement
        return
    for name in ("test", "iter", "subject"):
        if isinstance(node := getattr(statement, name, None), ast.expr):
            yield node
    for item in getattr(statement, "items", ()):
        yield item.context_expr


def _classify(root: ast.AST, statement: ast.stmt, names: set[str], found: _Uses) -> None:
    """Sort the uses of the names below a node."""
    above: dict[ast.AST, ast.AST] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            above[child] = node
            waiting.append(child)
        if last_name(node) in names and isinstance(getattr(node, "ctx", None), ast.Load) and not _is_inner(node, above):
            _sort(node, above, statement, names, found)


def _is_inner(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Return whether a name is only the object of a longer dotted name, such as `resume` in `resume.group`."""
    parent = above.get(node)
    is_called = isinstance(parent, ast.Attribute) and parent.attr in (*_TEXT_METHODS, "split", "rstrip", "name")
    return isinstance(parent, ast.Attribute) and not is_called


def _sort(node: ast.AST, above: dict[ast.AST, ast.AST], statement: ast.stmt, names: set[str], found: _Uses) -> None:
    while True:
        parent = above.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr in _TEXT_METHODS:
            node = above.get(parent, parent)
            continue
        if isinstance(parent, ast.Call) and last_name(parent.func) in ("Path", "str", "PurePath", "expanduser"):
            node = parent
            continue
        break
    if isinstance(parent, ast.Attribute):  # .name, .split, .rstrip
        found.as_name = True
    elif isinstance(parent, ast.Compare):
        texts = [one for side in (parent.left, *parent.comparators) for one in ast.walk(side)]
        found.compared |= {
            one.value.lower() for one in texts if isinstance(one, ast.Constant) and isinstance(one.value, str)
        }
    elif isinstance(parent, ast.Call) and last_name(parent.func) in ("basename", "getattr"):
        found.as_name = found.as_name or last_name(parent.func) == "basename"
    elif isinstance(parent, ast.FormattedValue):
        _sort_text(parent, above, found)
    elif isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add):
        found.joined = found.joined or parent.right is node
        found.as_path = found.as_path or parent.right is not node
    elif _is_joined(node, parent):
        pass  # takes a path and a base name
    elif isinstance(statement, ast.Assign) and statement.value is node:
        names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    elif not _is_test(node, parent, statement):
        found.as_path = True


def _is_joined(node: ast.AST, parent: ast.AST | None) -> bool:
    """Return whether a value follows a directory in a path: a complete path would replace the directory."""
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, ast.Div) and parent.right is node
    return (
        isinstance(parent, ast.Call) and last_name(parent.func) in ("join", "joinpath") and parent.args[0] is not node
    )


def _sort_text(value: ast.FormattedValue, above: dict[ast.AST, ast.AST], found: _Uses) -> None:
    """Sort a use in an f-string: in a message, or after a directory."""
    text = above.get(value)
    if not isinstance(text, ast.JoinedStr) or _is_message(text, above):
        return
    before = text.values[text.values.index(value) - 1] if text.values.index(value) else None
    if isinstance(before, ast.Constant) and str(before.value).endswith("/"):
        found.joined = True
    elif before is None:
        found.as_path = True


def _is_message(text: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    parent = above.get(text)
    if isinstance(parent, ast.Raise):
        return True
    is_output = isinstance(parent, ast.Call) and (
        last_name(parent.func) in _OUTPUTS or last_name(parent.func).endswith(("Error", "Exception"))
    )
    return is_output and "exists" not in last_name(parent.func if isinstance(parent, ast.Call) else text)


def _is_test(node: ast.AST, parent: ast.AST | None, statement: ast.stmt) -> bool:
    """Return whether a use only asks whether there is a value."""
    if isinstance(parent, (ast.BoolOp, ast.UnaryOp)) or parent is None:
        return True
    if isinstance(parent, (ast.IfExp, ast.If, ast.While, ast.Assert)) and parent.test is node:
        return True
    return isinstance(parent, ast.Call) and last_name(parent.func) in _OUTPUTS
