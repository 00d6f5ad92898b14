"""Mark the calls that forward values to another library, so that these values are not recorded twice.

``Accelerator.log`` forwards to ``wandb.log``, for example. Both are hooked, and the script logged once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks.wrapping import Steps, wrap

_INTEGRATIONS = "transformers.integrations.integration_utils"


def is_forwarding() -> bool:
    """Return whether this thread is inside a call that forwards values, which are recorded already."""
    return get_ident() in RANK.forwarding


@contextmanager
def forwarding() -> Iterator[None]:
    """Mark the calls inside the block as forwarded."""
    thread = get_ident()
    depth = RANK.forwarding.get(thread, 0)
    RANK.forwarding[thread] = depth + 1
    try:
        yield
    finally:
        if depth:
            RANK.forwarding[thread] = depth
        else:
            del RANK.forwarding[thread]


def mark(owner: Any, method: str, hook: str) -> None:
    """Mark every call inside ``owner.method`` as forwarded.

    Args:
        owner: The class.
        method: The name of its method; nothing happens if the class does not define the method itself.
        hook: The hook's name, for the warning.
    """

    def forward(*_: Any, **__: Any) -> Steps:
        with forwarding():
            yield None

    if method in vars(owner):
        wrap(owner, method, hook, forward)


def mark_integrations(hook: str, *methods: str) -> None:
    """Mark the calls of transformers' own callbacks, for W&B and others: they forward what the Trainer logs.

    Args:
        hook: The hook's name, for the warning.
        methods: The methods to mark.
    """
    for one in list(vars(sys.modules[_INTEGRATIONS]).values()):
        if isinstance(one, type) and one.__module__ == _INTEGRATIONS:
            for method in methods:
                mark(one, method, hook)
