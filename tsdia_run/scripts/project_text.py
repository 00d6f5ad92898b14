"""The text of a tsdia-run.yml for a script (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tsdia_run.scripts.interface import Interface, Passing, settings_of
from tsdia_run.scripts.needed import Open

# How these take things depends on the arguments of each start, which `args` can't describe.
_PRESETS = {"nanoGPT": "nanogpt", "HfArgumentParser": "transformers"}
_CHECKPOINT = "the checkpoint of a resume"


def settings_for(entrypoint: str, found: Interface | None) -> dict[str, object]:
    """Return the settings of a project file.

    Args:
        entrypoint: The script, relative to the file.
        found: What was found in the script; None if it can't be parsed.
    """
    values: dict[str, object] = {"entrypoint": entrypoint}
    if found is None or depends_on_command(found):
        return values
    if found.only_config or found.leads:
        return {**values, "preset": next(_PRESETS[one] for one in found.libraries if one in _PRESETS)}
    needed = Open(config=True, run_dir=True, checkpoint=True, has_config=found.config is not None)
    layer = settings_of(found, needed)
    return {**values, **{name: value for name, value in layer.values.items() if value or name == "resume_args"}}


def depends_on_command(found: Interface) -> bool:
    """Return whether the options of a script follow from the sub-command that a start names."""
    return bool(found.commands) and found.run_dir is None


def project_text(settings: Mapping[str, object], found: Interface | None) -> str:
    """Return the text of a project file, with a comment about each setting.

    Args:
        settings: Its settings.
        found: What was found in the script; None if it can't be parsed.
    """
    entrypoint = str(settings["entrypoint"])
    lines = [
        f"# Settings of tsdia-run for {entrypoint}; options on the command line override them.",
        "# docs/settings.md of tsdia-run lists every setting.",
        "",
        f"entrypoint: {json.dumps(entrypoint, ensure_ascii=False)}",
        "",
    ]
    if found is not None and depends_on_command(found):
        lines += _of_commands(entrypoint)
    elif "preset" in settings:
        lines += _of_preset(settings, found)
    else:
        lines += [*_of_args(settings, found), *_of_resume(settings, found)]
    return "\n".join(lines)


def _of_commands(entrypoint: str) -> list[str]:
    return [
        f"# {entrypoint} has sub-commands: tsdia-run passes the directory and the checkpoint by the options of the one",
        "# that you type after `--`.",
        "",
    ]


def _of_preset(settings: Mapping[str, object], found: Interface | None) -> list[str]:
    names = [f"# {_line(what, passing)}" for what, passing in _passed(found)]
    return [
        *names,
        "# How it takes them depends on the other arguments, which this preset knows.",
        *_yaml(settings, "preset"),
    ]


def _of_args(settings: Mapping[str, object], found: Interface | None) -> list[str]:
    if "args" not in settings:
        return [
            "# No option for the output directory was found. If the script has one, pass it the run directory:",
            '# args: ["--output_dir", "{output_dir}"]',
            "",
        ]
    lines = [f"# {_line(what, passing)}" for what, passing in _passed(found) if what != _CHECKPOINT]
    if found is not None and found.run_dir is None:
        lines.append("# No option for the output directory was found. If the script has one, add it with {output_dir}.")
    if any("{config}" in word for word in _texts(settings["args"])):
        lines.append("# A run without a config gets no words with {config}.")
    return [*lines, *_yaml(settings, "args")]


def _of_resume(settings: Mapping[str, object], found: Interface | None) -> list[str]:
    if "resume_args" not in settings or found is None or found.checkpoint is None:
        return [
            "# No option for the checkpoint to resume from was found. If the script has one, pass it the checkpoint:",
            '# resume_args: ["--resume_from_checkpoint", "{checkpoint}"]',
            "",
        ]
    form = f" Form: {found.checkpoint.form.value}." if found.checkpoint.form and found.checkpoint.words else ""
    return [f"# {_line(_CHECKPOINT, found.checkpoint)}{form}", *_yaml(settings, "resume_args")]


def _passed(found: Interface | None) -> list[tuple[str, Passing]]:
    if found is None:
        return []
    named = (("the config", found.config), ("the run directory", found.run_dir), (_CHECKPOINT, found.checkpoint))
    return [
        (what, passing) for what, passing in named if passing is not None and (passing.words or what == _CHECKPOINT)
    ]


def _line(what: str, passing: Passing) -> str:
    if not passing.words and what == _CHECKPOINT:
        return f"The script finds its newest checkpoint itself ({passing.place})."
    taken = passing.option or "a positional argument"
    place = f" ({passing.place})" if passing.place else ""
    return f"{what[0].upper()}{what[1:]} is passed as {taken}{place}."


def _yaml(settings: Mapping[str, object], key: str) -> list[str]:
    value = settings[key]
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    return [f"{key}: {text}", ""]


def _texts(value: object) -> Sequence[str]:
    return value if isinstance(value, tuple) else ()
