# Two images from one file:  docker build .                  the sensor, to run as a sidecar
#                            docker build --target ingest .  the central endpoint
# A tag, and so what is mended by the day of the build; SECURITY.md says how to build from one digest.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/ requirements/
RUN python3 -m venv --without-pip /opt/sensor \
 && python3 -m venv --without-pip /opt/ingest \
 && python3 -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/sensor/bin/python install --require-hashes -r requirements/sensor.txt \
 && /opt/build/bin/pip --python /opt/ingest/bin/python install --require-hashes -r requirements/ingest.txt
COPY . .
# The rules are compiled by what will compile users' own. Then one wheel for both images, of which the sidecar leaves out
# what only the centre runs. Bytecode is compiled here because a read-only
# root cannot keep it (a start takes 0.13 s of CPU with it, 0.5 s without), unchecked because nothing changes afterwards,
# and without docstrings (docs/adr/0096-the-images-bytecode-has-no-docstrings.md) or columns for tracebacks (0098). The
# command that pip writes imports `re` to no use, 6 ms at each start and each health check.
RUN /opt/sensor/bin/python -m sensor.sigma.ship rules sensor/detect/shipped.msgpack \
 && /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/build/bin/pip --python /opt/sensor/bin/python install --no-deps /dist/*.whl \
 && /opt/build/bin/pip --python /opt/ingest/bin/python install --no-deps /dist/*.whl \
 && rm -r /opt/sensor/lib/python3*/site-packages/ingest /opt/sensor/lib/python3*/site-packages/deploy \
 && printf '%s\n' '#!/opt/sensor/bin/python' 'import sys' 'from sensor.cli import main' 'sys.exit(main())' > /opt/sensor/bin/fargate-sensor \
 && find /opt/sensor /opt/ingest -name '*.pyi' -delete \
 && find /opt/sensor /opt/ingest -type d -name tests -prune -exec rm -r {} + \
 && /opt/sensor/bin/python -X no_debug_ranges -m compileall -q --invalidation-mode unchecked-hash -o 2 /opt/sensor/lib /opt/ingest/lib \
 && find /opt/sensor /opt/ingest -name '*.opt-2.pyc' -exec sh -c 'for f; do mv "$f" "${f%.opt-2.pyc}.pyc"; done' sh {} +

FROM ${BASE} AS run
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="fargate-sensor" \
      org.opencontainers.image.description="A runtime security sensor for AWS Fargate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
STOPSIGNAL SIGTERM
ENTRYPOINT ["fargate-sensor"]

FROM run AS ingest
ENV PATH=/opt/ingest/bin:$PATH INGEST_LISTEN=0.0.0.0:8080 INGEST_DATA_DIR=/var/lib/fargate-sensor
COPY --from=build /opt/ingest /opt/ingest
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ingest \
 && install -d -o ingest -g ingest -m 0700 /var/lib/fargate-sensor
USER 10001
VOLUME /var/lib/fargate-sensor
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
CMD ["ingest"]

FROM run AS sensor
ENV PATH=/opt/sensor/bin:$PATH
COPY --from=build /opt/sensor /opt/sensor
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["fargate-sensor", "health"]
CMD ["run"]
