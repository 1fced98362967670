# Production image: Node 26, production dependencies only, no root, no write outside the mounted folders.
#   docker build -t exeat . && docker run --read-only -v state:/run/exeat -v audit:/var/log/exeat -v ./config:/app/config:ro exeat
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The platform packages of Node are for machines with an older one.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

FROM node:26-slim
ENV NODE_ENV=production NODE_COMPILE_CACHE=/run/exeat/compile-cache
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY package.json LICENSE README.md ./
COPY bin ./bin
COPY src ./src
COPY config ./config
RUN mkdir -p /run/exeat /var/log/exeat && chown 65532:65532 /run/exeat /var/log/exeat
USER 65532:65532
ENV XDG_STATE_HOME=/run
EXPOSE 7070 7072
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s CMD ["node", "-e", "fetch('http://127.0.0.1:7072/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/exeat.js"]
CMD ["serve", "--config", "config/exeat.yaml"]
