"""What a training run, or a comparison of two bundles, looked like: one HTML file that needs nothing else."""
