#!/bin/sh
# Stops the server of this data directory and starts it again, behind whatever start-up code it is given.
# Part of docs/incident.md; run from the project's folder.
set -eu
data=${PULSESTREAM_DATA_DIR:-data}
pid=$(node -p "JSON.parse(require('fs').readFileSync('$data/run/server.json')).pid")
kill -TERM "$pid"
while kill -0 "$pid" 2> /dev/null; do sleep 0.2; done
for code in "$@"; do node "$code"; done
nohup node dist/src/cli/main.js serve > "$data/server.log" 2>&1 &
