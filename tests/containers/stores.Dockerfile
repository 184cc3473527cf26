# Stands in for the images postgres:15 and redis:7, which need a registry: the same two programs as Debian packages them.
ARG DEBIAN=debian:bookworm-slim
FROM $DEBIAN
COPY install-packages packages /setup/
RUN /setup/install-packages run
RUN install -d -o redis -g redis /data && install -d -o postgres -g postgres /run/postgresql /var/lib/postgresql/data
ENV PATH=/usr/lib/postgresql/15/bin:$PATH
COPY docker-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]
