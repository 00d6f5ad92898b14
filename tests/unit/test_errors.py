"""The tree of errors, and the hint of each error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.package import nodes
from tsdia_run import errors
from tsdia_run.cli import hints
from tsdia_run.cli.remedies import ALWAYS
from tsdia_run.errors import TsdiaRunError, launching, lookups, placing, resuming

# The hint of these is about a variable, or lists the valid values.
PLAIN = {placing.UnsetVariable, launching.TwoEntrypoints, resuming.UnknownChange, lookups.UnknownState}


def below(kind: type[TsdiaRunError]) -> Iterator[type[TsdiaRunError]]:
    for one in kind.__subclasses__():
        if one.__module__.startswith("tsdia_run.errors"):
            yield one
            yield from below(one)


KINDS: list[type[TsdiaRunError]] = [TsdiaRunError, *below(TsdiaRunError)]


def test_the_documented_tree_matches_the_classes() -> None:
    drawn: dict[str, tuple[str, int]] = {}
    above: list[tuple[int, str, int]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.fullmatch(r"( {4,})([A-Z]\w+) {2,}(?:(\d+) {2})?\S.*", line)
        if found is None:
            continue
        indent, name = len(found[1]), found[2]
        above = [one for one in above if one[0] < indent]
        code = int(found[3]) if found[3] else above[-1][2]
        drawn[name] = (above[-1][1] if above else "Exception", code)
        above.append((indent, name, code))
    assert drawn == {kind.__name__: (kind.__bases__[0].__name__, kind.exit_code) for kind in KINDS}


@pytest.mark.parametrize("kind", [one for one in KINDS if one.__module__ != errors.__name__])
def test_an_error_with_facts_has_a_hint(kind: type[TsdiaRunError]) -> None:
    is_rendered = hints._remedy.dispatch(kind) is not hints._remedy.dispatch(TsdiaRunError)
    assert is_rendered or kind in ALWAYS or kind in PLAIN


def test_errors_import_nothing_from_the_package() -> None:
    for path in Path(errors.__file__).parent.glob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tsdia_run"):
                assert str(node.module).startswith("tsdia_run.errors."), path
