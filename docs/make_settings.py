"""Make configs/all-settings.yml, and the table in docs/settings.md, from the declarations: ``make docs``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from tsdia_run.settings import SETTINGS, Setting, shown_default

PAGE = Path(__file__).with_name("settings.md")
CONFIG = Path(__file__).parents[1] / "configs" / "all-settings.yml"
_HEADER = "| key | takes | flag | what it does |\n| --- | --- | --- | --- |\n"
_CONFIG_HEAD = """\
# Every setting of tsdia-run, with its default or, commented out, with an example. Made by `make docs`.
# docs/settings.md tells where else each can be set.
# What stands outside of the tsdia_run section belongs to the script.

training:
  checkpoint:
    save_dir: runs/all-settings   # the run directory; --run-dir and --name change it
    resume: null                  # set by `tsdia-run resume` in the config that the script gets

# The script gets its config without this section.
tsdia_run:
"""


def page() -> str:
    """The page with its table made anew."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_HEADER)
    _, _, after = rest.partition("\n\n")
    return before + _HEADER + "\n".join(map(_row, SETTINGS)) + "\n\n" + after


def _row(setting: Setting) -> str:
    words = [setting.flag.name, setting.flag.metavar.replace("|", "\\|")] if setting.flag else []
    cells = (
        f"`{setting.key}`",
        setting.kind.words,
        f"`{' '.join(words).strip()}`" if words else "",
        _sentence(setting),
    )
    return "| " + " | ".join(cells) + " |"


def _sentence(setting: Setting) -> str:
    if setting.words:
        return f"{setting.help} Default: {setting.words}."
    return setting.help if setting.default is None else f"{setting.help} Default: `{shown_default(setting)}`."


def config() -> str:
    """The commented config."""
    return _CONFIG_HEAD + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    group = ""
    for setting in SETTINGS:
        inside, _, name = setting.key.rpartition(".")
        if inside != group:
            group = inside
            yield from [f"  {group}:"] * bool(group)
        indent = "    " if group else "  "
        about = setting.help + (f" Default: {setting.words}." if setting.words else "")
        yield from textwrap.wrap(about, 110, initial_indent=f"{indent}## ", subsequent_indent=f"{indent}## ")
        value = setting.example if setting.default is None else setting.example or shown_default(setting)
        yield f"{indent}{'# ' if setting.default is None or setting.example else ''}{name}: {value}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    CONFIG.write_text(config(), encoding="utf-8")
