# One image for every process: worker, receiver, Flower, and the simulator of the demo.
FROM python:3.11-slim AS build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# The dependencies first: an edit of ours does not install them again.
COPY requirements.lock ./
RUN pip install -r requirements.lock
COPY pyproject.toml setup.py README.md LICENSE ./
COPY producers producers
COPY worker worker
RUN pip install --no-deps .

FROM python:3.11-slim AS smsrelay
# Numbers and not names, so that an orchestrator can see that it is not root.
RUN groupadd --gid 10001 smsrelay \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin smsrelay
COPY --from=build /opt/venv /opt/venv
# A volume mounted here takes over its owner.
RUN mkdir /spool && chown 10001:10001 /spool
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/smsrelay
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["smsrelay", "--help"]
