"""The formats of tokens and keys, as their vendors document them (pure).

Also JSON Web Tokens (RFC 7519) and PEM private keys (RFC 7468).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PEM_BEGIN = r"-----BEGIN [A-Z ]*PRIVATE KEY-----"


@dataclass(frozen=True)
class TokenFormat:
    """A format of secrets.

    Attributes:
        kind: Its name, with an article.
        marks: A secret of this format has one of them. A search for them is much faster than one for ``shape``.
        pattern: Matches a secret; the group ``before`` is not a part of it.
    """

    kind: str
    marks: tuple[str, ...]
    pattern: str

    @property
    def shape(self) -> re.Pattern[str]:
        """The compiled pattern. A start compiles none: together, that would take 10 ms."""
        return re.compile(self.pattern)


def _format(kind: str, marks: str, pattern: str) -> TokenFormat:
    return TokenFormat(kind, tuple(marks.split()), pattern)


_FORMATS = (
    _format("a Hugging Face token", "hf_", r"\bhf_[A-Za-z0-9]{20,}\b"),
    _format("an API key", "sk-", r"\bsk-(?=[\w-]*\d)[A-Za-z0-9_-]{20,}"),
    _format("a Google API key", "AIza", r"\bAIza[\w-]{35}"),
    _format("a Google access token", "ya29.", r"\bya29\.[\w-]{20,}"),
    _format(
        "a GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,})\b",
    ),
    _format("a GitLab token", "glpat- gldt- glrt- glcbt- glptt- glft- glsoat-", r"\bgl[a-z]{2,5}-[\w-]{16,}"),
    _format("an AWS access key", "AKIA ASIA", r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b"),
    _format("a Slack token", "xox", r"\bxox[abeoprs]-[\w-]{10,}"),
    _format(
        "a webhook",
        "hooks.slack.com/ /webhooks/",
        r"(?P<before>\bhooks\.slack\.com/services/|/api/webhooks/)[\w/-]{16,}",
    ),
    _format("a Docker token", "dckr_pat_", r"\bdckr_pat_[\w-]{20,}"),
    _format("an npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _format("a PyPI token", "pypi-", r"\bpypi-[\w-]{40,}"),
    _format("a Databricks token", "dapi", r"\bdapi[0-9a-f]{32}\b"),
    _format("an NVIDIA API key", "nvapi-", r"\bnvapi-[\w-]{20,}"),
    _format("a Replicate token", "r8_", r"\br8_\w{30,}"),
    _format("a Stripe key", "sk_live_ rk_live_", r"\b[rs]k_live_\w{16,}"),
    _format("a Groq key", "gsk_", r"\bgsk_\w{30,}"),
    _format("a SendGrid key", "SG.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    # The old format is 40 hexadecimal digits, like a commit id: only redacted if it follows the name on the same line.
    _format(
        "a W&B API key",
        "wandb WANDB Wandb WandB",
        r"\bwandb_v1_\w{20,}|(?i:(?P<before>\bwandb[^\n@]{0,40}?\b)[0-9a-f]{40}\b)",
    ),
    _format("a JSON Web Token", "eyJ", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    _format(
        "an authorization header",
        "uthorization UTHORIZATION",
        r"(?i:(?P<before>authorization['\"]?[:=] ?['\"]?)(?:bearer|basic|token|digest|negotiate) [\w.~+/=-]{8,})",
    ),
    _format("a bearer token", "earer", r"(?P<before>\b[Bb]earer )(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}"),
    # Up to its end marker, or, if that is missing, to the last line of base64.
    _format(
        "a private key",
        "-----BEGIN",
        rf"{_PEM_BEGIN}(?:[A-Za-z0-9+/=\s\\:,.-]{{0,16384}}?-----END [A-Z ]*PRIVATE KEY-----"
        r"|(?:\r?\n[+ -]?[A-Za-z0-9+/=]{16,})*)",
    ),
)


def possible_in(text: str) -> Iterator[TokenFormat]:
    """Yield the formats of which a text may contain a secret."""
    return (one for one in _FORMATS if any(mark in text for mark in one.marks))
