"""The Feast repository: `feast apply` reads this folder and nothing else."""
