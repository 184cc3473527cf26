# The image of one service: queue, reservation, payment or point. It contains no code of the other services.
#
#	docker build -f deploy/docker/service.Dockerfile --build-arg SERVICE=queue --build-arg PORT=9110 .
#
# docker-compose.yml builds each service in this way. It builds the card provider's simulator with another folder and another
# configuration.
ARG DEBIAN=debian:bookworm-slim

FROM $DEBIAN AS build
WORKDIR /src
COPY deploy/local/install-packages deploy/local/packages deploy/local/
RUN deploy/local/install-packages build
COPY deploy/settings deploy/settings
COPY shared shared
RUN make -C shared
# The images of all services share the layers above this line.
ARG SERVICE
RUN test -n "$SERVICE" || { echo "pass --build-arg SERVICE=..." >&2; exit 1; }
ARG FOLDER=services/$SERVICE
COPY $FOLDER $FOLDER
RUN make -C "$FOLDER"

FROM $DEBIAN
WORKDIR /app
COPY deploy/local/install-packages deploy/local/packages deploy/local/
RUN deploy/local/install-packages image && rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --user-group --no-create-home concert && \
    install -d -o concert -g concert /run/concert /var/lib/concert
COPY deploy/docker/start-service .
ARG KORE_CONF=services/kore.conf
COPY $KORE_CONF kore.conf
ARG SERVICE
COPY --from=build /src/build/kore/kore /src/build/$SERVICE.so build/
# The port at which the service listens.
ARG PORT
RUN test -n "$PORT" || { echo "pass --build-arg PORT=..." >&2; exit 1; }
ENV SERVICE=$SERVICE PORT=$PORT BIND=0.0.0.0 WORKERS=1
EXPOSE $PORT
# The version that /metrics and the log show: docker-compose.yml passes IMAGE_TAG.
ARG SERVICE_VERSION=unknown
ENV SERVICE_VERSION=$SERVICE_VERSION
# A number, because Kubernetes then sees that the user is not root.
USER 10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/start-service"]
