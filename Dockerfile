# docker build -t refund-conformance .
# docker run --rm refund-conformance
# docker run --rm --user "$(id -u)" -v "$PWD:/work" -e REFUND_TOKEN refund-conformance run --target target.toml
# docker build -t refund-mock --target mock . && docker run --rm -p 8080:8080 refund-mock
ARG PYTHON=python:3.13.5-slim-bookworm@sha256:4c2cf9917bd1cbacc5e9b07320025bdb7cdf2df7b0ceaccb55e9dd7e30987419

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY contracts contracts
COPY schemas schemas
COPY suites suites
COPY src src
RUN python -m venv /opt/refund-conformance && /opt/refund-conformance/bin/pip install -c constraints.txt '.[postgresql,redis]'

FROM ${PYTHON} AS suite
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="refund-conformance" \
      org.opencontainers.image.description="Conformance suite for POST /v1/order/{order id}/refund" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin conformance \
 && install -d -o conformance -g conformance /work
COPY --from=build /opt/refund-conformance /opt/refund-conformance
ENV PATH=/opt/refund-conformance/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
WORKDIR /work
USER 10001
ENTRYPOINT ["refund-conformance"]
CMD ["run"]

FROM suite AS mock
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=5 \
  CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8080), 2).close()"]
CMD ["mock", "--host", "0.0.0.0", "--port", "8080"]

# What is built without --target.
FROM suite
