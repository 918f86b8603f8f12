# The first two stages run in parallel. The last one contains only what the service reads at run time.

FROM node:24.21.0-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts would download another Node and a PostgreSQL, which only development needs.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json mikro-orm.config.ts ./
COPY migrations migrations
COPY src src
COPY console console
# The console calls the service by it.
COPY clients/typescript/src clients/typescript/src
RUN npm run build

FROM node:24.21.0-trixie-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Optional packages are for compiling and testing. Source maps and types are two fifths of the rest.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

FROM node:24.21.0-trixie-slim
LABEL org.opencontainers.image.title="identity-reconciliation" \
  org.opencontainers.image.description="Links the emails and phone numbers of a customer to one identity, in real time" \
  org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
# Mount a volume here to keep the embedded database. A VOLUME instruction is left out: Railway refuses to build it.
RUN mkdir /data && chown 65532:65532 /data
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/console/dist console/dist
COPY package.json LICENSE ./
USER 65532:65532
EXPOSE 3000 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# A smaller young generation, and a heap that grows by at most half at a time, need about a third less memory under load at
# the same speed; docs/benchmarks.md has the figures.
CMD ["node", "--max-semi-space-size=8", "--heap-growing-percent=50", "dist/src/main.js"]
