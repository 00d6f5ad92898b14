"""Measure speed against named peers: whole processes, alternating runs, ratios of medians."""
