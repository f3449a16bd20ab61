"""Plugins: each knows its port, the kernel and the platform, and nothing else."""
