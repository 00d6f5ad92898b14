"""Copies of names in ``rundir/env.py`` and ``rundir/layout.py``: importing these modules would take 20 ms.

A test compares every name. File names are relative to the directory in the comment above them.
"""

from __future__ import annotations

PREFIX = "TSDIA_RUN_"
RUN_DIR = "TSDIA_RUN_DIR"
ATTEMPT = "TSDIA_RUN_ATTEMPT"
CHECKPOINT = "TSDIA_RUN_CHECKPOINT"
HOOKS = "TSDIA_RUN_HOOKS"
ALIVE_FD = "TSDIA_RUN_ALIVE_FD"

# In the run directory.
ATTEMPTS_DIR = "attempts"
ALIVE_FILE = ".tsdia/alive"
CLAIM_FILE = ".tsdia/claim"
READS_DIR = ".tsdia/reads"

# In the directory of the attempt; the braces stand for the rank.
LAUNCHER_RECORD_FILE = "ranks.json"
EXIT_RECORD_FILE = "exit-rank{}.json"
STACKS_FILE = "stacks-rank{}.txt"
REFUSED_FILE = "refused.txt"

# In ``READS_DIR``.
PROTECTED_FILE = "protected"
ANSWER_FILE = "answer"
NOTICED_FILE = "noticed"
WARNINGS_FILE = "warnings"
QUESTION_PREFIX = "ask-"

# The names of tsdia-run's files in a checkpoint start with this, after any dots.
OWN_PREFIX = "tsdia-"
