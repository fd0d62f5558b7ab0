"""Real Kafka and Valkey for one machine, from packages, without anything installed beforehand."""
