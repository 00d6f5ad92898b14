"""Record what a script adds to a ``SummaryWriter``, of torch or of tensorboardX.

The tag is the name of the metric. TensorBoard separates writers by their directory, such as ``tb/train`` and
``tb/val``. So if a writer of another directory has used a tag, the name begins with the directory: ``val/loss``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tsdia_run.training.hooks import forwarding, metric_log
from tsdia_run.training.hooks.metric_log import MetricLog, MetricSource, scalars
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, wrap


def hook_writer(writer_class: Any, session: Session) -> None:
    """Hook the class ``SummaryWriter``."""
    log = metric_log.of(session)
    folders: dict[str, WriterFolder] = {}

    def add(writer: Any, values: Any, step: Any) -> None:
        if forwarding.is_forwarding() or not log.process.is_main():
            return
        # The attribute has another name in tensorboardX.
        place = str(getattr(writer, "log_dir", None) or getattr(writer, "logdir", ""))
        if place not in folders:
            folders[place] = WriterFolder(log, os.path.abspath(place))
        folders[place].add(scalars(values), step)

    # After the call: it has read a tensor from the device, and it has found wrong arguments.
    def add_scalar(writer: Any, tag: Any, scalar_value: Any, global_step: Any = None, *_: Any, **__: Any) -> Steps:
        yield None
        add(writer, {tag: scalar_value}, global_step)

    def add_scalars(
        writer: Any, main_tag: Any, tag_scalar_dict: Any, global_step: Any = None, *_: Any, **__: Any
    ) -> Steps:
        yield None
        add(writer, {main_tag: tag_scalar_dict}, global_step)

    def add_hparams(
        writer: Any, hparam_dict: Any, metric_dict: Any, *_: Any, global_step: Any = None, **__: Any
    ) -> Steps:
        with forwarding.forwarding():  # it creates another writer for the same metrics
            yield None
        add(writer, metric_dict, global_step)

    for method in (add_scalar, add_scalars, add_hparams):
        wrap(writer_class, method.__name__, "metrics", method)


class WriterFolder:
    """The directory of a writer, with its names for metrics.

    Args:
        log: The log that gets the values.
        path: The directory.
    """

    def __init__(self, log: MetricLog, path: str) -> None:
        self._source = MetricSource(log)
        self._path = path
        self._owners = log.folders
        self._names: dict[str, str] = {}

    def add(self, values: Mapping[str, float], step: Any) -> None:
        """Record values by their tags."""
        named = {}
        for tag, value in values.items():
            name = self._names.get(tag) or self._name(tag, value, step)
            if name is not None:
                named[name] = value
        if named:
            self._source.add(named, step)

    def _name(self, tag: str, value: float, step: Any) -> str | None:
        """Choose the name of a new tag; None for a value that the other directory has as well."""
        owner = self._owners.setdefault(tag, self._path)
        name = tag
        if owner != self._path:
            if self._source.is_repeated(tag, value, step):
                return None
            below = os.path.relpath(self._path, os.path.commonpath((self._path, owner)))
            name = f"{os.path.basename(self._path) if below == '.' else below}/{tag}"
        self._names[tag] = name
        return name
