"""Split a git patch into files, and decide which files must not be in a patch (pure)."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SECRET_FILES = tuple(
    ".env .env.* *.env .envrc *.pem *.key *.ppk *.p12 *.pfx *.jks *.kdbx *.keystore .netrc _netrc .pypirc .npmrc"
    " .pgpass .my.cnf .boto .s3cfg .dockercfg .htpasswd .git-credentials .vault-token id_rsa* id_dsa* id_ecdsa*"
    " id_ed25519* kaggle.json auth.json *credentials *credentials.* secrets secrets.* *_secrets.* *_secret.*"
    " client_secret* service_account*.json token".split()
)
# `secrets.py` is code that other modules import; secrets in it are removed by their value.
_CODE = (".py", ".pyi", ".pyx", ".ipynb", ".sh", ".c", ".cc", ".cpp", ".cu", ".h", ".rs", ".go", ".js", ".ts", ".md")
_START = re.compile(rb"^(?=diff --git )", re.MULTILINE)
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class FilePatch:
    """The part of a patch for one file.

    Attributes:
        path: The file, relative to the top of the repository; bytes, since names need not be UTF-8.
        data: The lines, including the header.
    """

    path: bytes
    data: bytes

    @property
    def is_binary(self) -> bool:
        """Whether the content is compressed, so that secrets can't be found in it."""
        return b"\nGIT binary patch\n" in self.data


def sections(patch: bytes) -> Iterator[FilePatch]:
    """Yield the parts of a patch that was made without renames and with quoted names (``core.quotePath``), in order."""
    for data in _START.split(patch):
        if data.startswith(b"diff --git "):
            yield FilePatch(_path(data.partition(b"\n")[0].removeprefix(b"diff --git ")), data)


def _path(names: bytes) -> bytes:
    """Return the path in ``a/PATH b/PATH``. Git quotes a path with special characters."""
    quoted = _QUOTED.match(names)
    if quoted is None:
        return names[: len(names) // 2].removeprefix(b"a/")
    # Git uses C escapes, which are the same as Python's for bytes.
    value = ast.literal_eval("b" + quoted.group().decode("ascii"))
    return bytes(value).removeprefix(b"a/")


def looks_secret(path: str) -> bool:
    """Return whether a file of this name only contains secrets."""
    name = path.rpartition("/")[2].lower()
    return not name.endswith(_CODE) and any(fnmatch.fnmatchcase(name, pattern) for pattern in _SECRET_FILES)
