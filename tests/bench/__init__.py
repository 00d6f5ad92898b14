"""Speed against named peers: whole processes, alternating runs, medians of the ratios' parts."""
