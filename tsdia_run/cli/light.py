"""Run Typer's commands without loading pydantic, which it uses even for plain strings (60 ms)."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from tsdia_run.errors import TsdiaRunError


class RefusedError(Exception):
    """A command ended with an error.

    Attributes:
        error: The error.
        context: The context of the command, with what the user typed.
    """

    def __init__(self, error: TsdiaRunError, context: Any) -> None:  # noqa: ANN401 - Typer's own class
        super().__init__(str(error))
        self.error = error
        self.context = context


class _AsItIs:
    """Replaces the conversion of one parameter; calls Typer's only for values that need it."""

    def __init__(self, parameter: Any) -> None:  # noqa: ANN401 - Typer does not export the class
        self._real = parameter.get_runtime_param
        self._kind = parameter.type_descriptor.annotation
        self._least = parameter.min

    def coerce(self, value: object, *, param: Any, ctx: Any) -> object:  # noqa: ANN401
        """Return the value that the command receives."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if isinstance(value, bool) or (self._kind is str and isinstance(value, str)):
            return value
        if self._kind is int and isinstance(value, str) and value.isdecimal() and int(value) >= (self._least or 0):
            return int(value)
        return self._real().coerce(value, param=param, ctx=ctx)


def _lightened(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        # Older versions of Typer have no such attribute and do not load pydantic.
        if hasattr(parameter, "type_descriptor") and "get_runtime_param" not in vars(parameter):
            as_it_is = _AsItIs(parameter)
            parameter.get_runtime_param = lambda as_it_is=as_it_is: as_it_is
    return parameters


class LightCommand(TyperCommand):
    """A command that loads quickly."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """Return its parameters, with the one for help."""
        return _lightened(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command.

        Raises:
            RefusedError: The command ended with an error; the hints need the typed command.
        """
        try:
            return super().invoke(ctx)
        except TsdiaRunError as error:
            raise RefusedError(error, ctx) from error


class LightGroup(TyperGroup):
    """The group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """Return the parameters before the command name."""
        return _lightened(super().get_params(ctx))
