#!/usr/bin/env bash
# docs/sql.md is what the comments of the installed extension say now: no function, view or setting is missing there.

# shellcheck source=tests_pgtap/setup/tap.sh
source "$(dirname "$0")/setup/tap.sh"
cd "$(dirname "$0")/.." || exit 1

quiet_psql -f scripts/sql_reference.sql >"$SCRATCH/sql.md"
is "$(($(grep -c '^### ' "$SCRATCH/sql.md") > 40))" 1 'the extension has functions to describe'
is "$(diff "$SCRATCH/sql.md" docs/sql.md)" '' \
    'docs/sql.md says what the extension says; psql -X -q -At -f scripts/sql_reference.sql >docs/sql.md makes it anew'
finish
