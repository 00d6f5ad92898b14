"""The table of endings: each cause with the ending that tsdia-run must report. docs/endings.md shows it."""
