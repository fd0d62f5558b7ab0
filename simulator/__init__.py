"""A plant in software: physics, faults and ground truth, deterministic from a seed."""
