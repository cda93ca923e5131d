"""Measurements: each prints ratios or differences that were measured side by side in one run. None of them is a test."""
