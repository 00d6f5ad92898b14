"""All rows of the table of endings."""

from __future__ import annotations

from tests.endings import command_lines, exceptions, faults, launchers, processes, several_ranks, single, stops

SECTIONS = {
    "One process exits or dies of a signal": single.ROWS,
    "An exception": exceptions.ROWS,
    "A wrong command line": command_lines.ROWS,
    "Faults in native code, and limits": faults.ROWS,
    "Child processes, memory and disks": processes.ROWS,
    "Two ranks": several_ranks.ROWS,
    "Other launchers": launchers.ROWS,
    "Stops, hangs, and kills of tsdia-run": stops.ROWS,
}
ROWS = [row for rows in SECTIONS.values() for row in rows]
