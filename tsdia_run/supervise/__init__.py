"""Supervise a running attempt: its processes, its output, its record, and how it stops."""
