"""The text is plain English: it uses the words of CONTRIBUTING.md's glossary, of git and of PyTorch."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from tests.support.package import PACKAGE, modules, nodes

ROOT = PACKAGE.parent
# The changelog names old words where they changed.
PAGES = [*(page for page in ROOT.glob("*.md") if page.name != "CHANGELOG.md"), *(ROOT / "docs").rglob("*.md")]
# What earlier versions said, and the words for it now.
INSTEAD = {
    r"\btorn\b": "incomplete or damaged",
    r"\bwhole checkpoints?\b": "complete checkpoint",
    r"\bg(?:o|oes|oing) on with\b": "resume",
    r"\bgoes on\b": "continues",
    r"\b(?:no|some)body\b": "the user, another process",
    r"\bwhoever\b": "the process that",
    r"\banew\b": "again",
    r"\bof ours\b": "of tsdia-run",
    r"\bis no (?:run|text|name|directory)\b": "is not a run",
    r"\bwhole number\b": "integer",
    r"\bin the way\b": "existing contents",
    r"\bleft by others\b": "not created by tsdia-run",
    r"\bgave? back behind\b|\bwent back behind\b": "superseded",
}


def texts() -> Iterator[tuple[str, str]]:
    """Yield every sentence that a person reads, with its file: pages, docstrings, comments and strings."""
    for page in PAGES:
        yield str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")
    for path in modules().values():
        name, source = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield name, token.string
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield name, node.value


def test_words_of_the_field_are_used() -> None:
    found = {
        f"{name}: …{line[max(0, match.start() - 30) : match.end() + 30]}… Say: {new}"
        for name, text in texts()
        for line in [re.sub(r"\s+", " ", text)]
        for old, new in INSTEAD.items()
        for match in re.finditer(old, line)
    }
    assert found == set()
