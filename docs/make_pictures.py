"""Generate the pictures of the README from the output of real commands: ``make pictures``, which takes two minutes.

The script creates a temporary project, runs real trainings in a terminal, and saves the final screens as SVG files.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
COMMAND = Path(sys.executable).with_name("tsdia-run")
COLUMNS, LINES = 118, 60
# The paths that the pictures show.
SHOWN_PROJECT, SHOWN_PYTHON = "/home/you/char-lm", "/home/you/char-lm/.venv/bin/python"

SHOTS = (
    ("new", "tsdia-run new config.yml"),
    ("", "tsdia-run new config.yml --name lr-high --set training.learning_rate=0.02 --set training.epochs=2"),
    ("", "tsdia-run new config.yml --name broken --set training.learning_rate=fast"),
    ("list", "tsdia-run list"),
    ("info", "tsdia-run info char-lm"),
    ("compare", "tsdia-run compare char-lm lr-high"),
)


def main() -> None:
    """Generate all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch).resolve() / "char-lm"
        _make_project(project)
        for name, line in SHOTS:
            print(f"$ {line}")  # noqa: T201 - a script
            screen = _run(line, project)
            if name:
                _picture(screen, line, project).save_svg(str(PICTURES / f"{name}.svg"), title=line)


def _make_project(project: Path) -> None:
    project.mkdir()
    text = (ROOT / "configs" / "quickstart.yml").read_text(encoding="utf-8")
    (project / "config.yml").write_text(text.replace("runs/quickstart", "runs/char-lm"), encoding="utf-8")
    (project / ".gitignore").write_text("runs/\n", encoding="utf-8")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "A first config"]):
        who = ["-c", "user.name=You", "-c", "user.email=you@example.org"]
        subprocess.run(["git", *who, *words], cwd=project, check=True)


def _run(line: str, project: Path) -> pyte.Screen:
    """Return the screen after a command has ended."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    _, *words = line.split()
    environment = {
        "PATH": f"{COMMAND.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(project.parent),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "VIRTUAL_ENV": sys.prefix,
    }
    running = pexpect.spawn(
        str(COMMAND), words, cwd=str(project), env=environment, dimensions=(LINES, COLUMNS), timeout=600
    )
    while True:
        try:
            stream.feed(running.read_nonblocking(65536, timeout=600))
        except pexpect.EOF:
            break
    running.close()
    return screen


def _picture(screen: pyte.Screen, line: str, project: Path) -> Console:
    console = Console(record=True, width=COLUMNS, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    console.print(Text(f"$ {line}", style="bold"))
    last = max((row for row in range(screen.lines) if screen.display[row].strip()), default=-1)
    for row in range(last + 1):
        console.print(_line(screen, row, project), overflow="ignore", no_wrap=True, crop=True)
    return console


def _line(screen: pyte.Screen, row: int, project: Path) -> Text:
    text = Text()
    for column in range(len(screen.display[row].rstrip())):
        cell = screen.buffer[row][column]
        colour = "" if cell.fg == "default" else cell.fg.replace("brown", "yellow")
        colour = f"#{colour}" if re.fullmatch("[0-9a-f]{6}", colour) else colour
        text.append(cell.data, style=f"{'bold ' * cell.bold}{colour}".strip())
    for real, shown in ((sys.executable, SHOWN_PYTHON), (str(project), SHOWN_PROJECT)):
        at = text.plain.find(real)
        if at >= 0:
            text = Text.assemble(text[:at], shown, text[at + len(real) :])
    return text


if __name__ == "__main__":
    if shutil.which("git") is None:
        sys.exit("the pictures need git")
    main()
