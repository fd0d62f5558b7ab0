"""A plant in software: physics, faults and ground truth, deterministic from a seed.

Read it in the order a sample is made: `cycles` (load and surroundings) → `pump`, `motor`, `compressor`, `conveyor`
(physics) → `sensors` (lag, noise, sensor faults) → `gateway` (units) → `simulation` (columns) → `encode` (JSON) →
`produce` (Kafka). `scenario` says what breaks, and writes the ground truth.
"""
