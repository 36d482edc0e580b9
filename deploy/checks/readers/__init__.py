"""Readers: each kind of document becomes the tasks, pods, services and policies of `deploy.checks.model`."""
