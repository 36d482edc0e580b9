# What makes traffic in tests and benchmarks: the base image with netcat and a resolver.
ARG BASE=python:3.13-slim-trixie
FROM ${BASE}
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends dnsmasq-base netcat-openbsd \
 && rm -rf /var/lib/apt/lists/*
