"""One object of a training process changes; every other module-level object is constant."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support.package import modules, parsed

# Functions and classes whose results don't change.
_CONSTANT_CALLS = {
    "frozenset", "tuple", "type", "re.compile", "os.path.dirname",
    "os.path.realpath", "os.path.abspath",
}  # fmt: skip
_DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)


def mutable_objects(tree: ast.Module) -> Iterator[str]:
    """Return the module-level objects that may change later, and the names that functions declare global."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"global {', '.join(node.names)}"
    for statement in top_level(tree.body):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            is_new = isinstance(target, ast.Name) and target.id != "__all__"
            if is_new and statement.value and may_change(statement.value):
                yield ast.unparse(target)
        elif isinstance(statement, ast.FunctionDef):
            if any("cache" in ast.unparse(decorator) for decorator in statement.decorator_list):
                yield f"cached {statement.name}"
        elif isinstance(statement, ast.ClassDef):
            shared = [one for one in statement.body if isinstance(one, ast.Assign) and may_change(one.value)]
            yield from (f"{statement.name}.{ast.unparse(one.targets[0])}" for one in shared)


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            yield from top_level([*statement.body, *statement.orelse])


def may_change(value: ast.expr) -> bool:
    if isinstance(value, _DISPLAYS):
        return True
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) not in _CONSTANT_CALLS
    if isinstance(value, ast.Tuple):
        return any(map(may_change, value.elts))
    return False


def test_only_one_object_of_a_training_process_changes() -> None:
    found = {
        (module, name)
        for module, path in modules().items()
        if module.startswith("training/")
        for name in mutable_objects(parsed(path))
    }
    assert found == {("training/boot/rank_state", "RANK")}


def test_the_search_finds_mutable_objects() -> None:
    code = """
A = {}
B: list[int] = []
C = Progress()
if True:
    D = defaultdict(list)
class E:
    shared = set()
@cache
def f(): ...
def g():
    global H
OK = (1, "x", frozenset({1}))
"""
    assert set(mutable_objects(ast.parse(code))) == {"A", "B", "C", "D", "E.shared", "cached f", "global H"}
