# The image of the migration job: sqitch and migrations/.
#
#	docker build -f deploy/docker/migrate.Dockerfile .
ARG DEBIAN=debian:bookworm-slim
FROM $DEBIAN
WORKDIR /app
COPY deploy/local/install-packages deploy/local/packages deploy/local/
RUN deploy/local/install-packages migrate && rm -rf /var/lib/apt/lists/*
COPY migrations migrations
COPY deploy/docker/start-migrate .
ENV SQITCH_FULLNAME=migrate SQITCH_EMAIL=migrate@localhost
# A number, because Kubernetes then sees that the user is not root.
USER 10001
ENTRYPOINT ["/app/start-migrate"]
