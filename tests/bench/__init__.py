"""Measurements as ratios against something else in the same run: machines are noisy, an absolute time means little."""
