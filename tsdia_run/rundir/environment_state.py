"""environment.json: the interpreter, packages and machine that an attempt ran on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import Fields, read_object
from tsdia_run.rundir.layout import AttemptLayout

# An environment with a thousand packages takes 50 KiB.
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Gpu:
    """A GPU as nvidia-smi names it."""

    name: str
    memory: str
    driver: str
    uuid: str


@dataclass(frozen=True)
class EnvironmentState:
    """Where an attempt runs.

    Attributes:
        python: The interpreter's version; None if it could not be queried.
        implementation: CPython or another; None if it could not be queried.
        executable: Its path.
        prefix: Its environment.
        platform: System, release, machine, libc.
        host: Name of the machine.
        cpu: Model of the processor.
        cpus: Logical processors of the machine.
        usable_cpus: Those that this process may use.
        cpu_limit: Processors' worth of time that the control group allows; None where it does not limit.
        memory_bytes: Memory of the machine.
        memory_limit_bytes: What the control group allows; None where it does not limit.
        gpus: NVIDIA GPUs.
        packages: Every installed package: version, and where it came from if not from an index.
        variables: Environment variables that steer a training, without secrets.
        error: What could not be found out.
    """

    python: str | None = None
    implementation: str | None = None
    executable: str | None = None
    prefix: str | None = None
    platform: str | None = None
    host: str | None = None
    cpu: str | None = None
    cpus: int | None = None
    usable_cpus: int = 0
    cpu_limit: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    gpus: tuple[Gpu, ...] = ()
    packages: Mapping[str, str] = dataclasses.field(default_factory=dict)
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    error: str | None = None


def write(attempt: AttemptLayout, state: EnvironmentState) -> None:
    """Write the environment of an attempt.

    Raises:
        OSError: The file system refused.
    """
    write_json(attempt.environment, dataclasses.asdict(state))


def read(attempt: AttemptLayout) -> EnvironmentState:
    """The environment of an attempt, as far as it is recorded and can be read."""
    fields = Fields(read_object(attempt.environment, _MAX_BYTES), "the environment")
    gpus = (Fields(one, "a GPU") for one in fields.lenient("gpus", list) or () if isinstance(one, dict))
    return EnvironmentState(
        python=fields.lenient("python", str) or None,
        implementation=fields.lenient("implementation", str),
        executable=fields.lenient("executable", str),
        prefix=fields.lenient("prefix", str),
        platform=fields.lenient("platform", str),
        host=fields.lenient("host", str) or None,
        cpu=fields.lenient("cpu", str),
        cpus=fields.lenient("cpus", int),
        usable_cpus=fields.lenient("usable_cpus", int) or 0,
        cpu_limit=fields.lenient("cpu_limit", float),
        memory_bytes=fields.lenient("memory_bytes", int),
        memory_limit_bytes=fields.lenient("memory_limit_bytes", int),
        gpus=tuple(map(_gpu, gpus)),
        packages=_texts(fields, "packages"),
        variables=_texts(fields, "variables"),
        error=fields.lenient("error", str),
    )


def _gpu(fields: Fields) -> Gpu:
    name, memory, driver, uuid = (str(fields.lenient(name, str)) for name in ("name", "memory", "driver", "uuid"))
    return Gpu(name, memory, driver, uuid)


def _texts(fields: Fields, name: str) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in (fields.lenient(name, dict) or {}).items()}
