"""Mutation testing of what decides: each small change of a rule must make some test fail.

A mutator of our own, because the libraries change other things. mutmut leaves alone whatever has a decorator, whole
statements (a `raise`, an early return) and constants such as the leak guard's SQL; Cosmic Ray drops no arguments, which
is what a queryset's conditions are, and rewrites the working tree.
"""
