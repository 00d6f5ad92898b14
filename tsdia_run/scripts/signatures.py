"""The fields of classes and the parameters of functions from which libraries build options (pure)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tsdia_run.scripts.reach import Part
from tsdia_run.scripts.script_option import Place, Takes
from tsdia_run.scripts.syntax import constant, last_name, texts

Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAX_BASES = 5
# Classes of transformers and trl that a script passes to its parser; their fields are known.
_TRAINING_ARGUMENTS = re.compile(r"\w*TrainingArguments|\w*(?:SFT|PO|KTO|BCO|PRM|GKD|RLOO|Reward)\w*Config")
TRAINING_FIELDS = ("output_dir", "resume_from_checkpoint")


@dataclass(frozen=True)
class Parameter:
    """A field of a class, or a parameter of a function.

    Attributes:
        name: Its name.
        place: Its line.
        takes: What its type takes.
        annotation: The expression of its type.
        default: The expression of its default.
        choices: The strings of a Literal.
    """

    name: str
    place: Place
    takes: Takes
    annotation: ast.expr | None = None
    default: ast.expr | None = None
    choices: tuple[str, ...] = ()

    @property
    def value(self) -> object:
        """Its default, if it is a constant."""
        node = self.default
        if isinstance(node, ast.Call):  # field(default=...)
            node = next((word.value for word in node.keywords if word.arg == "default"), None)
        return constant(node)

    def class_name(self) -> str:
        """Return the name of its type, if it is a plain name."""
        return last_name(self.annotation) if self.annotation is not None else ""


class Definitions:
    """The functions and classes among statements, by name."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._found: dict[str, tuple[ast.stmt, str]] = {}
        for part in parts:
            for node, _ in part.holding("def ", "class "):
                if isinstance(node, (*Function, ast.ClassDef)):
                    self._found.setdefault(node.name, (node, part.source.shown))

    def parameters(self, name: str, call: Place) -> list[Parameter]:
        """Return the fields of a class or the parameters of a function, also those of known classes.

        Args:
            name: The class or function.
            call: Where the script names it, for the fields of a class that is not in the project.
        """
        return list(self._parameters(name, call, _MAX_BASES))

    def function_names(self) -> list[str]:
        """Return the names of the functions."""
        return [name for name, (node, _) in self._found.items() if isinstance(node, Function)]

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def _parameters(self, name: str, call: Place, bases: int) -> Iterator[Parameter]:
        node, file = self._found.get(name, (None, ""))
        if isinstance(node, Function):
            yield from of_function(node, file)
        elif isinstance(node, ast.ClassDef) and bases:
            own = list(_of_class(node, file))
            yield from own
            for base in node.bases:
                yield from self._parameters(last_name(base), Place(file, node.lineno), bases - 1)
        elif node is None and _TRAINING_ARGUMENTS.fullmatch(name):
            for field in TRAINING_FIELDS:
                yield Parameter(field, call, Takes.VALUE)


def of_function(node: ast.FunctionDef | ast.AsyncFunctionDef, file: str) -> Iterator[Parameter]:
    """Yield the parameters of a function, except for `self`."""
    positional = [*node.args.posonlyargs, *node.args.args]
    missing = len(positional) - len(node.args.defaults)
    defaults = [*[None] * missing, *node.args.defaults, *node.args.kw_defaults]
    for one, default in zip([*positional, *node.args.kwonlyargs], defaults, strict=True):
        if one.arg not in ("self", "cls"):
            yield _parameter(one.arg, Place(file, one.lineno), one.annotation, default)


def _of_class(node: ast.ClassDef, file: str) -> Iterator[Parameter]:
    for inner in node.body:
        if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
            yield _parameter(inner.target.id, Place(file, inner.lineno), inner.annotation, inner.value)
        elif isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            yield from of_function(inner, file)


def _parameter(name: str, place: Place, annotation: ast.expr | None, default: ast.expr | None) -> Parameter:
    node = annotation
    if isinstance(node, ast.Subscript) and last_name(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
        node = node.slice.elts[0]
    kind = ast.unparse(node) if node is not None else ""
    words = set(re.findall(r"\w+", kind))
    found = Parameter(name, place, Takes.VALUE, annotation, default)
    if "bool" in words or (not words and isinstance(found.value, bool)):
        takes = Takes.BOOLEAN
    else:
        takes = Takes.NUMBER if words and words <= {"int", "float", "Optional", "None", "Union"} else Takes.VALUE
    choices = tuple(texts(list(ast.walk(node)))) if node is not None and "Literal" in words else ()  # type: ignore[arg-type]
    return Parameter(name, place, takes, annotation, default, choices)
