"""Turns a sealed recording into a replay: check, gather, join in a child process, publish. What is odd is held back."""

from recordings.pipeline.process import process

__all__ = ["process"]
