# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/wechat-token-proxy . \
 && mkdir -p /out/tmp /out/data && chmod 1777 /out/tmp && chmod 0700 /out/data

# Nothing but the program: no shell, no libc, no root.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/wechat-token-proxy /wechat-token-proxy
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
# Inside a pod, or with --network=host, the defaults on loopback are right. To
# be reached from elsewhere, set PROXY_LISTEN=0.0.0.0:8080 and a client key.
EXPOSE 8080 8081
HEALTHCHECK --interval=15s --timeout=6s --start-period=20s CMD ["/wechat-token-proxy", "healthcheck"]
ENTRYPOINT ["/wechat-token-proxy"]
