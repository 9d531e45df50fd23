# One image for every process: worker, receiver, API, Flower, and the simulator of the demo.
#
#   docker build --build-arg PIP_INDEX_URL=https://pypi.example.com/simple/ .     packages from an index of your own
#   docker build --build-arg BASE=python:3.11.18-slim-trixie@sha256:… .           a base that nobody can change
#
# `docker buildx imagetools inspect python:3.11.18-slim-trixie` shows the digest. None is written here: it would pin the base
# without the fixes that the tag still gets.
ARG BASE=python:3.11.18-slim-trixie

# What the image runs on. Byte-code is unchecked: nothing changes a file afterwards, and each start saves a stat of every module.
FROM $BASE AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    COMPILE="-m compileall -q -j 0 --invalidation-mode unchecked-hash"

FROM base AS build
ARG PIP_INDEX_URL
WORKDIR /src
COPY requirements-build.lock ./
RUN python -m pip install -r requirements-build.lock

# The dependencies, in a layer that an edit of ours does not touch.
FROM build AS packages
COPY requirements-image.lock ./
RUN python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-compile -r requirements-image.lock \
 && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
 && python $COMPILE /opt/venv/lib

# Our own code, installed into the same environment, and nothing but it below /own.
FROM build AS own
COPY pyproject.toml setup.py README.md LICENSE ./
COPY producers producers
COPY worker worker
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-deps --no-compile --root /own /dist/*.whl \
 && python $COMPILE -s /own -p / /own

FROM base AS smsrelay
# Numbers and not names, so that an orchestrator can see that it is not root. A volume mounted on /spool takes over its owner.
# Nothing in the image can install anything.
RUN groupadd --gid 10001 smsrelay \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin smsrelay \
 && mkdir /spool && chown 10001:10001 /spool \
 && python -m pip uninstall --quiet --yes wheel setuptools pip \
 && cd /usr/local/lib/python3.11 && rm -rf ensurepip idlelib lib2to3 tkinter turtledemo \
 && python $COMPILE /usr/local/lib/python3.11
WORKDIR /opt/smsrelay
COPY --from=packages /opt/venv /opt/venv
# Last of all that makes a layer: an edit of ours changes this one alone.
COPY --from=own /own/opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["smsrelay", "--help"]
