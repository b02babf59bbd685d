# One image for every service; the command selects which: `serve incident`, `migrate`, `topology apply`.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python -m venv --without-pip /opt/venv
COPY requirements.lock ./
# Wheels only: a source package would run its own build script here.
RUN python -m pip --python /opt/venv/bin/python install \
    --no-cache-dir --only-binary=:all: --require-hashes -r requirements.lock
COPY libs ./libs
COPY services ./services
COPY wangge ./wangge
# Not judged by file times, which differ between builders; the file system is read-only when it runs.
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash libs services wangge

FROM ${BASE}
# asyncpg and others ask for the user's name and home, so the number needs an entry.
RUN echo 'wangge:x:10001:10001:wangge:/tmp:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'wangge:x:10001:' >> /etc/group
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WANGGE_HTTP_HOST=0.0.0.0
WORKDIR /app
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["python", "-m", "wangge"]
