#!/usr/bin/env bash
#
# The one entry to a working copy: sets it up, runs it, tests it. Each command is a
# function cmd_NAME in the script of its noun below scripts/; this file only dispatches.

set -euo pipefail
umask 022

# Tools started from here must reach our servers, not the one that the caller's shell points at.
for name in ${!PG@}; do unset "$name"; done
unset name

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# shellcheck source=scripts/common.sh
source "$ROOT/scripts/common.sh"
# shellcheck source=scripts/packages.sh
source "$ROOT/scripts/packages.sh"
# shellcheck source=scripts/node.sh
source "$ROOT/scripts/node.sh"
# shellcheck source=scripts/build.sh
source "$ROOT/scripts/build.sh"
# shellcheck source=scripts/instance.sh
source "$ROOT/scripts/instance.sh"
# shellcheck source=scripts/cluster.sh
source "$ROOT/scripts/cluster.sh"
# shellcheck source=scripts/demo.sh
source "$ROOT/scripts/demo.sh"
# shellcheck source=scripts/gateway.sh
source "$ROOT/scripts/gateway.sh"
# shellcheck source=scripts/running.sh
source "$ROOT/scripts/running.sh"
# shellcheck source=scripts/lint.sh
source "$ROOT/scripts/lint.sh"
# shellcheck source=scripts/tests.sh
source "$ROOT/scripts/tests.sh"

usage() {
    cat <<'TEXT'
Usage: ./setup.sh COMMAND

  up      install what is missing, build, start the demo, print its address and logins
  down    stop the demo; its data stays
  reset   load the demo database afresh
  psql    open psql on the demo as its owner; further arguments go to psql
  env     print shell exports for other tools:  eval "$(./setup.sh env)"
  test    run every test on a throw-away cluster; also while the demo is up. test SUITE runs one,
          test pgtap FILE… and test e2e FILE… some files of it
  lint    read the code with shellcheck, cppcheck, ESLint, TypeScript and clang-tidy; lint NAME… with some
  format  write the C++ files anew as .clang-format has them

With the word many after them, up serves a second demo beside the first, of users with many
tenants, and reset, psql and env work on that one.

Settings, as environment variables of `up`:
  TENANCY_PORT       port of the page and the API (else the first free one from 8080)
  TENANCY_MANY_PORT  the same for the second demo
  TENANCY_PG_PORT    port of the private PostgreSQL (else the first free one from 54320)

and of all commands:
  TENANCY_PG_BIN     the programs of another PostgreSQL than Debian's, which gets the extension
TEXT
}

command=${1:-help}
shift || true
case $command in
    up | down | reset | psql | env | test | lint | format) "cmd_$command" "$@" ;;
    help | -h | --help) usage ;;
    *)
        usage >&2
        die "there is no command '$command'"
        ;;
esac
