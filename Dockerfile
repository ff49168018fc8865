# TazPod in a container. Its vault opens sealed, as on a machine of its own, when the container may mount FUSE:
#
#   docker build --tag tazpod .
#   docker run --interactive --tty --rm --cap-add SYS_ADMIN --device /dev/fuse \
#     --volume tazpod-vault:/home/tazpod/.tazpod-vault tazpod
#
# README.md says more. Nothing of the builder but these files is in the image: no npm, no compiler, no source.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# npm installs for the plugins, too, because the build compiles them. None of them is in the image.
COPY plugins ./plugins
# No package's install script runs, here or anywhere: none of them is needed.
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY . .
# What lies in the image is what would be published, with what it depends on.
RUN npm run build \
 && npm run manifest \
 && npm prune --omit=dev --workspaces=false --ignore-scripts --no-audit --no-fund --loglevel=error \
 && mkdir /package \
 && npm pack --ignore-scripts --silent --pack-destination / \
 && tar --extract --file /tazpod-*.tgz --directory /package --strip-components=1 --no-same-owner \
 && mv node_modules /package/

FROM ${DEBIAN_IMAGE}
LABEL org.opencontainers.image.title="TazPod" \
      org.opencontainers.image.description="Secrets in one LUKS2 image, opened for one shell only" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      bsdutils cryptsetup-bin e2fsprogs fuse2fs libstdc++6 mount sudo tini util-linux \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /package /usr/local/lib/node_modules/tazpod
RUN ln -s ../lib/node_modules/tazpod/bin/run.js /usr/local/bin/tazpod \
 && ln -s ../lib/node_modules/tazpod/bin/tazpod-ghost /usr/local/bin/tazpod-ghost \
 && useradd --uid 1000 --create-home --shell /bin/bash tazpod \
 && install --directory --owner=tazpod --group=tazpod --mode=0700 /home/tazpod/.tazpod-vault \
# The one thing that sudo grants. doctor prints no such rule for an install that the user could write; its 69 says only
# that no vault can be opened during a build.
 && { setpriv --reuid=tazpod --regid=tazpod --init-groups --reset-env tazpod doctor --sudoers >/etc/sudoers.d/tazpod \
      || test $? -eq 69; } \
 && chmod 0440 /etc/sudoers.d/tazpod \
 && grep --quiet '^tazpod ALL' /etc/sudoers.d/tazpod \
 && visudo --check --quiet

ENV LANG=C.UTF-8
USER tazpod
WORKDIR /home/tazpod
# Vaults belong into a volume: never into a layer of an image, and not away with a container.
VOLUME /home/tazpod/.tazpod-vault
# A login shell ends with SIGHUP as with a terminal that is closed; it ignores Docker's usual SIGTERM.
STOPSIGNAL SIGHUP
# The first process reaps what others orphan, which Node would not.
ENTRYPOINT ["tini", "--"]
CMD ["bash", "--login"]
