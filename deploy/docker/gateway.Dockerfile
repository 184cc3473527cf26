# The image of the gateway. It renders the files of nginx/ from the environment when it starts; docs/settings.md lists the settings.
#
#	docker build -f deploy/docker/gateway.Dockerfile .
#
# It needs the certificate and its key at GATEWAY_TLS_CERT and GATEWAY_TLS_KEY, readable for www-data, and the names of the
# services in QUEUE_HOST and so on. Every address of such a name is an instance, and the gateway follows changes (nginx/follow).
# Without ENVIRONMENT=development the gateway refuses unsafe settings and names each (docs/operations.md, "Production").
# To change the limits of a running gateway, mount tuning.conf and deny.conf over those in /gateway, and run
#
#	docker exec CONTAINER /gateway/reload
ARG DEBIAN=debian:bookworm-slim
FROM $DEBIAN
WORKDIR /app
COPY deploy/local/install-packages deploy/local/packages deploy/local/
RUN deploy/local/install-packages gateway && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled && \
    install -d -o www-data -g www-data /run/concert
COPY deploy/settings /deploy/settings
COPY nginx /gateway

ENV RUN_DIR=/run/concert \
    BIND=0.0.0.0 \
    GATEWAY_HTTPS_PORT=8443 \
    GATEWAY_HTTP_PORT=8080 \
    QUEUE_HOST=queue \
    RESERVATION_HOST=reservation \
    PAYMENT_HOST=payment \
    POINT_HOST=point \
    GATEWAY_ACCESS_LOG=/dev/stdout \
    GATEWAY_ERROR_LOG=stderr

EXPOSE 8443 8080
HEALTHCHECK --interval=5s --timeout=2s \
    CMD curl -kfsS -o /dev/null "https://127.0.0.1:$GATEWAY_HTTPS_PORT/healthz"
# www-data. A number, because Kubernetes then sees that the user is not root.
USER 33
# nginx finishes its requests on QUIT; on TERM it drops them.
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/gateway/start"]
