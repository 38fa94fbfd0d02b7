"""A random walk through the life of the portal, and beside it a model in plain Python of who may see what.

Everything runs through the services and pages of the product; joining media alone is replaced, because decoding takes
a second a time.
"""
