"""Puts the sensor into pods: a pod goes in, a JSON Patch comes out."""
