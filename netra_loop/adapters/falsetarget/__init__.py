"""Targets that are wrong on purpose: one where nobody listens, and one that answers everything with nonsense."""

from netra_loop.adapters.falsetarget.targets import FalseTargets, false_targets

__all__ = ["FalseTargets", "false_targets"]
