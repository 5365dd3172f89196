"""Runs reproduced: environment, code and data restored, run as a job, compared."""
