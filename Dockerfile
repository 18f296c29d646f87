# docker build -t refund-conformance .
# docker run --rm refund-conformance
# docker run --rm --user "$(id -u)" -v "$PWD:/work" -e REFUND_TOKEN refund-conformance run --target target.toml
ARG PYTHON=python:3.13.5-slim-bookworm@sha256:4c2cf9917bd1cbacc5e9b07320025bdb7cdf2df7b0ceaccb55e9dd7e30987419

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY pyproject.toml README.md constraints.txt ./
COPY contracts contracts
COPY schemas schemas
COPY suites suites
COPY src src
RUN python -m venv /opt/refund-conformance && /opt/refund-conformance/bin/pip install -c constraints.txt '.[postgresql,redis]'

FROM ${PYTHON}
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin conformance \
 && install -d -o conformance -g conformance /work
COPY --from=build /opt/refund-conformance /opt/refund-conformance
ENV PATH=/opt/refund-conformance/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
WORKDIR /work
USER 10001
ENTRYPOINT ["refund-conformance"]
CMD ["run"]
