#!/usr/bin/env bash
#
# The seam between C++ and Postgres, on tenancy_faults.so: the same code built so that it throws on demand
# (make -C pg_extension install-faults). It defines the same settings as tenancy.so, and the server under test has that
# one loaded: so this runs on a cluster of its own. The assertions are in setup/seam.sql.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
# shellcheck source=setup/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/cluster.sh"
# shellcheck disable=SC2119  # its options are for the server
start_cluster || give_up "the cluster did not start: $(cat "$cluster/log")"

psql -X -q -A -t -f "$(dirname "${BASH_SOURCE[0]}")/setup/seam.sql" 2>&1
