#!/usr/bin/env bash
# Holds a running api to its own OpenAPI document, with other people's tools: openapi-spec-validator says whether it is one, and
# schemathesis makes requests out of it, right and wrong ones, and looks at every answer. How it is told to is in ../schemathesis.toml.
# All of it stays on this machine, and ends by itself.
set -euo pipefail
cd "$(dirname "$0")/../../.."

work=$(mktemp -d)
cluster=
trap '[ -z "$cluster" ] || { kill "$cluster"; wait "$cluster" || true; }; rm -rf "$work"' EXIT

if ! command -v curl >/dev/null || ! python3 -m venv "$work/venv" >/dev/null 2>&1; then
  as_root=$([ "$(id -u)" = 0 ] || echo sudo)
  $as_root apt-get update -q
  $as_root apt-get install -y -q curl python3-venv
  python3 -m venv "$work/venv"
fi
"$work/venv/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5 openapi-spec-validator==0.9.0

cargo build --locked --quiet -p local-cluster
port=127.0.0.1:0
target/debug/local-cluster --folder "$work/cluster" --storage memory: --kubernetes-addr $port --api-addr $port --api-admin-addr $port \
  --data-store-addr $port --data-store-admin-addr $port >"$work/said" 2>"$work/log" &
cluster=$!
for _ in $(seq 100); do
  grep -q '^Ready' "$work/said" && break
  kill -0 "$cluster" || { cat "$work/log"; exit 1; }
  sleep 0.1
done
api=$(grep -o 'http://[^ ]*' "$work/said" | head -n 1)

curl --silent --fail --output "$work/openapi.json" "$api/openapi.json"
"$work/venv/bin/openapi-spec-validator" "$work/openapi.json"
timeout 600 "$work/venv/bin/schemathesis" --config-file services/api/schemathesis.toml run "$api/openapi.json" \
  --generation-deterministic --no-color --max-examples "${EXAMPLES:-50}"
if grep -E 'ERROR|panicked' "$work/log"; then
  echo 'The log has errors'
  exit 1
fi
