"""Processes that share limits on one server, against one origin, while things go wrong."""
