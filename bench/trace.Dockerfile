# Two servers that spawn nothing, and what puts them under load, from Debian.
ARG BASE=python:3.13-slim-trixie
FROM ${BASE}
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends nginx-light redis-server redis-tools wrk \
 && rm -rf /var/lib/apt/lists/*
