# Builds vigil against Debian's OpenCV and FFmpeg and leaves only what it needs to run.
FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ pkg-config libopencv-dev \
        libavformat-dev libavcodec-dev libavutil-dev libswscale-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The weights are for another user to read, whatever the umask was.
RUN make build && chmod -R a+rX weights

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata \
        libopencv-core406 libopencv-imgproc406 libopencv-imgcodecs406 libopencv-videoio406 \
        libavformat59 libavcodec59 libavutil57 libswscale6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home /var/lib/vigil --create-home vigil
COPY --from=build /src/bin/vigil /usr/local/bin/vigil
COPY --from=build /src/weights /usr/share/vigil/weights
USER vigil
WORKDIR /var/lib/vigil
VOLUME /var/lib/vigil
ENTRYPOINT ["vigil"]
CMD ["run", "-c", "/var/lib/vigil/vigil.yaml"]
