"""Reads Sigma rules with pySigma and compiles them to the form that `sensor.detect` runs.

Never imported by the running sensor: pySigma takes 13 MB and a second for a hundred rules. It runs when the image is
built, in the `rules` command, and in a short-lived child (`python -m sensor.sigma`) for the rules of users.
"""
