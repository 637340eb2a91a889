#!/usr/bin/env bash
#
# The examples of docs/clients.md: the page shows them as they are, and each one, run against the demo's schema, keeps tenants
# apart and leaves nothing on a pooled connection. The names of clients as arguments: those; without: those that need no
# compiler and no big packages. `make clients-test` runs the others.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

page=docs/clients.md
light=(node psycopg sqlalchemy django ruby activerecord)
heavy=(prisma jdbc pgx)
(($#)) || set -- "${light[@]}"

# ---------------------------------------------------------------- the page
is "$(find examples -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)" "$(printf '%s\n' "${light[@]}" "${heavy[@]}" | sort)" 'every example is one of those that are run'

# shown FILE: the block below the link to the file; marked FILE: the lines between its two marks.
shown() { awk -v link="($1)" 'index($0, link) { here = 1 } here && /^```$/ { exit } block { print } here && /^```[a-z]/ { block = 1 }' "$page"; }
marked() { sed -n '/docs\/clients\.md: begin/,/docs\/clients\.md: end/ { /docs\/clients\.md: /d; p }' "$1"; }
while IFS= read -r file; do
    is "$(shown "../$file")" "$(marked "$file")" "the page shows what stands in $file"
done < <(grep -rl --exclude-dir=node_modules --exclude-dir=generated 'docs/clients\.md: begin' examples | sort)

# The few lines of the README, below the link to their file, stand there in this order.
few=0
while IFS= read -r file; do
    lines=$(awk -v link="($file)" 'index($0, link) { here = 1 } here && /^```$/ { exit } block { print } here && /^```[a-z]/ { block = 1 }' README.md)
    few=$((few + $(grep -c . <<<"$lines")))
    is "$(diff <(echo "$lines") "$file" | grep '^<')" '' "the README's lines stand in $file"
done < <(sed -n '/^### From your language/,/^### Read on/p' README.md | grep -oE '\(examples/[^)]*\)' | tr -d '()')
is "$((few > 25))" 1 'the README has lines to compare'

# ---------------------------------------------------------------- the demo's schema, and a login as an application has it
database=clients_test
application=clients_application
made=()

forget() {
    quiet_psql -d postgres -c "drop database if exists $database with (force)"
    quiet_psql -d postgres -c "drop role if exists $application"
    local role
    for role in ${made[@]+"${made[@]}"}; do quiet_psql -d postgres -c "drop role if exists $role"; done
}
at_end forget
forget >/dev/null 2>&1
for role in demo_owner demo_gateway; do
    [[ $(quiet_psql -c "select 1 from pg_roles where rolname = '$role'") ]] || made+=("$role")
done

load() {
    local file demo=sql/one_tenant_per_user
    psql -X -q -d postgres -v ON_ERROR_STOP=1 -f $demo/00_roles.sql -c "create database $database owner demo_owner template template0" &&
        psql -X -q -d $database -v ON_ERROR_STOP=1 -1 -f $demo/10_database.sql || return
    for file in "$demo"/[2-6]?_*.sql; do
        PGOPTIONS='-c role=demo_owner' psql -X -q -d $database -v ON_ERROR_STOP=1 -1 -f "$file" || return
    done
}
load >"$SCRATCH/load" 2>&1 || give_up "the demo could not be loaded: $(tail -n 3 "$SCRATCH/load")"

password=$(head -c 18 /dev/urandom | base64 | tr -d '+/=')
printf "create role %s login password '%s' in role tenancy_gateway; grant connect on database %s to %s;\n" \
    "$application" "$password" "$database" "$application" | quiet_psql
# Somebody has guessed at one name for so long that it has to wait: for longer than this test takes.
quiet_psql -d $database -o /dev/null -c "select tenancy.note_sign_in(jsonb_build_object('longest_wait', 900, 'failed', jsonb_build_array(jsonb_build_object(
    'key', encode(tenancy.sign_in_key('t5 user2', null), 'hex'), 'kind', 'name', 'most', 15)))) from generate_series(1, 15)"

# ---------------------------------------------------------------- each client
want="tenant: 3
own rows: 11 12 13 14 15
after a commit: |$application
another tenant's rows: 1 2 3 4 5
without attach: 42501 403
a new row has tenant: 3
after a rollback: |$application
rows after a rollback: 11 12 13 14 15
a row of another tenant's: 42501 403
after an error: |$application
signed out: 28000 401
after a refused attach: |$application
connections: 1
wrong password: 28P01 401
too many attempts: 53400 429"
# More than the driver keeps prepared: it must not DEALLOCATE in a context. And what the middleware answers.
declare -A more=(
    [psycopg]='many statements: all ran'
    [pgx]='many statements: all ran'
    [django]='statuses: 403 500 403 401'
    [activerecord]=$'many statements: all ran\nstatuses: 403 401'
)

# The connection as each kind of client takes it, on 127.0.0.1: Java knows no Unix socket.
as_application() {
    export PGHOST=127.0.0.1 PGDATABASE=$database PGUSER=$application PGPASSWORD=$password PGPASSFILE=/dev/null
    export DATABASE_URL=postgresql://$application:$password@127.0.0.1:$PGPORT/$database
    export JDBC_DATABASE_URL="jdbc:postgresql://127.0.0.1:$PGPORT/$database?user=$application&password=$password"
    export PYTHONDONTWRITEBYTECODE=1
    "$@"
}

# Debian's interpreters by their path: they have Debian's packages, another one first on the PATH has not.
run_node() { node examples/node/scenario.mjs; }
run_psycopg() { /usr/bin/python3 examples/psycopg/scenario.py; }
run_sqlalchemy() { /usr/bin/python3 examples/sqlalchemy/scenario.py; }
run_django() { /usr/bin/python3 examples/django/scenario.py; }
run_ruby() { /usr/bin/ruby examples/ruby/scenario.rb; }
run_activerecord() { /usr/bin/ruby examples/activerecord/scenario.rb; }
run_prisma() {
    # The generated client lies in node_modules. Generating asks for an engine that this client does without: any file will do.
    (cd examples/prisma && CHECKPOINT_DISABLE=1 PRISMA_SCHEMA_ENGINE_BINARY=/bin/true node_modules/.bin/prisma generate) >"$SCRATCH/generate" 2>&1 ||
        cat "$SCRATCH/generate" >&2
    node examples/prisma/scenario.mjs
}
run_jdbc() {
    local jars=/usr/share/java/postgresql.jar:/usr/share/java/HikariCP.jar:/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar
    javac -d "$SCRATCH/jdbc" -cp "$jars" examples/jdbc/*.java && java -cp "$SCRATCH/jdbc:$jars" Scenario
}
run_pgx() {
    # Debian's Go packages are a GOPATH without modules.
    (cd examples/pgx && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$SCRATCH/go HOME=$SCRATCH go build -o "$SCRATCH/pgx" .) && "$SCRATCH/pgx"
}

for client in "$@"; do
    (as_application "run_$client") >"$SCRATCH/have" 2>"$SCRATCH/trouble" </dev/null
    while IFS= read -r line; do
        fact=${line%%: *}
        is "$(grep "^$fact: " "$SCRATCH/have")" "$line" "$client: $fact"
    done <<<"$want${more[$client]:+$'\n'${more[$client]}}"
    [[ ! -s $SCRATCH/trouble ]] || sed 's/^/# /' "$SCRATCH/trouble"
    # What one client wrote by mistake is no failure of the next one.
    quiet_psql -d $database -c "delete from app.patients where first_name = 'New'"
done

finish
