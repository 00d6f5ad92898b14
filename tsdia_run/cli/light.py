"""Typer's commands without the start of pydantic, which it loads to convert words that need none: 60 ms."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from tsdia_run.errors import TsdiaRunError


class RefusedError(Exception):
    """A command ended with an error.

    Attributes:
        error: What happened.
        context: The command's, for what was typed.
    """

    def __init__(self, error: TsdiaRunError, context: Any) -> None:  # noqa: ANN401 - Typer's own class
        super().__init__(str(error))
        self.error = error
        self.context = context


class _AsItIs:
    """Stands for the conversion of one parameter; calls the real one where there is something to convert."""

    def __init__(self, parameter: Any) -> None:  # noqa: ANN401 - Typer does not export the class
        self._real = parameter.get_runtime_param
        self._kind = parameter.type_descriptor.annotation
        self._least = parameter.min

    def coerce(self, value: object, *, param: Any, ctx: Any) -> object:  # noqa: ANN401
        """The value as the command gets it."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if isinstance(value, bool) or (self._kind is str and isinstance(value, str)):
            return value
        if self._kind is int and isinstance(value, str) and value.isdecimal() and int(value) >= (self._least or 0):
            return int(value)
        return self._real().coerce(value, param=param, ctx=ctx)


def _lightened(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        # Older versions of Typer have no such thing, and load no pydantic.
        if hasattr(parameter, "type_descriptor") and "get_runtime_param" not in vars(parameter):
            as_it_is = _AsItIs(parameter)
            parameter.get_runtime_param = lambda as_it_is=as_it_is: as_it_is
    return parameters


class LightCommand(TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """Its parameters, with the one for help."""
        return _lightened(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Carry it out.

        Raises:
            RefusedError: It ended with an error; what it suggests needs to know what was typed.
        """
        try:
            return super().invoke(ctx)
        except TsdiaRunError as error:
            raise RefusedError(error, ctx) from error


class LightGroup(TyperGroup):
    """The commands together."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """The parameters that stand before a command."""
        return _lightened(super().get_params(ctx))
