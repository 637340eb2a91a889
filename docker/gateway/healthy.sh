#!/bin/bash
# Whether the gateway is ready, database included. bash speaks enough HTTP for that, so the image needs no client.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${TENANCY_LISTEN##*:}"
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r _ status _ <&3
[[ $status == 200 ]]
