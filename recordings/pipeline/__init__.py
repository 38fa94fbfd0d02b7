"""Turns a sealed recording into a replay: gather and check, join in a child process, publish. Anything odd is held back."""

from recordings.pipeline.process import process

__all__ = ["process"]
