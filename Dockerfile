# Everwire in an image: the program with its pages, and nothing that builds it. It brings no Postgres; give it a
# database by DATABASE_URL (docker-compose.yml shows how).

FROM node:22-slim AS web
WORKDIR /source/web
COPY web/package.json web/package-lock.json web/.npmrc* ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
# The board is built with the client package as it stands here, and checked against the schema.
COPY client/src ../client/src
COPY schema.graphql ../
RUN npm run build

FROM rust:1.95-slim-bookworm AS build
# The TLS library is partly C.
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential cmake \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
COPY --from=web /source/web/dist web/dist
# What is built stays in the cache for the next build, so the program is copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin everwire \
    && cp target/release/everwire /usr/local/bin/everwire

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home everwire
COPY --from=build /usr/local/bin/everwire /usr/local/bin/everwire
USER everwire
WORKDIR /home/everwire

# Inside a container 127.0.0.1 is reached by nobody; who may connect is decided where the port is published.
ENV EVERWIRE_LISTEN=0.0.0.0:8080
EXPOSE 8080

# The image has no HTTP client but bash.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]

ENTRYPOINT ["everwire"]
CMD ["serve"]
