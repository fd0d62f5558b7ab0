"""The main job end to end on one machine: on the simulated plant, or on recorded data. It uses all, nothing uses it."""
