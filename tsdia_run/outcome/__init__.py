"""How an attempt ended: what its processes left, the evidence, and the classification."""
